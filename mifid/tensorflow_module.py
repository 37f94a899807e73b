"""A frozen graph, run by TensorFlow itself: any graph, and the oracle for the translation."""

import os
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mifid.errors import InputError


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
