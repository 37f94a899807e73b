"""A history of scores: one line of JSON for each, appended to a file, to be plotted later."""

import hashlib
import json
import os
import platform
import sys
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch

from mifid.errors import InputError, WorkError
from mifid.pictures import open_pictures

if sys.platform != "win32":
    import fcntl


def check(path: Path) -> None:
    """Raise InputError where ``append`` could not write: before the score, not after it.

    A file that is no history is left alone: a line at the end of a zip would damage it.
    """
    if not path.exists():
        if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
            raise InputError(f"{path}: no place for a history; choose a folder that can be written")
        return
    if not path.is_file():
        raise InputError(f"{path}: is no file; choose one for the history")
    try:
        with path.open("rb+") as file:
            start = file.read(1)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); choose a place") from error
    if start not in (b"", b"{"):
        raise InputError(f"{path}: is no history of scores, and would be damaged; choose another")


def sources(generated: str | Path, real: str | Path, graph: str | Path | None) -> dict[str, Any]:
    """Return what is scored against what: the paths as given, and the generated side's content."""
    return {
        "generated_path": str(generated),
        "generated_sha256": _fingerprint(Path(generated)),
        "real_path": str(real),
        "graph_path": None if graph is None else str(graph),
    }


def append(path: Path, score: dict[str, Any], origin: dict[str, Any]) -> None:
    """Add a line to the file: the time, what was scored, the score and the versions.

    score: what ``--json`` prints. origin: its ``sources``.
    Raises WorkError when it cannot be written, on a full disk say.
    """
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    record = {"time": now, **origin, **score, "versions": _versions()}
    line = json.dumps(record, allow_nan=False).encode() + b"\n"
    try:
        # In one write, at whatever is the end by then: two processes do not mix their lines.
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o666)
        try:
            _lock(file)
            line = b"\n" + line if _is_cut(file) else line
            written = os.write(file, line)
        finally:
            os.close(file)
    except OSError as error:
        raise WorkError(f"{path}: the score was not added ({error.strerror})") from error
    if written < len(line):
        raise WorkError(f"{path}: only a part of the score was added; is the disk full?")


def _fingerprint(path: Path) -> str:
    """Return a file's SHA-256 in hex, or for a folder that of its pictures' names and content."""
    try:
        if path.is_file():
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        with open_pictures(path, "generated") as pictures:
            content = [(entry.name, entry.digest()) for entry in pictures.entries]
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); give another") from error
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def _lock(file: int) -> None:
    """Wait until nobody else writes, or their line would look like one that a crash has cut."""
    if sys.platform != "win32":
        with suppress(OSError):  # not every network's file system has locks
            fcntl.flock(file, fcntl.LOCK_EX)


def _is_cut(file: int) -> bool:
    """Tell whether the last line has no end, as a crash leaves it."""
    size = os.fstat(file).st_size
    if not size:
        return False
    os.lseek(file, size - 1, os.SEEK_SET)
    return os.read(file, 1) != b"\n"


def _versions() -> dict[str, str]:
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "pillow": PIL.__version__,
        "machine": platform.machine(),
    }
