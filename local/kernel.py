"""The kernel's entry: what runs on Kaggle, from the mounted data to `images.zip`."""

import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from local import recipes
from local.data.prepared import Dogs, prepare
from local.errors import InputError
from local.images import facts, write_images
from local.recipes import Recipe
from local.sampling import measure
from local.train import devices
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.loop import train
from local.train.watchers import StatusLine, span
from submission import archive

OUTPUT = Path("images.zip")
ENCODING_SECONDS = 0.0005  # a picture; 10,000 written and checked took 3.0 s on two cores
LAST_SECONDS = 3.0  # the final snapshot, and the end of the process


def main(build: dict[str, Any], started: float) -> int:
    """Trains the built-in recipe until the time is spent, and leaves only `images.zip`.

    Args:
        build: what `build_kernel.py` wrote into the file: `recipe`, `hours`, `commit`, `dirty`.
        started: `time.monotonic()` at the kernel's first line, from where the deadline counts.

    Returns:
        The exit code. The last line on stdout is one JSON object about the run.
    """
    try:
        report = _run(build, started)
    except (InputError, archive.ArchiveError) as error:
        print(f"kernel: {error}", file=sys.stderr, flush=True)
        return 2
    print(json.dumps(report), flush=True)
    return 0


def _run(build: dict[str, Any], started: float) -> dict[str, Any]:
    phases = _Phases(started)
    limit = _limit(build)
    recipe = recipes.from_dict(build["recipe"])
    print(f"recipe {recipe}")
    print(f"commit {build['commit']}, limit {span(limit)}, {_versions()}")
    phases.end("start")

    dogs = _data(recipe)
    phases.end("data")

    device = devices.choose()
    print(f"training on {device.name} in {device.dtype}", flush=True)
    adversaries = Adversaries(recipe, device)
    clock = Clock(Budget(deadline=started + limit))
    each = measure(adversaries.average, recipe.latent, device.device)
    clock.keep(archive.COUNT * (each + ENCODING_SECONDS) + LAST_SECONDS)
    # Everything but the archive stays outside the current folder, which Kaggle keeps.
    with tempfile.TemporaryDirectory(prefix="run-") as scratch:
        train(adversaries, dogs, clock, Path(scratch), [StatusLine(sys.stdout)])
    if not adversaries.steps:
        print(f"kernel: no step fits into {limit:.0f} s; the pictures are noise", file=sys.stderr)
    phases.end("train")

    comment = facts(recipe, device, adversaries.images, clock.seconds, build["commit"])
    write_images(OUTPUT, adversaries.average, recipe.latent, device, comment, seed=recipe.seed)
    phases.end("write")
    summary = archive.check(OUTPUT, size=recipe.size)
    phases.end("check")
    about = {"images": summary.images, "zip": str(OUTPUT), "zip_bytes": summary.bytes}
    done = {"steps": adversaries.steps, "dirty": build["dirty"], **comment}
    return about | done | {"seconds": phases.seconds, "total_seconds": phases.total()}


class _Phases:
    """Where the time goes."""

    def __init__(self, started: float) -> None:
        self.started = self.last = started
        self.seconds: dict[str, float] = {}

    def end(self, phase: str) -> None:
        now = time.monotonic()
        self.seconds[phase] = round(now - self.last, 2)
        self.last = now

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
