"""`images.zip`: written straight from memory, and checked as Kaggle and the metric would.

The kernel carries this file, so it imports the standard library, numpy and Pillow only.
"""

import hashlib
import io
import json
import os
import shutil
import struct
import zipfile
import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from PIL import Image

IMAGES = "images.zip"  # the archive, by the name that the competition asks for
COUNT = 10_000  # pictures that the competition asks for
SIZE = 64  # pixels a side
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_LIMIT = 2**20  # bytes; a 64x64 RGB picture has 12 KB before compression
EARLIEST = (1980, 1, 1, 0, 0, 0)  # a fixed date, so that one seed gives one archive
Pictures = np.ndarray  # (N, H, W, 3) uint8


class ArchiveError(Exception):
    """The archive is not a valid submission: one line that names the first offending member."""


@dataclass(frozen=True)
class Summary:
    """What a valid archive holds."""

    images: int
    size: int  # pixels a side
    bytes: int
    comment: dict[str, Any]  # what the kernel wrote about its run; empty where it wrote nothing


def write(
    path: Path,
    batches: Iterable[Pictures],
    comment: dict[str, Any],
    verify: Callable[[Path], object] = lambda written: None,
) -> int:
    """Writes pictures as PNGs into a zip archive, whole or not at all, and returns their number.

    Args:
        path: of the archive; one that is already there stays until the new one is whole.
        batches: pictures, each (N, H, W, 3) uint8.
        comment: facts about the run, kept as JSON in the archive's comment.
        verify: looks at the archive before it takes its place; what it raises keeps it out.
    """
    with _replacing(path) as file:
        count = encode(file, batches, comment)
        verify(_opened(file) if _nameless(file) else Path(file.name))
    return count


def encode(file: IO[bytes], batches: Iterable[Pictures], comment: dict[str, Any]) -> int:
    """Writes the archive to an open file, and returns the number of pictures; see `write`."""
    count = 0
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = json.dumps(comment, sort_keys=True).encode()
        for count, png in enumerate(_encoded(batches), start=1):
            member = zipfile.ZipInfo(f"{count - 1:05}.png", EARLIEST)
            member.create_system = 3  # Unix, on every system
            member.external_attr = 0o644 << 16
            archive.writestr(member, png)  # stored: a PNG is compressed already
    return count


def remove_partials(path: Path) -> None:
    """Removes what processes that were killed have left beside an archive.

    Only for who knows that nobody else is writing it.
    """
    for partial in path.parent.glob(f".{path.name}.*.partial"):
        partial.unlink(missing_ok=True)


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Opens a file that takes `path`'s place at the end, and of which an error leaves nothing.

    Where the system can, the file has no name until then: even a process that is killed leaves
    nothing beside `path`, and Kaggle keeps whatever lies there. (Between the last two calls it has
    both, and a whole file.)
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    file = _open(path.parent) or partial.open("w+b")
    try:
        with file:
            yield file
            if _nameless(file):
                _name(file, partial)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _open(folder: Path) -> IO[bytes] | None:
    """A file without a name on the folder's disk; None where the system has no such thing."""
    try:
        if Path("/proc/self/fd").is_dir():
            # O_TMPFILE: Linux, on most of its file systems.
            return os.fdopen(os.open(folder, os.O_TMPFILE | os.O_RDWR, 0o644), "w+b")
    except (AttributeError, OSError):
        pass
    return None


def _name(file: IO[bytes], path: Path) -> None:
    try:
        # The folder's descriptor is not used, but makes Python follow the link to the file.
        os.link(_opened(file), path, src_dir_fd=file.fileno())
    except OSError:  # some file systems give no name later, or a killed process left it
        shutil.copyfile(_opened(file), path)


def _opened(file: IO[bytes]) -> Path:
    return Path(f"/proc/self/fd/{file.fileno()}")


def _nameless(file: IO[bytes]) -> bool:
    return isinstance(file.name, int)


def png(picture: Pictures) -> bytes:
    """One picture (H, W, 3) uint8 as a PNG file.

    Every row has the filter "up" and zlib works at its fastest level: a third of the time of the
    usual encoder, which tries five filters a row, for files about as large.
    """
    height, width, _ = picture.shape
    rows = picture.reshape(height, width * 3)
    filtered = np.empty((height, 1 + width * 3), np.uint8)
    filtered[:, 0] = 2  # the filter's number
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])  # wraps modulo 256, as it must
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)  # 8 bits, RGB
    data = zlib.compress(filtered.tobytes(), 1)
    return PNG_SIGNATURE + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def check(path: Path, count: int = COUNT, size: int = SIZE) -> Summary:
    """Verifies an archive: count, names, and every picture whole, of its size, RGB and different.

    Raises:
        ArchiveError: naming the first member that offends, or what is wrong with the whole.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            _check_names(members)
            if len(members) != count:
                raise ArchiveError(f"{path}: {len(members):,} pictures, {count:,} are asked for")
            _check_pictures(archive, members, size)
            comment = _read_comment(archive.comment)
    except FileNotFoundError:
        raise ArchiveError(f"{path}: no such file") from None
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"{path}: not a whole zip archive ({error})") from None
    return Summary(len(members), size, path.stat().st_size, comment)


def comment(path: Path) -> dict[str, Any]:
    """What an archive says of its run, whatever its pictures are; empty where it says nothing."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_comment(archive.comment)
    except (zipfile.BadZipFile, OSError, ValueError):
        return {}


def pixels(path: Path | IO[bytes], limit: int) -> Pictures:
    """The first pictures of a checked archive as one array (N, H, W, 3) uint8."""
    with zipfile.ZipFile(path) as archive:
        return np.stack([_decode(_read(archive, m)) for m in archive.infolist()[:limit]])


def _encoded(batches: Iterable[Pictures]) -> Iterator[bytes]:
    """PNGs in order, made by all cores a few batches ahead of the writer."""
    threads = os.cpu_count() or 1
    # zlib releases the interpreter's lock, and so does the network that makes the next batch.
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[Future[list[bytes]]] = deque()
        for batch in batches:
            for part in np.array_split(batch, threads):
                waiting.append(pool.submit(lambda part: [png(p) for p in part], part))
            while len(waiting) > 2 * threads:
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _check_names(members: list[zipfile.ZipInfo]) -> None:
    seen = set()
    for member in members:
        name = member.filename
        if PurePosixPath(name).name != name or "\\" in name:
            raise ArchiveError(f"{name!r}: folders are not allowed, pictures lie at the top")
        if not name.lower().endswith(".png"):
            raise ArchiveError(f"{name!r}: only .png files are allowed")
        if name.startswith("."):
            raise ArchiveError(f"{name!r}: hidden files are not looked at; give it another name")
        if member.flag_bits & 0x1:
            raise ArchiveError(f"{name!r}: encrypted")
        if name in seen:
            raise ArchiveError(f"{name!r}: the name stands in the archive twice")
        if member.file_size > PNG_LIMIT:
            raise ArchiveError(f"{name!r}: would unpack to {member.file_size:,} bytes; refused")
        seen.add(name)


def _check_pictures(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], size: int) -> None:
    seen: dict[bytes, str] = {}
    for member in members:
        name = member.filename
        try:
            data = _read(archive, member)
            _check_header(name, data, size)
            picture = _decode(data)
        except ArchiveError:
            raise
        except Exception as error:  # on damaged files Pillow raises nearly everything
            raise ArchiveError(f"{name!r}: damaged ({error})") from None
        if (picture == picture[0, 0]).all():
            raise ArchiveError(f"{name!r}: every pixel has one colour")
        twin = seen.setdefault(hashlib.sha256(picture.tobytes()).digest(), name)
        if twin is not name:
            raise ArchiveError(f"{name!r}: the same picture as {twin!r}")


def _read(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> bytes:
    """A member's content; never unpacks more than it says it has, whatever it really holds."""
    with archive.open(member) as stream:
        return stream.read(member.file_size + 1)


def _check_header(name: str, data: bytes, size: int) -> None:
    """Looks at the first chunk before anything is decoded: a small file may claim any size."""
    if not data.startswith(PNG_SIGNATURE):
        raise ArchiveError(f"{name!r}: not a PNG")
    if data[8:16] != b"\0\0\0\rIHDR":
        raise ArchiveError(f"{name!r}: damaged (a PNG begins with its header)")
    width, height, depth, colour = struct.unpack(">IIBB", data[16:26])
    if (width, height) == (size, size):  # a second header, where there is one, tells Pillow more
        image = Image.open(io.BytesIO(data), formats=["PNG"])
        width, height = image.size
    if (width, height) != (size, size):
        raise ArchiveError(f"{name!r}: {width}x{height} pixels, {size}x{size} are asked for")
    if (depth, colour, image.mode) != (8, 2, "RGB"):
        raise ArchiveError(f"{name!r}: mode {image.mode} of {depth} bits, RGB of 8 is asked for")


def _decode(data: bytes) -> Pictures:
    return np.asarray(Image.open(io.BytesIO(data), formats=["PNG"]))


def _read_comment(comment: bytes) -> dict[str, Any]:
    try:
        facts = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return facts if isinstance(facts, dict) else {}
