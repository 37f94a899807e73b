"""Where a rehearsal takes place: the folders and variables that a kernel finds."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from submission import rehearsal_data
from submission.rehearsal_staging import Staging

HARDWARE = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")  # where this machine's GPU is, and how


def furnish(folder: Path, kernel: Path, data: Path | None, staging: Staging) -> int:
    """Lays out the kernel, its data and its own folders; returns the number of pictures."""
    for name in ("src", "input", "working", "tmp", "home"):
        (folder / name).mkdir()
    shutil.copyfile(kernel, folder / "src" / "script.py")
    rehearsal_data.mount(data, folder / "input")
    staging.change_data(folder / "input")
    set_writable(folder / "src", False)
    set_writable(folder / "input", False)
    return rehearsal_data.count(folder / "input")


def environment(folder: Path, limit: float) -> dict[str, str]:
    """Returns all the variables that the kernel sees."""
    return {
        "PATH": os.defpath,
        "LANG": "C.UTF-8",
        "HOME": str(folder / "home"),
        "TMPDIR": str(folder / "tmp"),
        "KAGGLE_INPUT": str(folder / "input"),
        "KERNEL_SECONDS": str(limit),
        **{name: os.environ[name] for name in HARDWARE if name in os.environ},
    }


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Gives a temporary folder, and removes it even where parts were made read-only."""
    folder = Path(tempfile.mkdtemp(prefix="rehearsal-")).resolve()
    try:
        yield folder
    finally:
        set_writable(folder, True)
        shutil.rmtree(folder)


def set_writable(folder: Path, writable: bool) -> None:
    """Sets the permissions of a folder and of all below it."""
    folder.chmod(0o755 if writable else 0o555)
    for directory, folders, files in os.walk(folder):
        for name in folders + files:
            path = Path(directory, name)
            if not path.is_symlink():  # what it names may lie outside
                path.chmod(0o755 if writable else 0o555)
