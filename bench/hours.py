"""`python -m bench hours`: does memory grow in a run of many hours?

The real training loop with all that looks on (log, grids, TensorBoard, snapshots, the safe
submission), on networks so small and a clock so fast that days pass in minutes: each step takes ten
seconds of the clock. Memory is read once in each simulated hour.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import torch

from bench.form import Measured, carry_out, command
from bench.sides import Side
from local import recipes
from local.commands.arguments import positive
from local.data.prepared import TrainingSet
from local.safe import SafeSubmission
from local.tensorboard import TensorBoard
from local.train import devices
from local.train.build import trainer
from local.train.clock import Budget, Clock
from local.train.loop import train
from local.train.watchers import Record, RunFolder, StatusLine, Watcher

STEP_SECONDS = 10.0  # of the clock
WARM_SHARE = 0.25  # of the run, in which memory may still settle
TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8"]


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("hours", __doc__, 1, "--hours 48")
    parser.add_argument("--hours", type=positive, default=48.0, metavar="H", help="(48)")
    return carry_out("hours", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    memory = _Memory()
    with tempfile.TemporaryDirectory(prefix="bench-hours-") as place:
        _train(Path(place), options.hours * 3600, memory)
    hours, megabytes = np.array(memory.hours), np.array(memory.megabytes)
    late = hours >= WARM_SHARE * options.hours
    slope = float(np.polyfit(hours[late], megabytes[late], 1)[0]) if late.sum() > 1 else 0.0
    about = f"{options.hours:g} simulated hours of training, {memory.steps:,} steps"
    side = Side("resident memory, an hour each", megabytes.tolist())
    more = {"hours": memory.hours, "megabytes_per_hour": slope}
    note = f"after the first quarter {slope:+.3f} MB an hour"
    return Measured(about, [side], "MB", lower=True, more=more, notes=[note])


class _Memory:
    """Looks on, and reads this process's memory once an hour of the clock."""

    def __init__(self) -> None:
        self.hours: list[float] = []
        self.megabytes: list[float] = []
        self.steps = 0

    def tick(self, record: Record) -> None:
        self.steps = record["step"]
        hour = record["seconds"] / 3600
        if not self.hours or hour >= self.hours[-1] + 1:
            self.hours.append(hour)
            self.megabytes.append(psutil.Process().memory_info().rss / 1e6)

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Keeps nothing."""

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Keeps nothing."""


def _train(folder: Path, seconds: float, memory: _Memory) -> None:
    recipe = recipes.override(recipes.get("best-dcgan"), TINY)
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (64, 3, 16, 16), dtype=torch.uint8, generator=random)
    dogs = TrainingSet(pictures, torch.zeros(64, dtype=torch.long), ["dog"])
    model = trainer(recipe, devices.choose("cpu"), dogs)
    clock = Clock(Budget(seconds=seconds), now=lambda: model.steps * STEP_SECONDS)
    submission = SafeSubmission(folder / "images.zip", lambda _: {}, pictures)
    with Path(os.devnull).open("w") as nowhere:
        looking_on: list[Watcher] = [StatusLine(nowhere), RunFolder(folder, 0)]
        looking_on += [TensorBoard(folder, 0), memory]
        train(model, clock, folder, looking_on, submission=submission)
