"""A folder that is there whole or not at all, and that knows its own files again."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import InputError

LIST = "export.json"  # of all other files, with their digests
LEFT_BY_RUNNING = ("__pycache__", ".gradio")  # folders that an app makes beside its files


def check(folder: Path) -> None:
    """Makes sure that nothing of anybody else's would be lost.

    Raises:
        InputError: something is there that is no export, or that has changed since.
    """
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is a file; name a folder")
    there = _digests(folder)
    if not there:
        return
    known = _known(folder)
    if known is None:
        raise InputError(f"{folder}: is not empty, and no earlier export; name another folder")
    odd = sorted(name for name, digest in there.items() if known.get(name) != digest)
    if odd:
        raise InputError(
            f"{folder}: {odd[0]} is not as the export left it, and would be lost; name another"
            " folder, or remove it"
        )


@contextmanager
def placing(folder: Path) -> Iterator[Path]:
    """Gives an empty folder, lists what is put into it, and moves it to `folder` at the end.

    An earlier export there stays until then; after an error nothing is left of the new one.

    Raises:
        InputError: as `check`.
        OSError: it cannot be written.
    """
    check(folder)
    folder = folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial, old = (folder.with_name(f".{folder.name}.{os.getpid()}.{x}") for x in ("new", "old"))
    try:
        partial.mkdir()
        yield partial
        (partial / LIST).write_text(json.dumps({"files": _digests(partial)}, indent=2) + "\n")
        if folder.exists():
            folder.rename(old)
        try:
            partial.rename(folder)
        except OSError:
            if old.exists():
                old.rename(folder)
            raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)


def _digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all files but the list and what running the app leaves, by path."""
    found = {}
    for file in sorted(folder.rglob("*")):
        name = file.relative_to(folder)
        if name.as_posix() != LIST and not set(name.parts) & set(LEFT_BY_RUNNING):
            if file.is_file():
                found[name.as_posix()] = hashlib.sha256(file.read_bytes()).hexdigest()
            elif not file.is_dir():
                found[name.as_posix()] = ""  # a link to nowhere, say, which no export makes
    return found


def _known(folder: Path) -> dict[str, str] | None:
    try:
        files = json.loads((folder / LIST).read_text())["files"]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    return files if isinstance(files, dict) else None
