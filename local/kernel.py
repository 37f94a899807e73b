"""The kernel's entry: what runs on Kaggle, from the mounted data to `images.zip`."""

import json
import os
import platform
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from local import recipes
from local.data.prepared import Dogs, prepare
from local.errors import InputError
from local.images import facts
from local.lock import exclusive
from local.recipes import Recipe
from local.safe import SafeSubmission
from local.train import devices
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.crew import Crew
from local.train.interrupt import Interrupt
from local.train.loop import train
from local.train.watchers import StatusLine, span
from submission import archive

OUTPUT = Path("images.zip")
KEPT_RUN = Path("not-submittable")  # folder of a kept run: Kaggle takes nothing beside the archive
LAST_SECONDS = 3.0  # the final snapshot, and the end of the process


def main(build: dict[str, Any], started: float) -> int:
    """Trains the built-in recipe until the time is spent, and leaves only `images.zip`.

    Args:
        build: what `build_kernel.py` wrote into the file: `recipe`, `hours`, `keep_run`, `commit`,
            `dirty`.
        started: `time.monotonic()` at the kernel's first line, from where the deadline counts.

    Returns:
        The exit code: 0 done, 1 no valid archive, 2 bad input, 128 + N ended by signal N. The last
        line on stdout is one JSON object about the run.
    """
    try:
        with exclusive(Path.cwd()):
            return _Kernel(build, started).run()
    except InputError as error:
        print(f"kernel: {error}", file=sys.stderr, flush=True)
        return 2


class _Kernel:
    """One run: its settings, its phases, and the archive that it keeps in place."""

    def __init__(self, build: dict[str, Any], started: float) -> None:
        self.build = build
        self.phases = _Phases(started)
        self.recipe = recipes.from_dict(build["recipe"])
        limit = _limit(build)
        print(f"recipe {self.recipe}")
        print(f"commit {build['commit']}, limit {span(limit)}, {_versions()}", flush=True)
        self.clock = Clock(Budget(deadline=started + limit))
        self.devices: list[devices.Device] = []
        self.steps = 0
        self.submission: SafeSubmission | None = None

    def run(self) -> int:
        """From the data to the archive; returns the exit code."""
        self.phases.end("start")
        dogs = _data(self.recipe)
        self.phases.end("data")
        self.devices = devices.choose_all()
        print(f"training on {self._device_names()} in {self.devices[0].dtype}", flush=True)
        # Everything but the archive stays outside the current folder, which Kaggle keeps.
        with (
            tempfile.TemporaryDirectory(prefix="run-") as folder,
            Interrupt() as interrupted,
            Crew(self.devices, self.recipe, dogs.pictures, Path(folder), self._lost) as team,
        ):
            adversaries = Adversaries(self.recipe, self.devices[0], team)
            self._train(adversaries, dogs, Path(folder), interrupted)
        return self._finish(adversaries, interrupted.number)

    def _train(
        self, adversaries: Adversaries, dogs: Dogs, folder: Path, stop: Callable[[], bool]
    ) -> None:
        self.submission = SafeSubmission(OUTPUT, self._facts, dogs.pictures)
        self.submission.estimate(adversaries, folder)
        self.clock.keep(self.submission.seconds + LAST_SECONDS)
        self.phases.end("probe")
        watchers = [StatusLine(sys.stdout)]
        train(adversaries, dogs, self.clock, folder, watchers, stop, self.submission)
        self.steps = adversaries.steps
        if not self.steps:
            print("kernel: no step fits into the limit; the pictures are noise", file=sys.stderr)
        self.phases.end("train")

    def _finish(self, adversaries: Adversaries, signalled: int) -> int:
        """The last archive, then the line about the run."""
        assert self.submission is not None
        if self.submission.kimg is None or self.clock.left(self.steps) > 0:
            self.submission.offer(adversaries, last=True)
        if self.build.get("keep_run"):
            _keep(adversaries)
        self.phases.end("write")
        stopped = f"by {signal.Signals(signalled).name}" if signalled else None
        self._report(stopped)
        if self.submission.kimg is None:
            print("kernel: no valid images.zip; its log says why", file=sys.stderr, flush=True)
            return 1
        return 128 + signalled if signalled else 0

    def _lost(self, what: str) -> None:
        """Ends the run when a process of the team has died: the archive is in place."""
        self.phases.end("train")
        self._report(what)
        os._exit(1)  # the main thread waits for the dead process, perhaps for ever

    def _report(self, stopped: str | None) -> None:
        there = OUTPUT.is_file() and self.submission is not None
        kimg = self.submission.kimg if self.submission else None
        about = {
            "images": archive.COUNT if there else 0,
            "zip": str(OUTPUT),
            "zip_bytes": OUTPUT.stat().st_size if there else 0,
            "steps": self.steps,
            "stopped": stopped,
            "dirty": self.build["dirty"],
            "commit": self.build["commit"],
            "recipe": asdict(self.recipe),
            "seed": self.recipe.seed,
            "kimg": kimg,
            "device": self._device_names(),
            "submittable": not self.build.get("keep_run"),
            "seconds": self.phases.seconds,
            "total_seconds": self.phases.total(),
        }
        print(json.dumps(about), flush=True)

    def _facts(self, adversaries: Adversaries) -> dict[str, Any]:
        """What the archive's comment says."""
        images, seconds = adversaries.images, self.clock.seconds
        told = facts(self.recipe, self._device_names(), images, seconds, self.build["commit"])
        return told | {"seconds": self.phases.so_far("train")}

    def _device_names(self) -> str:
        names = [device.name for device in self.devices]
        return f"{len(names)} x {names[0]}" if len(names) > 1 else "".join(names)


def _keep(adversaries: Adversaries) -> None:
    """Leaves the weights beside the archive, in a folder that says what that means."""
    KEPT_RUN.mkdir(exist_ok=True)
    for name, network in adversaries.networks().items():
        tensors = {key: value.contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, KEPT_RUN / f"{name}.safetensors")
    print(f"kernel: weights kept in {KEPT_RUN}/: this output cannot be submitted", file=sys.stderr)


class _Phases:
    """Where the time goes."""

    def __init__(self, started: float) -> None:
        self.started = self.last = started
        self.seconds: dict[str, float] = {}

    def end(self, phase: str) -> None:
        now = time.monotonic()
        self.seconds[phase] = round(now - self.last, 2)
        self.last = now

    def so_far(self, phase: str) -> dict[str, float]:
        """The seconds by phase, the one that goes on included."""
        return self.seconds | {phase: round(time.monotonic() - self.last, 2)}

    def total(self) -> float:
        return round(self.last - self.started, 2)


def _limit(build: dict[str, Any]) -> float:
    """Seconds that the kernel may take: $KERNEL_SECONDS, or the hours built in."""
    text = os.environ.get("KERNEL_SECONDS")
    try:
        limit = float(text) if text else build["hours"] * 3600
    except ValueError:
        limit = float("nan")
    if not 0 < limit < float("inf"):
        raise InputError(f"KERNEL_SECONDS={text}: must be a number of seconds over 0")
    return limit


def _data(recipe: Recipe) -> Dogs:
    where = Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))
    try:
        dogs = prepare(where, recipe.size, recipe.crop)
    except InputError as error:
        raise InputError(
            f"{error}; on Kaggle, add the competition generative-dog-images as data source"
        ) from None
    print(f"data {dogs.counts}", flush=True)
    return dogs


def _versions() -> str:
    return f"Python {platform.python_version()}, torch {torch.__version__}"
