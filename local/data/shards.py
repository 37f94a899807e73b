"""Pictures in files that are mapped into memory: a set may be larger than any memory.

A shard is a safetensors file with one tensor, `pictures` (n, 3, P, P) uint8. All shards of a set
hold equally many pictures but the last, so that a row's number says where it lies. They are written
picture by picture, and read page by page.
"""

import json
import math
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from torch import Tensor

SHARD = 2**31  # bytes of pictures in a file: some file systems take files up to twice that
BLOCK = 2**26  # bytes of pictures that are in memory at once where all are looked at
ANNOUNCED = 2**17  # bytes that any system reads ahead at once, if it is told to
NAME = "pictures"  # of the tensor in each shard
HEADER = 256  # bytes before the first pixel, as they are known only after the last


class Shards:
    """Pictures (N, 3, P, P) uint8 on a disk; what is asked for is read, and nothing else.

    Rows are asked for as of a tensor: by a number, a slice, numbers (B,) int64 or choices (N,)
    bool. The answer is a tensor of its own, in memory.

    Args:
        files: of a set, in order.

    Raises:
        SafetensorError, OSError: a file is damaged, cut off or gone.
        ValueError: the files do not belong together.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._shards = [_Shard(file) for file in files]
        lengths = [shard.shape[0] for shard in self._shards]
        if not lengths or {*lengths[:-1], max(lengths)} != {lengths[0]}:
            raise ValueError(f"{len(files)} shards of {lengths} pictures are no set")
        if len({shard.shape[1:] for shard in self._shards}) > 1:
            raise ValueError("shards of different sizes are no set")
        self._each = lengths[0]
        self.shape = torch.Size((sum(lengths), *self._shards[0].shape[1:]))

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def nbytes(self) -> int:
        """Bytes of all pictures."""
        return self.shape.numel()

    def __getitem__(self, rows: int | slice | Tensor) -> Tensor:
        if isinstance(rows, int):
            if not -len(self) <= rows < len(self):
                raise IndexError(f"row {rows} of {len(self):,}")
            return self._read(np.array([rows % len(self)]))[0]
        if isinstance(rows, slice):
            return self._read(np.arange(*rows.indices(len(self))))
        wanted = rows.cpu().numpy()
        return self._read(np.flatnonzero(wanted) if wanted.dtype == bool else wanted)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:].numpy().astype(dtype or np.uint8, copy=False)

    def _read(self, rows: np.ndarray) -> Tensor:
        shards = rows // self._each
        numbers = np.unique(shards).tolist()
        if len(numbers) == 1:  # as most sets have one shard: nothing to put together
            (number,) = numbers
            return torch.from_numpy(self._shards[number].read(rows - number * self._each))
        read = np.empty((len(rows), *self.shape[1:]), np.uint8)
        for number in numbers:
            here = shards == number
            read[here] = self._shards[number].read(rows[here] - number * self._each)
        return torch.from_numpy(read)


Pictures = Tensor | Shards  # (N, 3, P, P) uint8, in memory or on a disk


def blocks(pictures: Pictures) -> Iterator[Tensor]:
    """All of the pictures in order, so many at once that memory does not notice."""
    rows = max(1, BLOCK // max(1, pictures[:1].nbytes))
    for first in range(0, len(pictures), rows):
        yield pictures[first : first + rows]


class ShardWriter:
    """Writes a set into a folder, shard after shard, within a context.

    Args:
        folder: that is there, and empty.
        side: of the pictures, pixels.

    Raises:
        OSError: something cannot be written.
    """

    def __init__(self, folder: Path, side: int) -> None:
        self.folder, self.side = folder, side
        self._most = max(1, SHARD // (3 * side * side))
        self._shards = 0
        self._rows = 0  # in the one that is open
        self._file: Any = None

    def __enter__(self) -> "ShardWriter":
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def write(self, picture: np.ndarray) -> None:
        """Adds a picture (3, P, P) uint8."""
        if self._rows == self._most:
            self._close()
        if self._file is None:
            self._file = (self.folder / f"pictures-{self._shards:05}.safetensors").open("wb")
            self._file.write(bytes(HEADER))
            self._shards, self._rows = self._shards + 1, 0
        self._file.write(picture.data)
        self._rows += 1

    def _close(self) -> None:
        if self._file is None:
            return
        file, self._file = self._file, None
        with file:
            file.seek(0)
            file.write(_header(self._rows, self.side))
            file.flush()
            os.fsync(file.fileno())  # or a power cut after the rename would leave zeros for pixels


def in_folder(folder: Path) -> Shards:
    """The set that a `ShardWriter` has left in a folder; errors as of `Shards`."""
    return Shards(sorted(folder.glob("pictures-*.safetensors")))


def _header(rows: int, side: int) -> bytes:
    """HEADER bytes: how long the rest is, and what the tensor is; spaces may follow."""
    about = {"dtype": "U8", "shape": [rows, 3, side, side]}
    offsets = [0, rows * 3 * side * side]
    text = json.dumps({NAME: about | {"data_offsets": offsets}}).ljust(HEADER - 8)
    return (HEADER - 8).to_bytes(8, "little") + text.encode()


class _Shard:
    """A file (n, 3, P, P) of which nothing is read yet; read-only, so that it counts for no memory.

    A page that is merely touched is waited for, one after another, or comes with megabytes around
    it, which the system guesses to be next. So it is told what comes, and reads that all at once.
    """

    def __init__(self, file: Path) -> None:
        with safe_open(file, framework="np") as stored:  # which makes sure that all of it is there
            self.shape = tuple(stored.get_slice(NAME).get_shape())
        with file.open("rb") as opened:
            self._map = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
        size = math.prod(self.shape)
        self._start = len(self._map) - size
        self._pictures = np.frombuffer(self._map, np.uint8, size, self._start).reshape(self.shape)
        self._tells = hasattr(mmap, "MADV_WILLNEED")  # not on every system
        if self._tells:
            self._map.madvise(mmap.MADV_RANDOM)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The pictures of rows (B,). NumPy lets other threads work while it waits for the disk."""
        if self._tells and len(rows):
            each = math.prod(self.shape[1:])
            for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
                self._announce(self._start + int(run[0]) * each, len(run) * each)
        return np.take(self._pictures, rows, axis=0)

    def _announce(self, first: int, size: int) -> None:
        """Tells the system that these bytes come next."""
        for at in range(first // mmap.PAGESIZE * mmap.PAGESIZE, first + size, ANNOUNCED):
            self._map.madvise(mmap.MADV_WILLNEED, at, min(ANNOUNCED, first + size - at))
