"""Rehearses a kernel: runs the built file as Kaggle would, and judges what it leaves.

What Kaggle does, and so does a rehearsal: the one file is renamed `src/script.py` in a read-only
folder and run by a clean interpreter in an empty working folder, the data is mounted read-only,
there is no network, and at the limit everything is killed. The project itself is out of reach:
`python -I` looks in no folder of ours, so that a module which the kernel fails to carry is missed.
"""

import contextlib
import json
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from local.atomic import replacing
from submission import archive, rehearsal_data
from submission.isolation import NETWORKS
from submission.rehearsal_report import Report
from submission.rehearsal_run import Run, run

IMAGES = "images.zip"
HARDWARE = ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")  # where this machine's GPU is, and how


class RehearsalError(Exception):
    """A rehearsal cannot begin: one line that says what is missing or wrong."""


def rehearse(
    kernel: Path,
    data: Path | None,
    limit: float,
    *,
    out: Path | None = None,
    count: int = archive.COUNT,
    networks: tuple[str, ...] = NETWORKS,
    echo: TextIO | None = None,
) -> Report:
    """Runs a kernel for at most `limit` seconds and reports.

    Args:
        kernel: the built file.
        data: pictures and boxes in any known layout; None: drawn dogs.
        limit: seconds, which the kernel is told, as `KERNEL_SECONDS`.
        out: where a valid `images.zip` is left, by rename.
        count: pictures that `images.zip` must hold.
        networks: ways of cutting off the network, the first that works is taken.
        echo: where the kernel's log goes as it is written; None: standard error.

    Raises:
        RehearsalError: there is no kernel, or the limit is no time.
        local.errors.InputError: the data cannot be used.
    """
    if not kernel.is_file():
        raise RehearsalError(f"{kernel}: no such file; run `python build_kernel.py` first")
    if not 0 < limit < math.inf:
        raise RehearsalError(f"a limit of {limit:g} seconds: give a positive number")
    echo = echo or sys.stderr
    with scratch() as folder:
        print("laying out the data as Kaggle mounts it", file=echo, flush=True)
        pictures = furnish(folder, kernel, data)
        read_only = [folder / "src", folder / "input"]
        before = rehearsal_data.manifest(read_only)
        ran = run(
            folder / "src" / "script.py",
            folder=folder / "working",
            read_only=read_only,
            environment=environment(folder, limit),
            limit=limit,
            networks=networks,
            echo=echo,
        )
        changed = rehearsal_data.differences(before, rehearsal_data.manifest(read_only))
        summary, failures = judge(ran, folder / "working", changed, count)
        if summary and out:
            leave(folder / "working" / IMAGES, out)
    result = last_line(ran.output) or {}
    return Report(
        ok=not failures,
        failures=failures,
        isolation={"interpreter": f"{sys.executable} -I, environment stripped", **ran.isolation},
        limit=limit,
        total_seconds=ran.seconds,
        seconds=result.get("seconds", {}),
        exit_code=ran.exit_code,
        peak_memory=ran.peak_memory,
        pictures=pictures,
        archive=summary,
        result=result,
        log=ran.log,
        out=str(out) if summary and out else None,
    )


def furnish(folder: Path, kernel: Path, data: Path | None) -> int:
    """Lays out the kernel, its data and its own folders; returns the number of pictures."""
    for name in ("src", "input", "working", "tmp", "home"):
        (folder / name).mkdir()
    shutil.copyfile(kernel, folder / "src" / "script.py")
    pictures = rehearsal_data.mount(data, folder / "input")
    set_writable(folder / "src", False)
    set_writable(folder / "input", False)
    return pictures


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


def judge(
    ran: Run, working: Path, changed: list[str], count: int
) -> tuple[dict[str, Any] | None, list[str]]:
    """Returns what a valid `images.zip` holds, and all that was wrong, in plain words."""
    failures = []
    if ran.timed_out:
        failures.append("still running at the limit: killed, as on Kaggle")
    elif ran.exit_code < 0:
        failures.append(f"ended by signal {-ran.exit_code}")
    elif ran.exit_code > 0:
        failures.append(f"exit code {ran.exit_code}: see the end of its log")
    if ran.survivors:
        failures.append(f"{ran.survivors} of its processes still ran after its end: killed")
    if changed:
        failures.append(f"changed what it was given: {some(changed)}")
    if extra := sorted(path.name for path in working.iterdir() if path.name != IMAGES):
        failures.append(f"left in the working folder beside {IMAGES}: {some(extra)}")
    if last_line(ran.output) is None:
        failures.append("its last line on standard output is not the result, a JSON object")
    try:
        return asdict(archive.check(working / IMAGES, count=count)), failures
    except archive.ArchiveError as error:
        reason = str(error).removeprefix(f"{working / IMAGES}: ")
        return None, [*failures, f"{IMAGES}: {reason}"]


def some(names: list[str]) -> str:
    """Renders the first few names and the number of the others."""
    more = f" and {len(names) - 3:,} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def last_line(output: list[str]) -> dict[str, Any] | None:
    """Returns the kernel's last line as the object that it must be, or None."""
    lines = [line for line in output if line.strip()]
    try:
        result = json.loads(lines[-1])
    except (IndexError, ValueError):
        return None
    whole = isinstance(result, dict) and "images" in result
    return result if whole and isinstance(result.get("seconds"), dict) else None


def leave(images: Path, out: Path) -> None:
    """Copies the archive to its place, by rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial:
        shutil.copyfile(images, partial)


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
