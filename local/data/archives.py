"""Members of zip and tar archives, read in place and within limits.

Nothing is ever written under a member's name, and still a name that points outside the archive is
refused, as are links and devices: such a file was made to do harm.
"""

import gzip
import hashlib
import io
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from threading import Lock
from typing import IO, Protocol

from local.errors import InputError

SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz")
# What a member may say it unpacks to; `files.read` takes no more than it says.
MEMBER_LIMIT = 256 * 2**20  # bytes; the largest picture of the competition has 3 MB
INNER_ARCHIVE_LIMIT = 8 * 2**30  # bytes; the competition's pictures have 0.8 GB
LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
LONG_NAME_LIMIT = 2**20  # bytes
# What reading a damaged archive raises, beside OSError.
DAMAGES = (zipfile.BadZipFile, zlib.error, tarfile.TarError, EOFError, NotImplementedError)


class Readable(Protocol):
    """What can be read from its start."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes."""


@dataclass(frozen=True)
class ZipMember:
    """A member of a zip archive."""

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


@dataclass(frozen=True)
class TarMember:
    """A member of a tar archive: a part of one stream that several threads may read."""

    path: PurePosixPath
    stream: IO[bytes]
    lock: Lock
    start: int
    size: int

    def open(self) -> IO[bytes]:
        """The content as a stream."""
        return io.BufferedReader(_Slice(self))

    def digest(self) -> str:
        """A hash of the content: a tar archive keeps no checksums of it."""
        with self.open() as content:
            return hashlib.blake2b(content.read(), digest_size=16).hexdigest()


class _Header(tarfile.TarInfo):
    """A header that `tarfile` may follow: it reads long names whole, and goes back by sizes < 0."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> "_Header":
        header = super().frombuf(buf, encoding, errors)
        is_content = header.type in tarfile.SUPPORTED_TYPES and header.type not in LONG_NAMES
        if header.size < 0 or (header.size > LONG_NAME_LIMIT and not is_content):
            raise tarfile.ReadError(f"a header of {header.size:,} bytes")
        return header


class _Slice(io.RawIOBase):
    def __init__(self, member: TarMember) -> None:
        self.member = member
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        left = self.member.size - self.position
        with self.member.lock:
            self.member.stream.seek(self.member.start + self.position)
            found = self.member.stream.read(min(len(buffer), left))
        buffer[: len(found)] = found
        self.position += len(found)
        return len(found)


def is_archive(path: PurePosixPath) -> bool:
    """Whether a file of that name is an archive that can be read here."""
    return path.name.lower().endswith(SUFFIXES)


def members(stream: IO[bytes], label: str) -> Iterator[ZipMember | TarMember]:
    """Files of a zip archive or of a tar archive, plain or gzipped, told by their first bytes.

    Args:
        stream: the archive; it stays open for as long as members are read.
        label: names it in errors.

    Raises:
        InputError: the archive is broken or unsafe.
    """
    start = stream.read(2)
    stream.seek(0)
    if start == b"PK":
        return _zip_members(stream, label)
    if start == b"\x1f\x8b":
        return _tar_members(_unpacked(stream, label), label)
    return _tar_members(stream, label)


def _zip_members(stream: IO[bytes], label: str) -> Iterator[ZipMember]:
    try:
        archive = zipfile.ZipFile(stream)
    except (*DAMAGES, OSError, ValueError) as error:
        raise InputError(f"{label}: not a whole zip archive ({error}); fetch it again") from None
    for info in archive.infolist():
        if info.is_dir():
            continue
        path = _safe_path(info.filename, info.file_size, label)
        if info.flag_bits & 0x1:
            where = f"{label}: member {info.filename!r}"
            raise InputError(f"{where} is encrypted; unpack the archive and name the folder")
        yield ZipMember(path, archive, info)


def _tar_members(stream: IO[bytes], label: str) -> Iterator[TarMember]:
    lock = Lock()
    try:
        with tarfile.open(fileobj=stream, mode="r:", tarinfo=_Header) as archive:
            for info in archive:
                if info.size < 0:  # as a second header says
                    raise tarfile.ReadError(f"a member of {info.size} bytes")
                if info.isdir():
                    continue
                path = _safe_path(info.name, info.size, label)
                if not info.isreg() or info.issparse():
                    where = f"{label}: member {info.name!r}"
                    raise InputError(f"{where} is a link, a device or has holes; refused")
                yield TarMember(path, stream, lock, info.offset_data, info.size)
            _refuse_cut_off(stream, archive.offset)
    except (*DAMAGES, OSError, ValueError) as error:
        raise InputError(
            f"{label}: not a whole zip or tar archive ({error}); fetch it again"
        ) from None


def _refuse_cut_off(stream: IO[bytes], end: int) -> None:
    """An archive ends with empty blocks; `tarfile` also ends, without a word, at a broken one."""
    stream.seek(end)
    if stream.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError("it ends too early")


def _unpacked(stream: IO[bytes], label: str) -> IO[bytes]:
    """What a gzipped stream holds, in an unnamed file: members are read in any order."""
    try:
        with gzip.open(stream) as content:
            return spooled(content, INNER_ARCHIVE_LIMIT, label)
    except (*DAMAGES, OSError) as error:
        raise InputError(f"{label}: damaged ({error}); fetch it again") from None


def spooled(content: Readable, limit: int, label: str) -> IO[bytes]:
    """An unnamed temporary file with the content, for as long as it is read from.

    Raises:
        InputError: there is more than `limit`, bytes.
    """
    spool = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as members are read from it
    copy(content, spool, limit, label)
    spool.seek(0)
    return spool


def copy(content: Readable, to: IO[bytes], limit: int, label: str) -> None:
    """Copies a stream whose length nobody vouches for.

    Raises:
        InputError: there is more than `limit`, bytes.
    """
    while chunk := content.read(2**20):
        to.write(chunk)
        if to.tell() > limit:
            raise InputError(f"{label}: unpacks to more than {limit:,} bytes; refused")


def _safe_path(name: str, size: int, label: str) -> PurePosixPath:
    path = PurePosixPath(name)
    where = f"{label}: member {name!r}"
    if ".." in path.parts or path.is_absolute() or "\\" in name or ":" in name.partition("/")[0]:
        raise InputError(f"{where} points outside the archive; refused, fetch the archive again")
    limit = INNER_ARCHIVE_LIMIT if is_archive(path) else MEMBER_LIMIT
    if size > limit:
        raise InputError(f"{where} would unpack to {size:,} bytes; refused")
    return path
