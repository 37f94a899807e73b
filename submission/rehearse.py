"""Rehearses a kernel: runs the built file as Kaggle would, and judges what it leaves.

What Kaggle does, and so does a rehearsal: the one file is renamed `src/script.py` in a read-only
folder and run by a clean interpreter in an empty working folder, the data is mounted read-only,
there is no network, memory and processors are Kaggle's, and at the limit everything is killed. The
project itself is out of reach: `python -I` looks in no folder of ours, so that a module which the
kernel fails to carry is missed.
"""

import hashlib
import shutil
import sys
from pathlib import Path
from typing import Any, TextIO

from local.atomic import replacing
from local.errors import InputError
from submission import archive, rehearsal_data, rehearsal_python
from submission.archive import IMAGES
from submission.isolation import NETWORKS
from submission.printed import last_line
from submission.rehearsal_limits import Limits
from submission.rehearsal_report import Report, timeline
from submission.rehearsal_room import environment, furnish, scratch
from submission.rehearsal_run import Run, run
from submission.rehearsal_staging import Staging
from submission.rehearsal_verdict import judge

PLAIN = Staging()


def rehearse(
    kernel: Path,
    data: Path | None,
    limit: float,
    *,
    out: Path | None = None,
    memory: float | None = None,
    processors: int | None = None,
    staging: Staging = PLAIN,
    count: int = archive.COUNT,
    networks: tuple[str, ...] = NETWORKS,
    echo: TextIO | None = None,
) -> Report:
    """Runs a kernel for at most `limit` seconds and reports.

    Args:
        kernel: the built file.
        data: pictures and boxes in any known layout; None: drawn dogs.
        limit: seconds on the kernel's clock, which it is told, as `KERNEL_SECONDS`.
        out: where a valid `images.zip` is left, by rename.
        memory: GiB that all its processes may take together; None: Kaggle's, or all there is.
        processors: that it may use; None: as many as on Kaggle, or all there are.
        staging: what is changed on purpose.
        count: pictures that `images.zip` must hold, unless the staging says how many.
        networks: ways of cutting off the network, the first that works is taken.
        echo: where the kernel's log goes as it is written; None: standard error.

    Raises:
        InputError: there is no kernel, a limit is none, or the data cannot be used.
        OSError: this system cannot isolate a kernel as asked.
    """
    if not kernel.is_file():
        raise InputError(f"{kernel}: no such file; run `python build_kernel.py` first")
    if kernel.suffix == ".ipynb":
        same = "python build_kernel.py with the same settings, without --notebook"
        raise InputError(f"{kernel}: a notebook; rehearse the script of the same modules: {same}")
    limits = Limits.of(limit, memory, processors)
    echo = echo or sys.stderr
    with scratch() as folder:
        print("laying out the data as Kaggle mounts it", file=echo, flush=True)
        pictures = furnish(folder, kernel, data, staging)
        script = folder / "src" / "script.py"
        digest = hashlib.sha256(script.read_bytes()).hexdigest()
        read_only = [folder / "src", folder / "input"]
        before = rehearsal_data.manifest(read_only)
        ran = run(
            script,
            python=rehearsal_python.make(folder / "python"),
            folder=folder / "working",
            read_only=read_only,
            environment=environment(folder, limit),
            limits=limits,
            staging=staging,
            networks=networks,
            echo=echo,
        )
        changed = rehearsal_data.differences(before, rehearsal_data.manifest(read_only))
        count = staging.images or count
        summary, failures = judge(ran, folder / "working", changed, count, staging.faults)
        own = (last_line(ran.output) or {}).get("total_seconds", 0)
        if staging.speed != 1 and own > limit:  # the watch has waited for the interpreter's end
            failures.append(f"took {own:,.0f} s of {limit:g} s by its own clock")
        if summary and out:
            leave(folder / "working" / IMAGES, out)
    return Report(
        ok=not failures,
        failures=failures,
        kernel_sha256=digest,
        staged=staging.facts(),
        pictures=pictures,
        archive=summary,
        memory_limit=limits.memory,
        out=str(out) if summary and out else None,
        **observed(ran, limit, staging.speed),
    )


def observed(ran: Run, limit: float, speed: float) -> dict[str, Any]:
    """What the report takes from the run itself."""
    result = last_line(ran.output) or {}
    seconds = result.get("seconds", {})
    total = ran.seconds * speed
    return {
        "isolation": {"interpreter": rehearsal_python.WORDS, **ran.isolation},
        "limit": limit,
        "total_seconds": total,
        "real_seconds": ran.seconds,
        "seconds": seconds,
        "timeline": timeline(seconds, total, limit),
        "exit_code": ran.exit_code,
        "peak_memory": ran.peak_memory,
        "result": result,
        "log": ran.log,
    }


def leave(images: Path, out: Path) -> None:
    """Copies the archive to its place, by rename."""
    out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(out) as partial:
        shutil.copyfile(images, partial)
