"""The reader of frozen graphs, on bytes written by hand; TensorFlow's own come in another file."""

import struct
from pathlib import Path

import numpy as np
import pytest

from mifid.errors import InputError
from mifid.graph import git_blob_id, read_graph
from mifid.protobuf import Message


def varint(number: int) -> bytes:
    number %= 2**64
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def field(number: int, value: int | bytes | float) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name: bytes, value: bytes) -> bytes:
    return field(5, field(1, name) + field(2, value))


def tensor(kind: int, shape: tuple[int, ...], values: bytes) -> bytes:
    sizes = b"".join(field(2, field(1, size)) for size in shape)
    return field(8, field(1, kind) + field(2, sizes) + values)


def node(name: bytes, op: bytes, rest: bytes = b"") -> bytes:
    return field(1, field(1, name) + field(2, op) + rest)


def constant(*values: bytes, kind: int = 1, shape: tuple[int, ...] = ()) -> bytes:
    return node(b"c", b"Const", attribute(b"value", tensor(kind, shape, b"".join(values))))


def written(folder: Path, content: bytes) -> Path:
    path = folder / "graph.pb"
    path.write_bytes(content)
    return path


def value_of(folder: Path, content: bytes) -> np.ndarray:
    value = read_graph(written(folder, content)).nodes["c"].attributes["value"]
    assert isinstance(value, np.ndarray)
    return value


def test_node_with_attributes_of_every_kind(tmp_path: Path) -> None:
    attributes = (
        attribute(b"padding", field(2, b"SAME"))
        + attribute(b"epsilon", field(4, 0.5))
        + attribute(b"offset", field(3, -7))
        + attribute(b"flag", field(5, 1))
        + attribute(b"packed", field(1, field(3, varint(1) + varint(300))))
        + attribute(b"single", field(1, field(3, 2) + field(3, 3)))
        + attribute(b"shape", field(7, b""))
    )
    inputs = field(3, b"a") + field(3, b"^later") + field(3, b"b:1")
    path = written(tmp_path, node(b"x/y", b"Conv2D", inputs + attributes))

    found = read_graph(path).nodes["x/y"]

    assert (found.op, found.inputs) == ("Conv2D", ("a", "b:1"))
    assert found.attributes == {
        "padding": b"SAME",
        "epsilon": 0.5,
        "offset": -7,
        "flag": 1,
        "packed": [1, 300],
        "single": [2, 3],
    }


def test_tensor_as_raw_bytes(tmp_path: Path) -> None:
    content = field(4, np.arange(6, dtype="<f4").tobytes())
    value = value_of(tmp_path, constant(content, shape=(2, 3)))
    np.testing.assert_array_equal(value, np.arange(6, dtype=np.float32).reshape(2, 3))


def test_left_out_tail_repeats_the_last_value(tmp_path: Path) -> None:
    value = value_of(tmp_path, constant(field(5, 1.5), field(5, 2.5), shape=(2, 2)))
    np.testing.assert_array_equal(value, np.array([[1.5, 2.5], [2.5, 2.5]], np.float32))


def test_tensor_without_values_is_zero(tmp_path: Path) -> None:
    np.testing.assert_array_equal(value_of(tmp_path, constant(shape=(3,))), np.zeros(3))


def test_packed_negative_integers(tmp_path: Path) -> None:
    value = value_of(tmp_path, constant(field(7, varint(-1) + varint(299)), kind=3, shape=(2,)))
    np.testing.assert_array_equal(value, np.array([-1, 299], np.int32))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"<html>not found</html>",
        b"\x0a\x05abc",
        b"\xff" * 20,
        field(1, 3),
        node(b"", b"Const")[:1],
        field(1, field(1, b"nameless")),
        node(b"\xff\xfe", b"Const"),
        constant(field(4, b"12345"), shape=(1,)),
        constant(field(4, b"1234" * 3), shape=(2,)),
        constant(shape=(2**40,)),
        constant(shape=(-1,)),
        constant(field(7, 2**40), kind=3),
        node(b"x", b"y", attribute(b"list", field(1, field(3, b"\xff")))),
        node(b"x", b"y", attribute(b"i", field(3, b""))),
    ],
)
def test_damaged_file_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = written(tmp_path, content)
    with pytest.raises(InputError) as error:
        read_graph(path)
    assert str(error.value).startswith(str(path))
    assert "\n" not in str(error.value)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_graph(tmp_path / "none.pb")


def test_random_damage_never_escapes(tmp_path: Path) -> None:
    whole = constant(field(4, b"1234" * 4), shape=(2, 2)) + node(
        b"x", b"y", attribute(b"list", field(1, field(3, varint(5))))
    )
    random = np.random.default_rng(0)
    refused = 0
    for _ in range(400):
        damaged = bytearray(whole[: random.integers(1, len(whole) + 1)])
        damaged[random.integers(len(damaged))] = random.integers(256)
        try:
            read_graph(written(tmp_path, bytes(damaged)))
        except InputError:
            refused += 1
    assert refused > 200


def test_wrong_kind_of_field_is_refused() -> None:
    with pytest.raises(ValueError, match="a number in place of bytes"):
        Message(field(1, 5)).texts(1)


@pytest.mark.parametrize(
    ("content", "expected"),  # as printed by: git hash-object
    [
        (b"", "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
        (b"hello\n", "ce013625030ba8dba906f756967f9e9ca394464a"),
    ],
)
def test_git_blob_id(tmp_path: Path, content: bytes, expected: str) -> None:
    assert git_blob_id(written(tmp_path, content)) == expected


def test_reads_all_of_the_inception_graph(graph_file: Path) -> None:
    graph = read_graph(graph_file)
    assert len(graph.nodes) == 988
    assert graph.git_id == "eba70efeb1edd6915d74fac8ea55cd3edbb49590"
    assert graph.nodes["conv/batchnorm"].attributes["variance_epsilon"] == pytest.approx(1e-3)
    assert graph.nodes["mixed_10/tower_2/pool"].op == "MaxPool"
