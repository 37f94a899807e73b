"""Makes a torch network of a frozen TensorFlow graph.

The graph is walked back from the wanted tensor to the given one, and each node on the way becomes
one step of a ``torch.fx.GraphModule``: an ordinary module, which moves, compiles and exports like
any other, with TensorFlow's scopes as its modules' names.

TensorFlow's pictures are (N, H, W, C); torch's are (N, C, H, W). The one permutation at the input
is free (it only renames the axes) and leaves the memory in the channels_last format, the faster
one.
"""

import operator
from collections.abc import Callable
from graphlib import CycleError, TopologicalSorter
from typing import Any

import numpy as np
import torch
from torch import fx, nn
from torch.nn import functional as F

from mifid.errors import InputError
from mifid.graph import Graph, Node
from mifid.operations import Pair, average_pool_same, pad_same, resize_bilinear

AXES = {0: 0, 1: 2, 2: 3, 3: 1}  # of (N, H, W, C) -> of (N, C, H, W)
NO_DILATION = [1, 1, 1, 1]


def translate(graph: Graph, source: str, target: str) -> fx.GraphModule:
    """Return the module that computes tensor ``target`` from tensor ``source``.

    It takes (N, H, W, C) float32 and gives ``target`` as (N, C, H, W). Batch normalisation is
    folded into the convolutions. Raises InputError naming the node when the graph lacks something
    or holds an operation that is not known here.
    """
    return _Translation(graph, _node_of(source), _node_of(target)).module()


def _node_of(tensor: str) -> str:
    name, _, output = tensor.partition(":")
    if output not in ("", "0"):
        raise InputError(f"tensor {tensor}: only a node's first output is supported")
    return name


class _Translation:
    """One graph's way into torch: the steps so far, the convolutions, the values by node."""

    def __init__(self, graph: Graph, source: str, target: str) -> None:
        self.graph, self.source, self.target = graph, source, target
        self.steps = fx.Graph()
        self.convolutions: dict[str, nn.Module] = {}
        self.values: dict[str, fx.Node] = {}

    def module(self) -> fx.GraphModule:
        """Translate everything between the source and the target, in order."""
        order = self.order()
        pictures = self.steps.placeholder("pictures")
        self.values[self.source] = self.steps.call_method("permute", (pictures, 0, 3, 1, 2))
        for name in order:
            self.values[name] = self.step(self.graph.nodes[name])
        self.steps.output(self.values[self.target])
        module = fx.GraphModule(self.convolutions, self.steps)
        return module.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def order(self) -> list[str]:
        """List the nodes between source and target, each after its inputs; constants left out."""
        inputs: dict[str, list[str]] = {self.source: []}
        waiting = [self.target]
        while waiting:
            name = waiting.pop()
            if name in inputs:
                continue
            node = self.node(name)
            inputs[name] = [i for i in map(_node_of, node.inputs) if self.node(i).op != "Const"]
            waiting += inputs[name]
        try:
            return [
                name for name in TopologicalSorter(inputs).static_order() if name != self.source
            ]
        except CycleError as error:
            raise self.refusal(self.target, f"is computed from itself: {error.args[1]}") from error

    def step(self, node: Node) -> fx.Node:
        """Translate one node, its inputs being translated."""
        if node.op not in OPERATIONS:
            raise self.refusal(node.name, f"has operation {node.op}, which is not known here")
        return OPERATIONS[node.op](self, node)

    def refusal(self, name: str, why: str) -> InputError:
        return InputError(f"{self.graph.path}: node {name} {why}; is this the right graph?")

    def node(self, name: str) -> Node:
        if name not in self.graph.nodes:
            raise self.refusal(name, "is not in the graph")
        return self.graph.nodes[name]

    def value(self, node: Node, index: int = 0) -> fx.Node:
        """Return the node's input as a step's result."""
        name = _node_of(self.input(node, index))
        if name not in self.values:
            raise self.refusal(node.name, f"has the constant {name} where it needs pictures")
        return self.values[name]

    def constant(self, node: Node, index: int) -> np.ndarray:
        """Return the node's input as a constant's value."""
        name = _node_of(self.input(node, index))
        value = self.node(name).attributes.get("value")
        if self.node(name).op != "Const" or not isinstance(value, np.ndarray):
            raise self.refusal(node.name, f"needs a constant of numbers where it has {name}")
        return value

    def input(self, node: Node, index: int) -> str:
        if not -len(node.inputs) <= index < len(node.inputs):
            raise self.refusal(node.name, f"has only {len(node.inputs)} inputs")
        return node.inputs[index]

    def attribute(self, node: Node, name: str) -> Any:
        if name not in node.attributes:
            raise self.refusal(node.name, f"lacks the attribute {name}")
        return node.attributes[name]

    def spatial(self, node: Node, name: str) -> Pair:
        """Return an attribute [1, height, width, 1] as (height, width)."""
        sizes = self.attribute(node, name)
        if len(sizes) != 4 or sizes[0] != 1 or sizes[3] != 1 or min(sizes) < 1:
            raise self.refusal(node.name, f"has {name} {sizes}, not [1, height, width, 1]")
        return sizes[1], sizes[2]

    def padding(self, node: Node, kernel: Pair, stride: Pair) -> Pair | None:
        """Return the padding in torch's own terms, or None where only ``pad_same`` can do it."""
        if node.attributes.get("data_format", b"NHWC") != b"NHWC":
            raise self.refusal(node.name, "has another data format than NHWC")
        kind = self.attribute(node, "padding")
        if kind == b"VALID":
            return 0, 0
        if kind != b"SAME":
            raise self.refusal(node.name, f"has padding {kind!r}, neither SAME nor VALID")
        if stride == (1, 1) and kernel[0] % 2 and kernel[1] % 2:
            return kernel[0] // 2, kernel[1] // 2
        return None

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> fx.Node:
        return self.steps.call_function(function, args, kwargs)


def _same_value(to: _Translation, node: Node) -> fx.Node:
    return to.value(node)


def _relu(to: _Translation, node: Node) -> fx.Node:
    return to.call(F.relu, to.value(node))


def _arithmetic(function: Callable[..., Any]) -> Callable[[_Translation, Node], fx.Node]:
    def step(to: _Translation, node: Node) -> fx.Node:
        constant = to.constant(node, 1)
        if constant.size != 1:
            raise to.refusal(node.name, f"has a constant of shape {constant.shape}, not one number")
        return to.call(function, to.value(node), constant.item())

    return step


def _resize(to: _Translation, node: Node) -> fx.Node:
    for option in ("align_corners", "half_pixel_centers"):
        if node.attributes.get(option):
            raise to.refusal(node.name, f"resizes with {option}, which is not known here")
    height, width = to.constant(node, 1).tolist()
    return to.call(resize_bilinear, to.value(node), height, width)


def _convolution(to: _Translation, node: Node) -> fx.Node:
    filters = to.constant(node, 1)  # (height, width, in, out)
    if filters.ndim != 4 or node.attributes.get("dilations", NO_DILATION) != NO_DILATION:
        raise to.refusal(node.name, "is not a plain convolution of pictures")
    kernel, stride = filters.shape[:2], to.spatial(node, "strides")
    padding, x = to.padding(node, kernel, stride), to.value(node)
    if padding is None:
        padding, x = (0, 0), to.call(pad_same, x, kernel, stride)
    # Without torch's own initialisation, which would cost more than reading the file.
    layer = nn.utils.skip_init(
        nn.Conv2d, filters.shape[2], filters.shape[3], kernel, stride=stride, padding=padding
    )
    layer.requires_grad_(False)
    _fill(layer, filters.transpose(3, 2, 0, 1), np.zeros(filters.shape[3]))
    name = node.name.replace("/", ".")
    to.convolutions[name] = layer
    return to.steps.call_module(name, (x,))


def _fill(layer: nn.Module, weight: np.ndarray, bias: np.ndarray) -> None:
    state = {"weight": weight, "bias": bias}
    layer.load_state_dict({key: torch.tensor(value) for key, value in state.items()})


def _batch_norm(to: _Translation, node: Node) -> fx.Node:
    """Fold the normalisation into the convolution before it, in float64."""
    x = to.value(node)
    layer = to.convolutions.get(str(x.target))
    if x.op != "call_module" or layer is None or x.users:
        raise to.refusal(node.name, "normalises something else than a convolution of its own")
    mean, variance, beta, gamma = (to.constant(node, i).astype(np.float64) for i in range(1, 5))
    scale = 1 / np.sqrt(variance + to.attribute(node, "variance_epsilon"))
    if to.attribute(node, "scale_after_normalization"):
        scale = scale * gamma
    weight = layer.get_parameter("weight").double().numpy()
    bias = layer.get_parameter("bias").double().numpy()
    _fill(layer, weight * scale[:, None, None, None], (bias - mean) * scale + beta)
    return x


def _max_pool(to: _Translation, node: Node) -> fx.Node:
    kernel, stride = to.spatial(node, "ksize"), to.spatial(node, "strides")
    padding, x = to.padding(node, kernel, stride), to.value(node)
    if padding is None:
        padding, x = (0, 0), to.call(pad_same, x, kernel, stride, float("-inf"))
    return to.call(F.max_pool2d, x, kernel, stride, padding)


def _average_pool(to: _Translation, node: Node) -> fx.Node:
    kernel, stride = to.spatial(node, "ksize"), to.spatial(node, "strides")
    padding, x = to.padding(node, kernel, stride), to.value(node)
    if padding is None:
        return to.call(average_pool_same, x, kernel, stride)
    return to.call(F.avg_pool2d, x, kernel, stride, padding, count_include_pad=False)


def _concat(to: _Translation, node: Node) -> fx.Node:
    """Join along a dimension that is the first input (the 2015 operation has it there)."""
    dimension = int(to.constant(node, 0))
    parts = [to.value(node, index) for index in range(1, len(node.inputs))]
    if not 0 <= dimension < 4 or not parts:
        raise to.refusal(node.name, f"joins {len(parts)} inputs along dimension {dimension}")
    return to.call(torch.cat, parts, AXES[dimension])


OPERATIONS: dict[str, Callable[[_Translation, Node], fx.Node]] = {
    "AvgPool": _average_pool,
    "BatchNormWithGlobalNormalization": _batch_norm,
    "CheckNumerics": _same_value,
    "Concat": _concat,
    "Conv2D": _convolution,
    "Identity": _same_value,
    "MaxPool": _max_pool,
    "Mul": _arithmetic(operator.mul),
    "Relu": _relu,
    "ResizeBilinear": _resize,
    "Sub": _arithmetic(operator.sub),
}
