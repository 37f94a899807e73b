"""Reads a frozen TensorFlow graph (a serialised GraphDef, ``.pb``) without TensorFlow.

The field numbers are those of TensorFlow's graph.proto, node_def.proto, attr_value.proto,
tensor.proto and tensor_shape.proto.
"""

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mifid.errors import InputError
from mifid.protobuf import Message

MAX_GRAPH_BYTES = 2**31 - 1  # what protocol buffers allow for one message
MAX_TENSOR_ELEMENTS = 2**28  # a few bytes can declare any shape; Inception's largest has 2**21

# DataType -> (numpy type, the TensorProto field that holds values written one by one).
FLOATS: dict[int, tuple[type[np.floating], int]] = {1: (np.float32, 5), 2: (np.float64, 6)}
INTEGERS: dict[int, tuple[type[np.generic], int]] = {
    3: (np.int32, 7),
    9: (np.int64, 10),
    10: (np.bool_, 11),
}

Attribute = bytes | int | float | list[int] | np.ndarray


@dataclass(frozen=True)
class Node:
    """One operation: where its inputs come from and what it was told.

    ``inputs`` holds data inputs only, as ``name`` or ``name:output``. Attributes: strings as
    bytes; integers, truths and types as int; lists of integers; tensors as arrays. Other kinds
    (shapes, functions, tensors of strings) are left out: no network needs them.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    attributes: Mapping[str, Attribute]


@dataclass(frozen=True)
class Graph:
    """A graph's nodes by name, the file that they came from and the id of its content."""

    nodes: Mapping[str, Node]
    path: Path
    git_id: str


def git_blob_id(path: Path) -> str:
    r"""Return git's id of the file's content: sha1 of ``blob <size>\0`` + bytes, 40 hex digits."""
    with path.open("rb") as file:
        header = b"blob %d\0" % path.stat().st_size
        return hashlib.file_digest(file, lambda: hashlib.sha1(header)).hexdigest()


def read_graph(path: Path) -> Graph:
    """Read a frozen graph.

    Raises InputError when the file cannot be read or is not a GraphDef.
    """
    try:
        if path.stat().st_size > MAX_GRAPH_BYTES:
            raise InputError(f"{path}: over 2 GiB, so no TensorFlow graph; give a frozen .pb")
        nodes = [_node(message) for message in Message(path.read_bytes()).messages(1)]
        git_id = git_blob_id(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give a frozen .pb") from error
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"{path}: no frozen TensorFlow graph, or a damaged one ({error}); fetch it again"
        ) from error
    if not nodes:
        raise InputError(f"{path}: no frozen TensorFlow graph, it holds no nodes; fetch it again")
    return Graph({node.name: node for node in nodes}, path, git_id)


def depends(graph: Graph, tensor: str, on: str) -> bool:
    """Return whether ``tensor`` is computed from the tensor ``on``, or is it."""
    wanted = on.partition(":")[0]
    seen, waiting = set[str](), [tensor.partition(":")[0]]
    while waiting:
        name = waiting.pop()
        if name == wanted:
            return True
        if name not in seen and name in graph.nodes:
            seen.add(name)
            waiting += [source.partition(":")[0] for source in graph.nodes[name].inputs]
    return False


def _node(message: Message) -> Node:
    names, ops = message.texts(1), message.texts(2)
    if not names or not ops:
        raise ValueError("a node without name or operation")
    # "^name" only orders the execution: no value flows.
    inputs = tuple(name for name in message.texts(3) if not name.startswith("^"))
    attributes = {}
    for entry in message.messages(5):
        for name, value in zip(entry.texts(1), entry.messages(2), strict=True):
            attribute = _attribute(value)
            if attribute is not None:
                attributes[name] = attribute
    return Node(names[0], ops[0], inputs, attributes)


def _attribute(message: Message) -> Attribute | None:
    if 1 in message:
        return message.messages(1)[0].integers(3)
    if 2 in message:
        return bytes(message.blobs(2)[0])
    for number in (3, 5, 6):  # an integer, a truth, a data type
        if number in message:
            return message.integers(number)[0]
    if 4 in message:
        return float(message.floats(4)[0])
    if 8 in message:
        return _tensor(message.messages(8)[0])
    return None


def _tensor(message: Message) -> np.ndarray | None:
    """Return the tensor's values, or None for a type that holds no numbers."""
    data_type = message.integers(1)[0] if 1 in message else 0
    if data_type not in FLOATS | INTEGERS:
        return None
    dtype, number = (FLOATS | INTEGERS)[data_type]
    shape = [size for sizes in message.messages(2) for size in _shape(sizes)]
    count = math.prod(shape)
    if any(size < 0 for size in shape) or count > MAX_TENSOR_ELEMENTS:
        raise ValueError(f"a tensor of shape {shape}")
    if 4 in message:
        values = np.frombuffer(message.blobs(4)[0], dtype)
    elif data_type in FLOATS:
        values = message.floats(number, FLOATS[data_type][0])
    else:
        values = np.array(message.integers(number), dtype)
    if values.size < count:  # the format leaves out a tail of equal values, and zeros altogether
        tail = values[-1] if values.size else dtype(0)
        values = np.concatenate([values, np.full(count - values.size, tail, dtype)])
    return values.reshape(shape)


def _shape(message: Message) -> list[int]:
    return [(dimension.integers(1) or [0])[0] for dimension in message.messages(2)]
