"""Lists the files of a folder or an archive, without unpacking anything."""

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from local.data import archives
from local.errors import InputError


class File(Protocol):
    """A file of a folder or an archive."""

    @property
    def path(self) -> PurePosixPath:
        """Where it is below the root."""

    @property
    def size(self) -> int:
        """Bytes, as the folder or archive says."""

    def open(self) -> IO[bytes]:
        """The content as a stream."""

    def digest(self) -> str:
        """Changes when the content does."""


@dataclass(frozen=True)
class DiskFile:
    """A file of a folder."""

    path: PurePosixPath
    disk: str

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return Path(self.disk).stat().st_size

    def open(self) -> IO[bytes]:
        """The content as a stream."""
        return Path(self.disk).open("rb")

    def digest(self) -> str:
        """A hash of the content."""
        return hashlib.blake2b(read(self), digest_size=16).hexdigest()


def read(file: File) -> bytes:
    """The whole content.

    Raises:
        OSError: the content is damaged.
    """
    try:
        with file.open() as stream:
            # Without a size a member unpacks as a whole, however much more it holds than it says.
            return stream.read(file.size + 1)
    except archives.DAMAGES as error:
        raise OSError(f"{file.path}: {error}") from error


def listing(path: Path) -> list[File]:
    """Files of a folder (with its folders) or of an archive, sorted; hidden ones left out.

    Raises:
        InputError: nothing is there, or the archive is broken or unsafe.
    """
    if path.is_dir():
        return _sorted(_folder(path))
    if path.is_file():
        return _sorted(archives.members(path.open("rb"), str(path)))
    raise InputError(f"{path}: no such folder or archive; check the path")


def inner_listing(archive: File) -> list[File]:
    """Files of an archive that is itself a file of a listing.

    A member goes to an unnamed temporary file first: its own members are read in any order, and a
    compressed stream can only be read from its start.

    Raises:
        InputError: the archive is broken or unsafe.
    """
    if isinstance(archive, DiskFile):
        return listing(Path(archive.disk))
    label = str(archive.path)
    try:
        with archive.open() as stream:
            spool = archives.spooled(stream, archive.size, label)
    except (*archives.DAMAGES, OSError) as error:
        raise InputError(f"{label}: damaged ({error}); download it again") from None
    return _sorted(archives.members(spool, label))


def _sorted(files: Iterable[File]) -> list[File]:
    visible = (f for f in files if not any(p.startswith((".", "__MACOSX")) for p in f.path.parts))
    return sorted(visible, key=lambda file: file.path)


def _folder(root: Path) -> Iterator[File]:
    seen: set[str] = set()  # Kaggle mounts through links: follow them, but each folder once
    for folder, folders, names in os.walk(root, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        below = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in names:
            disk = os.path.join(folder, name)  # noqa: PTH118 - Path costs more than the rest here
            if os.path.isfile(disk):  # noqa: PTH113
                yield DiskFile(below / name, disk)
