"""Reads protocol buffers' wire format: a flat list of (field number, wire type, value).

This is all of it that a frozen graph uses. Nothing is copied: a message is a view of the file.
Reference: protobuf.dev, "Encoding".
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Message:
    """One message; every method takes a field number and returns all its values, in order.

    Raises ValueError when the bytes are no message, or a field is not of the kind asked for.
    """

    def __init__(self, data: bytes | memoryview) -> None:
        self.fields: defaultdict[int, list[int | memoryview]] = defaultdict(list)
        for number, value in _fields(memoryview(data)):
            self.fields[number].append(value)

    def __contains__(self, number: int) -> bool:
        return number in self.fields

    def blobs(self, number: int) -> list[memoryview]:
        """Return the field's values as bytes."""
        blobs = [value for value in self.fields.get(number, []) if isinstance(value, memoryview)]
        if len(blobs) != len(self.fields.get(number, [])):
            raise ValueError(f"field {number} holds a number in place of bytes")
        return blobs

    def texts(self, number: int) -> list[str]:
        """Return the field's values as text."""
        return [str(blob, "utf-8") for blob in self.blobs(number)]

    def messages(self, number: int) -> list["Message"]:
        """Return the field's values as messages."""
        return [Message(blob) for blob in self.blobs(number)]

    def integers(self, number: int) -> list[int]:
        """Return the field's values as signed integers, whether written one by one or packed."""
        return [i for value in self.fields.get(number, []) for i in _integers(value)]

    def floats(self, number: int, dtype: type[np.floating] = np.float32) -> np.ndarray:
        """Return the field's values as floats, whether written one by one or packed."""
        return np.frombuffer(b"".join(self.blobs(number)), np.dtype(dtype).newbyteorder("<"))


def _fields(view: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yield (field number, value): varints as int, everything else as bytes."""
    at = 0
    while at < len(view):
        key, at = _varint(view, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(view, at)
            yield number, value
            continue
        if kind == BYTES:
            size, at = _varint(view, at)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        if at + size > len(view):
            raise ValueError(f"a field of {size} bytes runs past the end")
        yield number, view[at : at + size]
        at += size


def _integers(value: int | memoryview) -> Iterator[int]:
    if isinstance(value, int):
        yield _signed(value)
        return
    at = 0
    while at < len(value):
        number, at = _varint(value, at)
        yield _signed(number)


def _signed(value: int) -> int:
    return value - 2**64 if value >= 2**63 else value


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    """Return the base-128 number that starts at ``at``, and where it ends."""
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(view):
            raise ValueError("cut short within a number")
        byte = view[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError(f"no number at byte {at}")
