"""Small kernels, run in processes forked from one that has imported torch: a start costs nothing.

What is forked can patch whatever it likes, be killed, or end by `os._exit`.
"""

import itertools
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing import forkserver
from pathlib import Path
from threading import RLock
from typing import Any

from helpers import ROOT, noise
from tqdm import tqdm

from local import kernel, safe
from local.recipes import Recipe
from local.train import clock, loop
from local.train.trainer import Trainer
from submission import archive

TINY = Recipe(size=16, g_width=4, d_width=4, latent=8, batch=8, snapshots=4)
COUNT = 24  # pictures in these kernels' images.zip
TIMEOUT = 60.0  # seconds after which such a process hangs, and is killed
CONTEXT = multiprocessing.get_context("forkserver")


def fork(folder: Path, work: Callable[..., int], *arguments: Any) -> "Forked":
    """Runs `work(*arguments)` in `folder`, in a process of its own; its result is the exit code."""
    start_server()
    folder.mkdir(parents=True, exist_ok=True)
    process = CONTEXT.Process(target=_forked, args=(folder, folder.parent, work, arguments))
    process.start()
    process.join(TIMEOUT)
    if process.is_alive():
        process.kill()
        process.join()
    return Forked(process.exitcode, folder, folder.parent)


def run_kernel(
    folder: Path,
    before: str = "",
    seconds: float = 60,
    until: int | None = None,
    ago: float = 0,
    **build: Any,
) -> "Forked":
    """Runs a tiny kernel in `folder / "out"` with the pictures below `folder / "input"`.

    Args:
        folder: a temporary one.
        before: Python that runs in the kernel's process first, to patch things; it has `kernel`,
            `at_step` and `nth_call`.
        seconds: the kernel's limit.
        until: the step in which it gets SIGTERM, if any: sooner and surer than a limit.
        ago: seconds since its first line.
        build: what differs in its BUILD.
    """
    pictures = folder / "input" / "all-dogs"
    if not pictures.exists():
        pictures.mkdir(parents=True)
        for i in range(8):
            noise(40, 30, i).save(pictures / f"n0000000{i % 2}_{i}.jpg")
    if until:
        before += f"\nimport os; at_step({until}, lambda: os.kill(os.getpid(), 15))"
    return fork(folder / "out", _kernel, str(folder / "input"), seconds, ago, before, build)


def run_python(folder: Path, source: str) -> "Forked":
    """Runs Python in a folder, in a process of its own."""
    return fork(folder / "out", _python, source)


def at_step(number: int, action: Callable[[], object]) -> None:
    """Does something as the training step of that number begins."""
    nth_call(Trainer, "step", lambda n: action() if n == number else None)


def nth_call(owner: Any, name: str, action: Callable[[int], object]) -> None:
    """Calls `action` with 1, 2, 3 ... before each call of a function."""
    function, calls = getattr(owner, name), itertools.count(1)

    def counted(*arguments: Any, **named: Any) -> Any:
        action(next(calls))
        return function(*arguments, **named)

    setattr(owner, name, counted)


@dataclass
class Forked:
    """How a process ended, and what it left."""

    code: int  # its exit code; negative: the signal that ended it
    folder: Path  # where it worked
    logs: Path

    @property
    def out(self) -> str:
        return (self.logs / "out.txt").read_text()

    @property
    def err(self) -> str:
        return (self.logs / "err.txt").read_text()

    @property
    def result(self) -> dict[str, Any]:
        """The last line, a JSON object."""
        return json.loads(self.out.splitlines()[-1])

    @property
    def images(self) -> archive.Summary:
        """What its valid images.zip holds."""
        return archive.check(self.folder / "images.zip", COUNT)

    @property
    def left(self) -> list[str]:
        """Names in its folder."""
        return sorted(path.name for path in self.folder.iterdir())


def start_server() -> None:
    """Starts the process that all others are forked from; it has one thread for computing."""
    before = dict(os.environ)
    try:
        os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
        CONTEXT.set_forkserver_preload(["kernel_runs", "torch._dynamo"])  # an optimiser's needs
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)


def _forked(folder: Path, logs: Path, work: Callable[..., int], arguments: Any) -> None:
    for name, descriptor in (("out.txt", 1), ("err.txt", 2)):
        with (logs / name).open("wb") as file:
            os.dup2(file.fileno(), descriptor)
    sys.stdout = os.fdopen(1, "w", buffering=1)
    sys.stderr = os.fdopen(2, "w", buffering=1)
    tqdm.set_lock(RLock())  # the usual one is a semaphore, which a killed process leaves behind
    os.chdir(folder)
    sys.exit(work(*arguments))


def _python(source: str) -> int:
    exec(source, {})
    return 0


def _kernel(mounted: str, seconds: float, ago: float, before: str, build: dict[str, Any]) -> int:
    archive.COUNT = safe.PROBE = COUNT
    safe.COLLAPSED = 0.0  # no dog is as varied as the noise that stands for one here
    clock.END_SECONDS, kernel.LAST_SECOND = 0.5, 0.1
    loop.SNAPSHOT_SHARE = 1e9  # whatever it costs, the first submission comes after the first step
    os.environ |= {"KAGGLE_INPUT": mounted, "KERNEL_SECONDS": str(seconds)}
    names = {"kernel": kernel, "safe": safe, "COUNT": COUNT}
    exec(before, names | {"at_step": at_step, "nth_call": nth_call})
    settings = {"recipe": asdict(TINY), "hours": 9.0, "commit": "abc", "dirty": False}
    return kernel.main(settings | build, time.monotonic() - ago)
