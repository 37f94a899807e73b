"""Finds pictures in a folder or a zip, in any of the layouts that the competition's data comes in.

Zip members are read one by one and never unpacked, with limits on what they may declare.
"""

import hashlib
import shutil
import tempfile
import zlib
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Protocol
from zipfile import (
    ZIP_BZIP2,
    ZIP_DEFLATED,
    ZIP_LZMA,
    ZIP_STORED,
    BadZipFile,
    ZipFile,
    ZipInfo,
)

from mifid.errors import InputError

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
COMPETITION_FOLDER = "all-dogs"
COMPETITION_ARCHIVES = ("all-dogs.zip", "generative-dog-images.zip")

MAX_FILE_BYTES = 64 * 2**20  # of one picture, uncompressed
MAX_ARCHIVE_BYTES = 4 * 2**30  # of an archive within an archive
METHODS = frozenset({ZIP_STORED, ZIP_DEFLATED, ZIP_BZIP2, ZIP_LZMA})  # that Python unpacks
ENCRYPTED = 0x1  # the bit of a member's flags


class Entry(Protocol):
    """A picture that has been found: its name within the folder or archive, and how to read it.

    There may be a million of them: what finds them keeps no more than it takes.
    """

    @property
    def name(self) -> str:
        """Its name within the folder or archive."""

    def read(self) -> bytes:
        """Return the content."""

    def digest(self) -> str:
        """Return what changes when the content does."""

    def stamp(self) -> str:
        """Return what other content hardly ever has, without reading any: a checksum, or a size."""


@dataclass(frozen=True, slots=True)
class _File:
    folder: Path
    name: str

    def read(self) -> bytes:
        return (self.folder / self.name).read_bytes()

    def digest(self) -> str:
        return hashlib.blake2b(self.read()).hexdigest()

    def stamp(self) -> str:
        try:
            return str((self.folder / self.name).stat().st_size)
        except OSError:  # whoever reads it will say so
            return ""


@dataclass(frozen=True, slots=True)
class _Member:
    archive: ZipFile
    info: ZipInfo

    @property
    def name(self) -> str:
        return self.info.filename

    def read(self) -> bytes:
        # Without a size, a member unpacks however much more it holds than said.
        with self.archive.open(self.info) as stream:
            return stream.read(self.info.file_size + 1)

    def digest(self) -> str:
        # The checksum in the archive's directory covers the content, and costs no reading.
        return f"{self.info.CRC:08x} {self.info.file_size}"

    def stamp(self) -> str:
        return self.digest()


@dataclass(frozen=True)
class Found:
    """What a folder or an archive holds.

    entries: the pictures. others: names of the files that are not looked at. overwritten: names of
    members that a later one of the same name replaces. zipped: whether it is an archive.
    """

    entries: list[Entry]
    others: list[str]
    overwritten: list[str]
    zipped: bool


def find(path: Path, archives: ExitStack, *, submission: bool) -> Found:
    """Find the pictures of a folder (recursively) or a zip; hidden files and ``__MACOSX`` are none.

    submission: in a zip every file counts as a picture whatever its name, as it does for Kaggle.
    Otherwise names with a picture's suffix do, in the competition's download in any layout: where
    there is a folder ``all-dogs``, only its pictures; where there are none, those of an
    ``all-dogs.zip`` inside.

    archives: what stays open while the entries are read. Raises InputError for what is neither a
    folder nor a zip that can be read, or too large to be a picture.
    """
    try:
        if path.is_dir():
            found = _find_in_folder(path, archives)
        elif not path.exists():
            raise InputError(f"{path}: not found; give a folder, a zip or saved features (.npz)")
        else:
            found = _find_in_zip(path, path, archives, submission=submission)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give another") from error
    if submission:
        return found
    dogs = [e for e in found.entries if COMPETITION_FOLDER in PurePosixPath(e.name).parts[:-1]]
    return Found(dogs or found.entries, found.others, found.overwritten, found.zipped)


def place(name: str) -> str:
    """Return where a member comes to lie when its archive is unpacked: ``./a.png`` is ``a.png``."""
    return "/".join(part for part in name.split("/") if part not in ("", ".", ".."))


def _find_in_folder(folder: Path, archives: ExitStack) -> Found:
    files = {
        file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()
    }
    names = [name for name in files if _is_picture(name)]
    for name in names:
        _check_size(folder, name, files[name].stat().st_size, MAX_FILE_BYTES)
    others = [name for name in files if not _is_picture(name) and not _is_hidden(name)]
    if names:
        return Found([_File(folder, name) for name in names], others, [], False)
    inner = _competition_archive(folder, list(files))
    if inner is None:
        return Found([], others, [], False)
    return _find_in_zip(files[inner], files[inner], archives, submission=False)


def _find_in_zip(
    source: Path | IO[bytes],
    shown: Path,
    archives: ExitStack,
    *,
    submission: bool,
    depth: int = 2,
) -> Found:
    """List an archive's pictures; ``shown`` is what messages call it.

    ``depth`` archives may lie within each other: one that holds itself would have no end.
    """
    archive = _opened(source, shown, archives)
    files = [info for info in archive.infolist() if not info.is_dir()]
    pictures = [info for info in files if _is_wanted(info.filename, submission)]
    if pictures or submission:
        for info in pictures:
            _check_member(shown, info, MAX_FILE_BYTES)
        kept = {place(info.filename): info for info in pictures}  # as unpacking would leave them
        return Found(
            [_Member(archive, info) for info in kept.values()],
            [info.filename for info in files if not _is_wanted(info.filename, submission)],
            [i.filename for i in pictures if kept[place(i.filename)] is not i],
            True,
        )
    inner = _competition_archive(shown, [info.filename for info in files])
    if inner is None or depth == 0:
        return Found([], [], [], True)
    _check_member(shown, archive.getinfo(inner), MAX_ARCHIVE_BYTES)
    copy = _unpacked(archive, inner, shown, archives)
    return _find_in_zip(copy, shown / inner, archives, submission=False, depth=depth - 1)


def _opened(source: Path | IO[bytes], shown: Path, archives: ExitStack) -> ZipFile:
    try:
        return archives.enter_context(ZipFile(source))
    except UnicodeDecodeError as error:
        raise InputError(
            f"{shown}: has a name that is not UTF-8 as it says; zip it anew"
        ) from error
    except (BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise InputError(
            f"{shown}: neither a folder nor a whole zip archive ({error});"
            " give a folder, a zip or saved features (.npz)"
        ) from error


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


def _is_wanted(name: str, submission: bool) -> bool:
    return not _is_hidden(name) if submission else _is_picture(name)


def _is_picture(name: str) -> bool:
    return PurePosixPath(name).suffix.lower() in SUFFIXES and not _is_hidden(name)


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _check_member(shown: Path, info: ZipInfo, limit: int) -> None:
    _check_size(shown, info.filename, info.file_size, limit)
    if info.flag_bits & ENCRYPTED:
        raise InputError(
            f"{shown}: {info.filename} is encrypted; unpack the archive with its password and give"
            " the folder, or zip it without one"
        )
    if info.compress_type not in METHODS:
        raise InputError(
            f"{shown}: {info.filename} is compressed by method {info.compress_type}, which cannot"
            " be unpacked here; zip it anew with the usual one (deflate)"
        )


def _check_size(path: Path, name: str, size: int, limit: int) -> None:
    if size > limit:
        raise InputError(
            f"{path}: {name} has {size:,} bytes, over the limit of {limit:,}; remove it"
        )
