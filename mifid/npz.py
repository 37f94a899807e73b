"""An array in an ``.npz`` file, read and written by blocks of rows: memory need not hold it."""

from collections.abc import Iterable, Iterator, Mapping
from typing import IO, Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy

BLOCK = 1024  # rows that are in memory at once


def read_header(member: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    """Return an array's shape, whether it lies column by column, and its type."""
    old = npy.read_magic(member) == (1, 0)
    return (npy.read_array_header_1_0 if old else npy.read_array_header_2_0)(member)


def read_rows(member: IO[bytes], shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    """Yield the rows (n, D) of an array that lies row by row, after its header.

    Raises ValueError or BadZipFile where the file is damaged.
    """
    rows, width = shape
    for start in range(0, rows, BLOCK):
        count = min(BLOCK, rows - start)
        data = member.read(count * width * dtype.itemsize)
        if len(data) < count * width * dtype.itemsize:
            raise ValueError("the array is shorter than it says")
        yield np.frombuffer(data, dtype).reshape(count, width)
    member.read(1)  # only at a member's end is its checksum compared


def blocks_of(rows: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the rows (N, D), without copying them."""
    for start in range(0, len(rows), BLOCK):
        yield rows[start : start + BLOCK]


def write(
    file: IO[bytes],
    key: str,
    shape: tuple[int, int],
    dtype: np.dtype,
    blocks: Iterable[np.ndarray],
    others: Mapping[str, Any],
) -> None:
    """Write what ``numpy.savez`` would, to the byte: the array of these blocks, then the others."""
    with ZipFile(file, "w") as archive:
        with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
            header = {"descr": npy.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
            npy.write_array_header_1_0(member, header)
            for block in blocks:
                member.write(np.ascontiguousarray(block, dtype).tobytes())
        for name, value in others.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                npy.write_array(member, np.asanyarray(value), allow_pickle=False)
