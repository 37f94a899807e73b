"""Writes files whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from mifid.errors import InputError, WorkError


def check_place(path: Path) -> None:
    """Raise InputError where ``whole_file`` could not put a file: before the work, not after it."""
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"{path}: no place for a file; choose one in a folder that exists")


@contextmanager
def whole_file(path: Path, what: str) -> Iterator[IO[bytes]]:
    """Open a new file beside ``path`` that takes its place at the end, or is gone after an error.

    what: what messages call it. Raises InputError when the folder is missing or does not let us
    write, WorkError when writing fails, on a full disk say.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        file = part.open("wb")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a place") from error
    try:
        with file:
            yield file
        part.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise WorkError(f"{path}: the {what} was not written ({reason})") from error
    finally:
        part.unlink(missing_ok=True)
