"""Lists the files of a folder or an archive, without unpacking anything.

An archive's members are read in place. Nothing is ever written under a member's name, and still a
name that points outside the archive is refused: such a file was made to do harm.
"""

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol

from local.errors import InputError

# What a member may say it unpacks to; `read` takes no more than it says.
MEMBER_LIMIT = 256 * 2**20  # bytes; the largest picture of the competition has 3 MB
INNER_ARCHIVE_LIMIT = 8 * 2**30  # bytes; the competition's pictures have 0.8 GB


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


@dataclass(frozen=True)
class Member:
    """A member of an archive."""

    path: PurePosixPath
    archive: zipfile.ZipFile
    info: zipfile.ZipInfo

    @property
    def size(self) -> int:
        """Bytes that it says it unpacks to."""
        return self.info.file_size

    def open(self) -> IO[bytes]:
        """The content as a stream."""
        return self.archive.open(self.info)

    def digest(self) -> str:
        """The checksum in the archive's directory: it covers the content and costs no reading."""
        return f"{self.info.CRC:08x}{self.info.file_size:x}"


def read(file: File) -> bytes:
    """The whole content.

    Raises:
        OSError: the content is damaged.
    """
    try:
        with file.open() as stream:
            # Without a size a member unpacks as a whole, however much more it holds than it says.
            return stream.read(file.size + 1)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise OSError(f"{file.path}: {error}") from error


def listing(path: Path) -> list[File]:
    """Files of a folder (with its folders) or of a zip archive, sorted; hidden ones left out.

    Raises:
        InputError: nothing is there, or the archive is broken or unsafe.
    """
    if path.is_dir():
        return _sorted(_folder(path))
    if path.is_file():
        return _sorted(_members(path, str(path)))
    raise InputError(f"{path}: no such folder or archive; name the data with --data PATH")


def inner_listing(archive: File) -> list[File]:
    """Files of an archive that is itself a file of a listing.

    It goes to an unnamed temporary file first: members are read in any order, and a compressed
    stream can only be read from its start.

    Raises:
        InputError: the archive is broken or unsafe.
    """
    if isinstance(archive, DiskFile):
        return _sorted(_members(Path(archive.disk), archive.disk))
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as members are read from it
    try:
        with archive.open() as stream:
            shutil.copyfileobj(stream, spool)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, NotImplementedError) as error:
        raise InputError(f"{archive.path}: damaged ({error}); download it again") from None
    return _sorted(_members(spool, str(archive.path)))


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


def _members(source: Path | IO[bytes], label: str) -> Iterator[File]:
    try:
        archive = zipfile.ZipFile(source)
    except (zipfile.BadZipFile, OSError, NotImplementedError, ValueError) as error:
        raise InputError(f"{label}: not a whole zip archive ({error}); fetch it again") from None
    for info in archive.infolist():
        if not info.is_dir():
            path = PurePosixPath(info.filename)
            _refuse_unsafe(info, path, label)
            yield Member(path, archive, info)


def _refuse_unsafe(info: zipfile.ZipInfo, path: PurePosixPath, label: str) -> None:
    where = f"{label}: member {info.filename!r}"
    if (
        ".." in path.parts
        or path.is_absolute()
        or "\\" in info.filename
        or ":" in info.filename.split("/")[0]
    ):
        raise InputError(f"{where} points outside the archive; refused, fetch the archive again")
    if info.flag_bits & 0x1:
        raise InputError(f"{where} is encrypted; unpack the archive and name the folder")
    limit = INNER_ARCHIVE_LIMIT if path.suffix.lower() == ".zip" else MEMBER_LIMIT
    if info.file_size > limit:
        raise InputError(f"{where} would unpack to {info.file_size:,} bytes; refused")
