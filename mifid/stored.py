"""Reads a file of saved features block by block, and refuses what has no score."""

import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from mifid import npz
from mifid.errors import InputError

KEY = "features"
STATISTICS = ("m", "s")
FACTS = ("names", "network", "graph", "side", "skipped", "notes", "precision")
DAMAGES = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    MemoryError,
    RuntimeError,
    BadZipFile,
    zlib.error,
)  # what numpy and zipfile raise for a file that is none of theirs, cut, encrypted or garbled
LARGEST = 1e70  # of a feature: the product of two covariances of such ones is still a number


def read(path: Path) -> Iterator[Any]:
    """Yield what the file says beside its features with their shape and type, then them in blocks.

    The first item is (arrays by name, (N, D), type), the others are (n, D) each. Raises InputError
    when the file is damaged or holds no features that have a score, at the latest after the last.
    """
    what = f"{path}: '{KEY}'"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            if KEY not in arrays:
                raise InputError(
                    f"{path}: holds no array '{KEY}' (statistics alone have no nearest pictures);"
                    " write it with: python -m mifid features"
                )
            found = {key: arrays[key] for key in STATISTICS + FACTS if key in arrays}
            with arrays.zip.open(f"{KEY}.npy") as member:
                shape, by_column, dtype = npz.read_header(member)
                _check_form(shape, dtype, what)
                if shape[0] * shape[1] * dtype.itemsize > arrays.zip.getinfo(member.name).file_size:
                    raise ValueError("the array is shorter than it says")
                yield found, shape, dtype
                # Columns are no blocks of rows: an array that lies so is read as a whole.
                whole = npz.blocks_of(arrays[KEY]) if by_column else None
                yield from _checked(whole or npz.read_rows(member, shape, dtype), what, shape[0])
    except FileNotFoundError as error:
        raise InputError(f"{path}: not found; write it with: python -m mifid features") from error
    except DAMAGES as error:
        raise InputError(f"{path}: no saved features, or damaged ({error}); write again") from error


def check_values(values: np.ndarray, what: str) -> None:
    """Raise InputError for features that have no score; ``what`` is what the line calls them."""
    _check_form(values.shape, values.dtype, what)
    deque(_checked([values], what, len(values)), maxlen=0)


def texts(found: dict[str, np.ndarray], key: str) -> tuple[str, ...]:
    """Return an array's texts; none where there is no such array."""
    return tuple(str(text) for text in np.ravel(found.get(key, ())))


def whole_number(found: dict[str, np.ndarray], key: str) -> int:
    """Return a whole number; 0 where there is none."""
    value = found.get(key, np.array(0))
    return int(value) if value.shape == () and value.dtype.kind in "iu" else 0


def statistics(
    path: Path, found: dict[str, np.ndarray], dimensions: int
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return ``m`` (D,) and ``s`` (D, D) in float64, where both are there.

    Raises InputError when they have another size than the features, or are no numbers.
    """
    if "m" not in found or "s" not in found:
        return None
    mean, covariance = found["m"], found["s"]
    right = (
        mean.shape == (dimensions,)
        and covariance.shape == (dimensions, dimensions)
        and {mean.dtype.kind, covariance.dtype.kind} == {"f"}
        and float(abs(mean).max()) <= LARGEST  # which NaN is not
        and float(abs(covariance).max()) <= LARGEST**2
    )
    if not right:
        raise InputError(f"{path}: 'm' and 's' do not belong to 'features'; leave them out")
    return mean.astype(np.float64), covariance.astype(np.float64)


def _check_form(shape: tuple[int, ...], dtype: np.dtype, what: str) -> None:
    if len(shape) != 2 or dtype.kind != "f" or not shape[1]:
        raise InputError(
            f"{what} is no (pictures, features) array of finite numbers in floating point:"
            f" {dtype} of shape {shape}; extract them again"
        )


def _checked(blocks: Iterable[np.ndarray], what: str, total: int) -> Iterator[np.ndarray]:
    """Pass on the blocks of ``total`` rows; after them, raise InputError if one has no score."""
    wrong: list[int] = []
    start, largest = 0, 0.0
    for block in blocks:
        wrong += (start + np.flatnonzero(~np.isfinite(block).all(axis=1))).tolist()
        start += len(block)
        if block.size:
            largest = max(largest, float(block.max()), -float(block.min()))
        yield block
    if wrong:
        raise InputError(
            f"{what} is no array of finite numbers: NaN or infinity in {len(wrong):,} of"
            f" {total:,} rows, the first is row {wrong[0]}; extract them again"
        )
    if largest > LARGEST:
        raise InputError(
            f"{what} has numbers over {LARGEST:g}, too large for a covariance; extract them again"
        )
