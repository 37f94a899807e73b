"""`python -m bench memory`: the peak memory of each job, and how it grows with the work.

Each job is a command in a process of its own, once for each size; the peak is that of its largest
process, and that of the GPUs beside it, where there are any. `sample` draws so many pictures into
an archive, `train` prepares so many pictures and trains on them, `score` scores so many against as
many.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from bench.alone import run_alone
from bench.form import Measured, carry_out, command
from bench.gpu_memory import Peak
from bench.sides import Side
from local.commands.arguments import count
from local.errors import InputError
from local.project import ROOT
from mifid.errors import WorkError

SIZES = (1_000, 4_000, 16_000)
STEPS = 20  # of a training: its memory is reached after the first


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("memory", __doc__, 1, "--jobs sample train --sizes 1000 10000")
    add = parser.add_argument
    add("--jobs", nargs="+", choices=JOBS, default=list(JOBS), metavar="NAME", help=", ".join(JOBS))
    add("--sizes", nargs="+", type=count, default=list(SIZES), metavar="N", help="pictures")
    add("--graph", type=Path, metavar="FILE", help="of score (a small random network)")
    return carry_out("memory", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    if options.graph and not options.graph.is_file():
        raise InputError(f"--graph {options.graph}: no such file; give the network's .pb")
    sizes = sorted(set(options.sizes))
    places = ["", " on the GPUs"] if torch.cuda.is_available() else [""]
    found: list[Side] = []
    notes = []
    turns = len(options.jobs) * len(sizes) * options.rounds
    with (
        tempfile.TemporaryDirectory(prefix="bench-memory-") as folder,
        tqdm(total=turns, unit="job", disable=None, leave=False) as bar,
    ):
        maker = _Maker(Path(folder), options.graph)
        for job in options.jobs:
            peaks = np.array([_peaks(maker, job, size, options.rounds, bar) for size in sizes])
            for place, megabytes in zip(places, np.moveaxis(peaks, 2, 0) / 1e6, strict=False):
                name = f"{job}{place}"
                rows = zip(sizes, megabytes.tolist(), strict=True)
                found += [Side(f"{name} {size:,}", rounds) for size, rounds in rows]
                notes += _growth(name, sizes, np.median(megabytes, axis=1))
    about = "peak of memory, pictures of 64x64"
    return Measured(about, found, "MB", lower=True, compared=False, notes=notes)


def _peaks(maker: "_Maker", job: str, size: int, rounds: int, bar: tqdm) -> list[tuple[int, int]]:
    """Bytes of each round, on the host and on the GPUs."""
    peaks = []
    for _ in range(rounds):
        peaks.append(maker.call(*JOBS[job](maker, size)))
        bar.update()
    return peaks


def _growth(name: str, sizes: list[int], medians: np.ndarray) -> list[str]:
    if len(sizes) < 2:
        return []
    slope = (medians[-1] - medians[0]) / (sizes[-1] - sizes[0]) * 1000
    return [f"{name}: {slope:+.1f} MB for each 1,000 pictures more"]


class _Maker:
    """Makes what the jobs need, once, and runs them."""

    def __init__(self, folder: Path, graph: Path | None) -> None:
        self.folder = folder
        self.graph = ["--graph", str(graph.resolve())] if graph else []
        self.environment = os.environ | {"DOGS_CACHE": str(folder / "cache")}
        self.environment["XDG_CACHE_HOME"] = str(folder / "cache")

    def call(self, *words: str) -> tuple[int, int]:
        """Runs a command of this kit; returns the bytes of its peak, on the host and on GPUs."""
        with Peak() as on_gpus:
            done = run_alone([sys.executable, "-m", *words], ROOT, self.environment)
        if done.code:
            said = done.stderr.strip()[-200:]
            raise WorkError(f"python -m {' '.join(words[:2])} ended with {done.code}: {said}")
        return done.peak_bytes, on_gpus.bytes

    def dogs(self, size: int) -> Path:
        """A folder of so many drawn dogs."""
        folder = self.folder / f"dogs-{size}"
        if not folder.exists():
            self.call("local", "draw", "--count", str(size), "--out", str(folder))
        return folder

    def run(self) -> Path:
        """A run whose generator has learned nothing; a picture of it costs what any costs."""
        folder = self.folder / "run"
        if not folder.exists():
            data = str(self.dogs(100))
            fixed = ["--data", data, "--steps", "1", "--images", "1", "--out", str(folder)]
            self.call("local", "train", *fixed, "batch=16")
        return folder


def _sample(maker: _Maker, size: int) -> list[str]:
    out = maker.folder / f"images-{size}.zip"
    return ["local", "sample", str(maker.run()), "--count", str(size), "--out", str(out)]


def _train(maker: _Maker, size: int) -> list[str]:
    out = str(Path(tempfile.mkdtemp(dir=maker.folder), "run"))
    fixed = ["--data", str(maker.dogs(size)), "--steps", str(STEPS), "--images", "1"]
    return ["local", "train", *fixed, "--out", out]


def _score(maker: _Maker, size: int) -> list[str]:
    images = maker.folder / f"images-{size}.zip"
    if not images.exists():
        maker.call(*_sample(maker, size))
    return ["mifid", str(images), "--real", str(maker.dogs(size)), *maker.graph]


JOBS: dict[str, Callable[[_Maker, int], list[str]]] = {
    "sample": _sample,
    "train": _train,
    "score": _score,
}
