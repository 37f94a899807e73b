"""Runs a frozen graph: by the translation to torch, or by TensorFlow itself.

TensorFlow runs any graph and is the oracle for the translation, which is faster, needs no
TensorFlow and uses a GPU through torch.
"""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mifid.errors import InputError
from mifid.graph import Graph
from mifid.translate import translate

BACKENDS = ("auto", "torch", "tensorflow")


def run_with(backend: str, graph: Graph, source: str, target: str) -> nn.Module:
    """Return a module from tensor ``source`` (N, H, W, C) to ``target``: (N, C, H, W) or (N, C).

    backend: ``torch``, ``tensorflow``, or ``auto``: torch where it knows every node.

    Raises InputError when the graph lacks a tensor, or nothing here can run it.
    """
    if backend == "tensorflow":
        return TensorFlowModule(graph.path, source, target)
    try:
        return translate(graph, source, target)
    except InputError:
        if backend == "torch" or find_spec("tensorflow") is None:
            raise
        return TensorFlowModule(graph.path, source, target)


class TensorFlowModule(nn.Module):
    """A frozen graph in a TensorFlow session, on the CPU, behind the face of a torch module."""

    def __init__(self, path: Path, source: str, target: str) -> None:
        super().__init__()
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # its start-up messages say nothing
        try:
            import tensorflow as tf  # noqa: PLC0415 - takes seconds, and most users never need it
        except ImportError as error:
            raise InputError(
                f"{path}: needs TensorFlow to run, which is not installed: pip install tensorflow"
            ) from error
        definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        try:
            with tf.Graph().as_default() as graph:
                # In place of the file's own input, which may allow for one picture at a time.
                self.source = tf.compat.v1.placeholder(tf.float32, (None, None, None, 3))
                tf.import_graph_def(definition, name="", input_map={source: self.source})
            self.target = graph.get_tensor_by_name(target)
        except (KeyError, ValueError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path}: TensorFlow cannot use it ({reason})") from error
        self.session = tf.compat.v1.Session(graph=graph)

    def forward(self, pictures: Tensor) -> Tensor:
        """Run the session; gradients do not pass."""
        values: np.ndarray = self.session.run(self.target, {self.source: pictures.cpu().numpy()})
        result = torch.from_numpy(values).to(pictures.device)
        return result.permute(0, 3, 1, 2) if result.ndim == 4 else result
