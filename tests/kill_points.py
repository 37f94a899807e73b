"""A small run that is killed: between any two of its file operations, or in the middle of a write.

All that it does to files is one sequence, the same each time. The process kills itself at one of
its points: before an operation, or after half of the bytes of a write.
"""

import hashlib
import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from kernel_runs import COUNT, TINY

from local import safe
from local.data.prepared import Counts, Dogs
from local.safe import SafeSubmission
from local.train import loop, snapshots
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.devices import Device
from submission import archive

STEPS = 12
RECIPE = replace(TINY, lr_hold=0.2, lr_end=0.1)
OPERATIONS = {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"}


class Points:
    """Counts the points, and kills at one of them; None: only notes what they are."""

    def __init__(self, folder: Path, kill_at: int | None) -> None:
        self.folder, self.kill_at = str(folder), kill_at
        self.passed: list[str] = []

    def begin(self) -> None:
        sys.addaudithook(self._operation)
        fdopen, path_open = os.fdopen, Path.open
        os.fdopen = lambda *arguments: Watched(fdopen(*arguments), self)
        Path.open = lambda path, mode="r", *more, **named: (
            Watched(path_open(path, mode, *more, **named), self)
            if mode == "w+b"
            else path_open(path, mode, *more, **named)
        )
        snapshots.save_file = self._whole_file(snapshots.save_file, "weights")
        torch.save = self._whole_file(torch.save, "state")

    def passes(self, what: str) -> bool:
        """Notes a point; whether it is the one to die at."""
        self.passed.append(what)
        return len(self.passed) - 1 == self.kill_at

    def die(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def _operation(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event not in OPERATIONS:
            return
        here = any(str(argument).startswith(self.folder) for argument in arguments)
        in_open_folder = event in ("os.remove", "os.rmdir") and arguments[-1] != -1
        to = f" to {Path(arguments[1]).name}" if event == "os.rename" else ""
        if (here or in_open_folder) and self.passes(event + to):
            self.die()

    def _whole_file(self, save: Any, what: str) -> Any:
        """What writes a file at once, and may get half of it done."""

        def half(content: Any, path: Path) -> None:
            dies = self.passes(f"write {what}")
            save(content, path)
            if dies:
                os.truncate(path, path.stat().st_size // 2)
                self.die()

        return half


class Watched:
    """An open file, whose writes are points."""

    def __init__(self, file: Any, points: Points) -> None:
        self._file, self._points = file, points

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "Watched":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def write(self, data: bytes) -> int:
        if self._points.passes("write archive"):
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            self._points.die()
        return self._file.write(data)


def run(kill_at: int | None, nameless: bool) -> int:
    """Trains in `run`, from where it was, with the submission in the current folder.

    Prints at which step it began, a digest of the weights, and the points that were passed.
    """
    here = Path.cwd()
    if not nameless:
        del os.O_TMPFILE
    archive.COUNT = COUNT
    safe.COLLAPSED = 0.0
    torch.set_num_threads(1)
    points = Points(here.parent, kill_at)
    points.begin()
    submission = SafeSubmission(
        here / "images.zip", lambda made: {"steps": made.steps}, DOGS.pictures
    )
    adversaries = Adversaries(RECIPE, Device(torch.device("cpu"), "CPU", torch.float32), DOGS)
    snapshots.resume(here.parent / "run", adversaries)
    began = adversaries.steps
    clock = Clock(Budget(steps=STEPS), now=lambda: 0.0)
    loop.train(adversaries, clock, here.parent / "run", submission=submission)
    submission.offer(adversaries)
    digest = hashlib.sha256()
    for network in adversaries.networks().values():
        for value in network.state_dict().values():
            digest.update(value.numpy().tobytes())
    about = {"began": began, "weights": digest.hexdigest(), "points": points.passed}
    print(json.dumps(about), flush=True)
    return 0


PICTURES = torch.randint(
    0, 256, (20, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
)
DOGS = Dogs(PICTURES, torch.zeros(20).long(), ["x"], ["s"] * 20, Counts(20, 20, 0, 0, 0, 0, 0))
