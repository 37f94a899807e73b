"""Reads pictures from a folder or a zip, in place, as batches of (N, 64, 64, 3) uint8.

The metric treats its two sides differently, and so does this file:

generated: must be a submission: every file a PNG of exactly 64x64 in RGB, as Kaggle demands.
real: the whole picture, squashed to 64x64 with Lanczos, no crop, aspect not kept. What cannot be
    decoded is left out and counted.

Zip members are read one by one and never unpacked, with limits on what they may declare.
"""

import hashlib
import io
import os
import shutil
import tempfile
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import IO, Literal, Self
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from PIL import Image

from mifid.errors import InputError
from mifid.published import SIZE

Side = Literal["generated", "real"]

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
COMPETITION_FOLDER = "all-dogs"
COMPETITION_ARCHIVES = ("all-dogs.zip", "generative-dog-images.zip")

MAX_FILE_BYTES = 64 * 2**20  # of one picture, uncompressed
MAX_ARCHIVE_BYTES = 4 * 2**30  # of an archive within an archive
MAX_PIXELS = 50_000_000  # the competition's largest picture has 8 million


@dataclass(frozen=True)
class Entry:
    """A picture that has been found: its name within the folder or archive, and how to read it.

    digest: changes when the content does.
    """

    name: str
    read: Callable[[], bytes]
    digest: Callable[[], str]


@dataclass
class Pictures:
    """Pictures that have been found and not yet decoded, sorted by name. Close after use."""

    path: Path
    side: Side
    entries: list[Entry]
    skipped: list[str] = field(default_factory=list)  # names; known once the batches are through
    archives: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.archives.close()

    def __len__(self) -> int:
        return len(self.entries)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield (size, 64, 64, 3) uint8, the last batch smaller, decoded ahead in threads.

        Never more than two batches wait, so the memory stays the same for any number of pictures.
        Raises InputError at the first generated picture that Kaggle would refuse.
        """
        todo = iter(self.entries)
        pending: deque[tuple[Entry, Future[np.ndarray | None]]] = deque()
        ready: list[np.ndarray] = []
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            try:
                for entry in islice(todo, 2 * size):
                    pending.append((entry, pool.submit(self._decode, entry)))
                while pending:
                    done, future = pending.popleft()
                    picture = future.result()
                    for entry in islice(todo, 1):
                        pending.append((entry, pool.submit(self._decode, entry)))
                    if picture is None:
                        self.skipped.append(done.name)
                        continue
                    ready.append(picture)
                    if len(ready) == size:
                        yield np.stack(ready)
                        ready = []
                if ready:
                    yield np.stack(ready)
            finally:
                pool.shutdown(cancel_futures=True)

    def _decode(self, entry: Entry) -> np.ndarray | None:
        """Return (64, 64, 3) uint8, or None for a real picture that cannot be decoded."""
        try:
            with Image.open(io.BytesIO(entry.read()), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise self._refusal(entry, f"has {image.width} x {image.height} pixels")
                if self.side == "generated":
                    self._check_submission(entry, image)
                    return np.asarray(image)
                whole = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
                return np.asarray(whole)
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise self._refusal(entry, "has far too many pixels") from error
        except Exception as error:  # Pillow and zipfile raise a dozen kinds for a damaged file
            if self.side == "real":
                return None
            raise InputError(
                f"{self.path}: {entry.name} cannot be decoded ({error}); write it again"
            ) from error

    def _check_submission(self, entry: Entry, image: Image.Image) -> None:
        """Hold a generated picture to the competition's own checks."""
        found = f"{image.width}x{image.height} {image.mode} {image.format}"
        if found != f"{SIZE}x{SIZE} RGB PNG":
            raise InputError(
                f"{self.path}: {entry.name} is {found}: Kaggle takes only images of size"
                f" {SIZE}x{SIZE}, RGB, PNG; write it so"
            )

    def _refusal(self, entry: Entry, what: str) -> InputError:
        return InputError(f"{self.path}: {entry.name} {what}; no picture for this, remove it")


def open_pictures(path: str | Path, side: Side, limit: int | None = None) -> Pictures:
    """Find the pictures of a folder (recursively) or a zip, in the order of their names.

    Files without a picture's suffix, hidden files and ``__MACOSX`` are not looked at. Real pictures
    may be the competition's download in any layout: where there is a folder ``all-dogs``, only its
    pictures count; where there are none, an ``all-dogs.zip`` inside is read.
    ``limit`` takes that many, evenly spaced, so that a set sorted by label keeps its mixture.
    Raises InputError when there is nothing to read, or something too large to be a picture.
    """
    path = Path(path)
    pictures = Pictures(path, side, [])
    try:
        found = _find(path, pictures.archives)
        if side == "real":
            found = [e for e in found if COMPETITION_FOLDER in _folders(e.name)] or found
        found.sort(key=lambda entry: entry.name)
        pictures.entries += [found[i] for i in evenly_spaced(len(found), limit)]
    except BaseException:
        pictures.archives.close()
        raise
    if not pictures.entries:
        kinds = " ".join(sorted(SUFFIXES))
        raise InputError(f"{path}: no pictures in it ({kinds}); give a folder or zip of them")
    return pictures


def evenly_spaced(count: int, limit: int | None) -> list[int]:
    """Return ``limit`` of the indices 0..count-1, evenly spaced, or all of them."""
    if limit is None or limit >= count:
        return list(range(count))
    return [i * count // limit for i in range(limit)]


def _find(path: Path, archives: ExitStack) -> list[Entry]:
    if path.is_dir():
        return _find_in_folder(path, archives)
    if not path.exists():
        raise InputError(f"{path}: not found; give a folder, a zip or saved features (.npz)")
    return _find_in_zip(path, path, archives)


def _find_in_folder(folder: Path, archives: ExitStack) -> list[Entry]:
    files = {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }
    names = [name for name in files if _is_picture(name)]
    for name in names:
        _check_size(folder, name, files[name].stat().st_size, MAX_FILE_BYTES)
    if names:
        return [_disk_entry(name, files[name]) for name in names]
    inner = _competition_archive(folder, list(files))
    return _find_in_zip(files[inner], files[inner], archives) if inner else []


def _find_in_zip(
    source: Path | IO[bytes], shown: Path, archives: ExitStack, depth: int = 2
) -> list[Entry]:
    """List an archive's pictures; ``shown`` is what messages call it.

    ``depth`` archives may lie within each other: one that holds itself would have no end.
    """
    try:
        archive = archives.enter_context(ZipFile(source))
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{shown}: neither a folder nor a whole zip archive ({error});"
            " give a folder, a zip or saved features (.npz)"
        ) from error
    members = {info.filename: info for info in archive.infolist() if not info.is_dir()}
    sizes = {name: info.file_size for name, info in members.items()}
    names = [name for name in sizes if _is_picture(name)]
    for name in names:
        _check_size(shown, name, sizes[name], MAX_FILE_BYTES)
    if names:
        return [_member_entry(archive, members[name]) for name in names]
    inner = _competition_archive(shown, list(sizes))
    if inner is None or depth == 0:
        return []
    _check_size(shown, inner, sizes[inner], MAX_ARCHIVE_BYTES)
    copy = _unpacked(archive, inner, shown, archives)
    return _find_in_zip(copy, shown / inner, archives, depth - 1)


def _disk_entry(name: str, file: Path) -> Entry:
    return Entry(name, file.read_bytes, lambda: hashlib.blake2b(file.read_bytes()).hexdigest())


def _member_entry(archive: ZipFile, info: ZipInfo) -> Entry:
    # The checksum in the archive's directory covers the content, and costs no reading.
    checksum = f"{info.CRC:08x} {info.file_size}"
    return Entry(info.filename, lambda: _read_member(archive, info), lambda: checksum)


def _read_member(archive: ZipFile, info: ZipInfo) -> bytes:
    """Return the content; without a size, a member unpacks however much more it holds than said."""
    with archive.open(info) as stream:
        return stream.read(info.file_size + 1)


def _unpacked(archive: ZipFile, name: str, shown: Path, archives: ExitStack) -> IO[bytes]:
    """Copy an inner archive to a temporary file: a compressed one allows no jumping about."""
    copy = archives.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 (the stack closes it)
    try:
        with archive.open(name) as inner:
            shutil.copyfileobj(inner, copy, 2**20)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{shown}: {name} cannot be read ({error}); download it again") from error
    return copy


def _competition_archive(path: Path, names: list[str]) -> str | None:
    """Return the one archive of the competition's among the names, the innermost kind first."""
    for wanted in COMPETITION_ARCHIVES:
        found = [name for name in names if PurePosixPath(name).name == wanted]
        if len(found) > 1:
            raise InputError(f"{path}: has both {found[0]} and {found[1]}; give one of them")
        if found:
            return found[0]
    return None


def _is_picture(name: str) -> bool:
    path = PurePosixPath(name)
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not hidden


def _folders(name: str) -> tuple[str, ...]:
    return PurePosixPath(name).parts[:-1]


def _check_size(path: Path, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise InputError(
            f"{path}: {name} has {size:,} bytes, over the limit of {limit:,}; remove it"
        )
