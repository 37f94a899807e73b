"""Runs a frozen graph: translated to torch, by torch or OpenVINO, or by TensorFlow itself.

In float32 throughout (``exact``), or with the middle of the network in half precision (``fast``).
Which part was measured, not guessed: rounding the preparation moves the features by 0.4 of their
length, rounding the first layers moves the distance by 0.4 %, rounding the last two blocks the FID
by 0.3 % (docs/precision.md).
"""

from collections.abc import Sequence
from importlib.util import find_spec

import torch
from torch import Tensor, nn

from mifid import openvino_module
from mifid.errors import InputError
from mifid.graph import Graph, depends
from mifid.openvino_module import OpenVINOModule
from mifid.tensorflow_module import TensorFlowModule
from mifid.translate import translate

BACKENDS = ("auto", "torch", "openvino", "tensorflow")
Tensors = tuple[str, str]  # from the first, as (N, H, W, C), to the second


def run_with(
    backend: str,
    graph: Graph,
    tensors: Tensors,
    example: Tensor,
    half: tuple[Tensors, torch.dtype] | None = None,
) -> nn.Module:
    """Return a module from the first of ``tensors`` to the second, on ``example``'s device.

    It takes (N, H, W, C) and gives (N, C, H, W) or (N, C), float32.

    backend: ``torch``, ``openvino``, ``tensorflow``, or ``auto``: on a CPU OpenVINO where it is
    installed, else torch; TensorFlow where the translation does not know every node.
    example: an input, N over 1.
    half: the stretch that is computed in a shorter type, and that type; None: float32 throughout.

    Raises InputError when the graph lacks a tensor, or nothing here can run it.
    """
    on_cpu = example.device.type == "cpu"
    if backend == "openvino" and not on_cpu:
        raise InputError("--backend openvino runs on the CPU; give --device cpu")
    if backend == "tensorflow":
        return _in_tensorflow(graph, tensors, half)
    stages = _stages(graph, tensors, half)
    try:
        modules = [(translate(graph, *ends), dtype) for ends, dtype in stages]
    except InputError:
        if backend != "auto" or find_spec("tensorflow") is None:
            raise
        return _in_tensorflow(graph, tensors, half)
    if backend == "openvino" or (backend == "auto" and on_cpu and openvino_module.installed()):
        return _in_openvino(modules, example)
    return _Chain(*(_Rounded(module, dtype) for module, dtype in modules)).to(example.device)


def _stages(
    graph: Graph, tensors: Tensors, half: tuple[Tensors, torch.dtype] | None
) -> list[tuple[Tensors, torch.dtype]]:
    """Cut the way from source to target where the precision changes."""
    source, target = tensors
    if half is None or target == half[0][0] or not depends(graph, target, half[0][0]):
        return [(tensors, torch.float32)]
    (start, end), dtype = half
    if not depends(graph, target, end):  # an earlier layer
        end = target
    stages = [((source, start), torch.float32), ((start, end), dtype)]
    return stages if end == target else [*stages, ((end, target), torch.float32)]


def _in_openvino(modules: Sequence[tuple[nn.Module, torch.dtype]], example: Tensor) -> nn.Module:
    compiled: list[nn.Module] = []
    with torch.inference_mode():
        for module, dtype in modules:
            following = module(example)
            compiled.append(OpenVINOModule(module, example, dtype))
            if following.ndim == 4:
                example = following.permute(0, 2, 3, 1)
    return _Chain(*compiled)


def _in_tensorflow(graph: Graph, tensors: Tensors, half: object) -> nn.Module:
    if half is not None:
        raise InputError(f"{graph.path}: TensorFlow runs it in full; leave out --precision fast")
    return TensorFlowModule(graph.path, *tensors)


class _Chain(nn.Sequential):
    """Stages of one graph: each takes (N, H, W, C) and gives (N, C, H, W)."""

    def forward(self, pictures: Tensor) -> Tensor:
        first, *others = self
        x: Tensor = first(pictures)
        for stage in others:
            x = stage(x.permute(0, 2, 3, 1))
        return x


class _Rounded(nn.Module):
    """A module whose weights and values have another type within; float32 outside."""

    def __init__(self, module: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.module, self.dtype = module.to(dtype), dtype

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.module(x.to(self.dtype))
        return result.float()
