"""Writes a frozen graph's weights as the other tools read theirs, so that all run one network.

pytorch-fid, torch-fidelity and torchmetrics read torchvision's names for the layers of Inception;
clean-fid loads a TorchScript file with NVIDIA's interface.
"""

import shutil
import warnings
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.peers import CLEAN_FID, PYTORCH_FID, TORCH_FIDELITY
from mifid.errors import InputError
from mifid.graph import Graph, read_graph
from mifid.profiles import PUBLIC
from mifid.published import SIZE
from mifid.translate import translate

EPSILON = 0.001  # is added to the variances by the other tools' modules, whatever the graph says
FEATURES, CLASSES = 2048, 1008
SCALED = "Mul:0"  # the graph's tensor after resizing and scaling

# Scopes of the graph and names of the modules, block by block.
STEM = {
    "conv": "Conv2d_1a_3x3",
    "conv_1": "Conv2d_2a_3x3",
    "conv_2": "Conv2d_2b_3x3",
    "conv_3": "Conv2d_3b_1x1",
    "conv_4": "Conv2d_4a_3x3",
}
BLOCK_35 = {  # 35x35 pixels
    "conv": "branch1x1",
    "tower/conv": "branch5x5_1",
    "tower/conv_1": "branch5x5_2",
    "tower_1/conv": "branch3x3dbl_1",
    "tower_1/conv_1": "branch3x3dbl_2",
    "tower_1/conv_2": "branch3x3dbl_3",
    "tower_2/conv": "branch_pool",
}
TO_17 = {
    "conv": "branch3x3",
    "tower/conv": "branch3x3dbl_1",
    "tower/conv_1": "branch3x3dbl_2",
    "tower/conv_2": "branch3x3dbl_3",
}
BLOCK_17 = {
    "conv": "branch1x1",
    "tower/conv": "branch7x7_1",
    "tower/conv_1": "branch7x7_2",
    "tower/conv_2": "branch7x7_3",
    "tower_1/conv": "branch7x7dbl_1",
    "tower_1/conv_1": "branch7x7dbl_2",
    "tower_1/conv_2": "branch7x7dbl_3",
    "tower_1/conv_3": "branch7x7dbl_4",
    "tower_1/conv_4": "branch7x7dbl_5",
    "tower_2/conv": "branch_pool",
}
TO_8 = {
    "tower/conv": "branch3x3_1",
    "tower/conv_1": "branch3x3_2",
    "tower_1/conv": "branch7x7x3_1",
    "tower_1/conv_1": "branch7x7x3_2",
    "tower_1/conv_2": "branch7x7x3_3",
    "tower_1/conv_3": "branch7x7x3_4",
}
BLOCK_8 = {
    "conv": "branch1x1",
    "tower/conv": "branch3x3_1",
    "tower/mixed/conv": "branch3x3_2a",
    "tower/mixed/conv_1": "branch3x3_2b",
    "tower_1/conv": "branch3x3dbl_1",
    "tower_1/conv_1": "branch3x3dbl_2",
    "tower_1/mixed/conv": "branch3x3dbl_3a",
    "tower_1/mixed/conv_1": "branch3x3dbl_3b",
    "tower_2/conv": "branch_pool",
}
BLOCKS = {
    "mixed": ("Mixed_5b", BLOCK_35),
    "mixed_1": ("Mixed_5c", BLOCK_35),
    "mixed_2": ("Mixed_5d", BLOCK_35),
    "mixed_3": ("Mixed_6a", TO_17),
    "mixed_4": ("Mixed_6b", BLOCK_17),
    "mixed_5": ("Mixed_6c", BLOCK_17),
    "mixed_6": ("Mixed_6d", BLOCK_17),
    "mixed_7": ("Mixed_6e", BLOCK_17),
    "mixed_8": ("Mixed_7a", TO_8),
    "mixed_9": ("Mixed_7b", BLOCK_8),
    "mixed_10": ("Mixed_7c", BLOCK_8),
}
MODULES = STEM | {
    f"{block}/{scope}": f"{module}.{branch}"
    for block, (module, branches) in BLOCKS.items()
    for scope, branch in branches.items()
}


def export(path: Path, folder: Path, device: torch.device) -> None:
    """Write the graph's weights into the folder in all the other tools' formats.

    device: where the TorchScript file will run. Raises InputError where the file is no Inception
    of 2015.
    """
    graph = read_graph(path)
    (folder / PYTORCH_FID).parent.mkdir(parents=True)
    torch.save(state_dict(graph), folder / PYTORCH_FID)
    shutil.copy(folder / PYTORCH_FID, folder / TORCH_FIDELITY)
    script(graph, device).save(folder / CLEAN_FID)


def state_dict(graph: Graph) -> dict[str, Tensor]:
    """Return the weights under torchvision's names: convolutions and their batch norms, unfolded.

    The classifier is zeros: no distance looks at it, and the modules only load with one.
    """
    weights: dict[str, Tensor] = {}
    for scope, module in MODULES.items():
        filters = _constant(graph, f"{scope}/conv2d_params")  # (height, width, in, out)
        weights[f"{module}.conv.weight"] = torch.tensor(filters.transpose(3, 2, 0, 1))
        for name, value in _batch_norm(graph, scope).items():
            weights[f"{module}.bn.{name}"] = torch.tensor(value)
    weights["fc.weight"] = torch.zeros(CLASSES, FEATURES)
    weights["fc.bias"] = torch.zeros(CLASSES)
    return weights


def script(graph: Graph, device: torch.device) -> torch.jit.ScriptModule:
    """Return the graph as TorchScript in the interface of NVIDIA's ``inception-2015-12-05.pt``.

    It takes (N, 3, 64, 64) float32 RGB 0..255 and gives (N, 2048, 1, 1); its ``layers`` take what
    is resized and scaled already.
    """
    resize = _Planes(translate(graph, PUBLIC.input, SCALED)).to(device)
    layers = _Planes(translate(graph, SCALED, PUBLIC.output)).to(device)
    pictures = torch.zeros(2, 3, SIZE, SIZE, device=device)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and all that clean-fid reads
        scaled = resize(pictures)
        traced = (
            torch.jit.trace(resize, pictures, check_trace=False),
            torch.jit.trace(layers, scaled, check_trace=False),
        )
        return torch.jit.script(_Nvidia(*traced))


class _Planes(nn.Module):
    """A translated module, fed (N, C, H, W) in place of TensorFlow's order."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.module(x.permute(0, 2, 3, 1))
        return result


class _Nvidia(nn.Module):
    """What clean-fid calls: the whole, told to return features; or ``layers`` alone."""

    def __init__(self, resize: nn.Module, layers: nn.Module) -> None:
        super().__init__()
        self.resize, self.layers = resize, layers
        self.eval()

    def forward(self, x: Tensor, return_features: bool = True) -> Tensor:
        result: Tensor = self.layers(self.resize(x))
        return result


def _batch_norm(graph: Graph, scope: str) -> dict[str, np.ndarray]:
    """Return the parameters of torch's BatchNorm2d."""
    node = graph.nodes.get(f"{scope}/batchnorm")
    if node is None or "variance_epsilon" not in node.attributes:
        raise _refusal(graph, f"{scope}/batchnorm")
    mean, variance, beta, gamma = (
        _constant(graph, f"{scope}/batchnorm/{name}")
        for name in ("moving_mean", "moving_variance", "beta", "gamma")
    )
    scaled = node.attributes.get("scale_after_normalization")
    own = float(np.asarray(node.attributes["variance_epsilon"]))
    return {
        "weight": gamma if scaled else np.ones_like(gamma),
        "bias": beta,
        "running_mean": mean,
        "running_var": variance + np.float32(own - EPSILON),
    }


def _constant(graph: Graph, name: str) -> np.ndarray:
    value = graph.nodes[name].attributes.get("value") if name in graph.nodes else None
    if not isinstance(value, np.ndarray):
        raise _refusal(graph, name)
    return value


def _refusal(graph: Graph, name: str) -> InputError:
    return InputError(
        f"{graph.path}: holds no weights as {name}; --graph needs Inception of 2015"
        " (classify_image_graph_def.pb)"
    )
