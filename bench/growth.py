"""`python -m bench growth`: seconds as the work grows, and the curve through them.

Each job is measured at several sizes, round by round. Through the medians goes a line, seconds =
fixed + each * size, where the work is so many pictures; or a power, seconds = factor * size^power,
where pictures grow. What it gives for sizes beyond those measured is marked as extrapolated.
"""

import argparse
import math
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from tqdm import tqdm

from bench.form import Measured, carry_out, command
from bench.scoring import features
from bench.sides import Side
from bench.train import noise
from local import recipes
from local.commands.arguments import DEVICE_HELP, count
from local.data.doodle import write as write_drawn
from local.data.prepared import prepare
from local.errors import InputError
from local.train import devices
from local.train.adversaries import Adversaries
from mifid.distance import memorization_distance
from mifid.frechet import frechet_distance, moments
from submission import archive

BATCH, STEPS = 16, 2
REALS = 20_580  # the competition's
Work = Callable[[], object]


@dataclass(frozen=True)
class Curve:
    """Seconds as a function of size, and the same in words."""

    at: Callable[[float], float]
    words: str

    def off(self, sizes: Sequence[float], seconds: Sequence[float]) -> float:
        """How far it is from what was measured, at most, as a share of that."""
        pairs = zip(sizes, seconds, strict=True)
        return max(abs(self.at(size) - second) / second for size, second in pairs)


def line(sizes: Sequence[float], seconds: Sequence[float]) -> Curve:
    """Seconds = fixed + each * size, with the least squares of relative errors."""
    each, fixed = np.polyfit(sizes, seconds, 1, w=1 / np.asarray(seconds))
    words = f"{fixed:.3g} s and {each * 1000:.3g} s for each 1,000"
    return Curve(lambda size: float(fixed + each * size), words)


def power(sizes: Sequence[float], seconds: Sequence[float]) -> Curve:
    """Seconds = factor * size^power, by least squares of the logarithms."""
    exponent, offset = np.polyfit(np.log(sizes), np.log(seconds), 1)
    words = f"{math.exp(offset):.3g} s * size^{exponent:.2f}"
    return Curve(lambda size: float(math.exp(offset) * size**exponent), words)


@dataclass(frozen=True)
class Job:
    """Work that grows.

    unit: of its size. sizes: measured; beyond: what the curve is asked for. curve: through the
    medians. make: gets ready, and gives what is timed, for a size and a folder.
    """

    unit: str
    sizes: tuple[int, ...]
    beyond: int
    curve: Callable[[Sequence[float], Sequence[float]], "Curve"]
    make: Callable[[argparse.Namespace, Path, int], Work]


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("growth", __doc__, 3, "--jobs step score")
    add = parser.add_argument
    add("--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="NAME", help=", ".join(JOBS))
    add("--largest", type=count, default=30_000, metavar="N", help="leave out more (30,000)")
    add("--device", default="auto", help=f"of step: {DEVICE_HELP}")
    return carry_out("growth", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    for name in options.jobs:
        _sizes(name, options.largest)  # refused before the first job, not after an hour
    sides: list[Side] = []
    curves = {}
    notes = []
    for name in options.jobs:
        job = JOBS[name]
        sizes = _sizes(name, options.largest)
        with tempfile.TemporaryDirectory(prefix="bench-growth-") as place:
            found = _timed(options, job, sizes, Path(place))
        sides += [Side(f"{name}, {size:,} {job.unit}", found[size]) for size in sizes]
        if len(sizes) < 2:
            continue
        medians = [side.median for side in sides[-len(sizes) :]]
        found_curve = job.curve(sizes, medians)
        there, off = found_curve.at(job.beyond), found_curve.off(sizes, medians)
        curves[name] = {"curve": found_curve.words, "size": job.beyond, "extrapolated": there}
        curves[name]["off"] = off
        beyond = f"{job.beyond:,} {job.unit}: {there:,.4g} s (extrapolated)"
        notes.append(f"{name}: {found_curve.words}, off by up to {off:.0%}; {beyond}")
    about = "seconds of one job at a time"
    more = {"curves": curves}
    return Measured(about, sides, "s", lower=True, compared=False, more=more, notes=notes)


def _sizes(name: str, largest: int) -> list[int]:
    """The sizes of a job that are not left out."""
    job = JOBS[name]
    sizes = [size for size in job.sizes if size <= largest]
    if not sizes:
        fewest = f"{name} begins at {job.sizes[0]:,} {job.unit}"
        raise InputError(f"--largest {largest}: {fewest}; give more, or name other --jobs")
    return sizes


def _timed(
    options: argparse.Namespace, job: Job, sizes: Sequence[int], folder: Path
) -> dict[int, list[float]]:
    """Seconds by size, round by round, so that a slow moment of the machine meets all sizes."""
    works = {size: job.make(options, folder, size) for size in sizes}
    seconds: dict[int, list[float]] = {size: [] for size in sizes}
    turns = [(i, size) for i in range(options.rounds) for size in sizes]
    for _, size in tqdm(turns, unit="job", disable=None, leave=False):
        start = time.perf_counter()
        works[size]()
        seconds[size].append(time.perf_counter() - start)
    return seconds


def _prepare(options: argparse.Namespace, folder: Path, size: int) -> Work:
    data = folder / f"dogs-{size}"
    write_drawn(data, size, seed=0)
    return partial(prepare, data, 64, "box")


def _step(options: argparse.Namespace, folder: Path, size: int) -> Work:
    device = devices.choose(options.device)
    recipe = replace(recipes.get(recipes.DEFAULT), size=size, batch=BATCH)
    model = Adversaries(recipe, device, noise(recipe, device.device))
    model.step()

    def work() -> None:
        for _ in range(STEPS):
            numbers = model.step()
        numbers.tolist()  # waits for the device

    return work


def _write(options: argparse.Namespace, folder: Path, size: int) -> Work:
    random = np.random.default_rng(0)
    batch = random.integers(0, 256, (250, 64, 64, 3), np.uint8)
    counts = [min(250, size - i) for i in range(0, size, 250)]
    out = folder / "images.zip"
    return lambda: archive.write(out, (batch[:count] for count in counts), {})


def _score(options: argparse.Namespace, folder: Path, size: int) -> Work:
    generated, reals = features(size, REALS, 2048)

    def work() -> None:
        frechet_distance(moments(generated), moments(reals))
        memorization_distance(generated, reals)

    return work


JOBS = {
    "prepare": Job("pictures", (1_000, 10_000, 30_000, 100_000), 1_000_000, line, _prepare),
    "step": Job("pixels a side", (32, 64, 128), 256, power, _step),
    "write": Job("pictures", (1_000, 10_000, 30_000, 100_000), 1_000_000, line, _write),
    "score": Job("pictures", (1_000, 10_000, 30_000, 100_000), 1_000_000, line, _score),
}
