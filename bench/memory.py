"""`python -m bench memory`: the peak memory of each job, and how it grows with the work.

Each job is a command in a process of its own, once for each size; the peak is that of its largest
process. Memory of a GPU is not looked at. `sample` draws so many pictures into an archive, `train`
prepares so many pictures and trains on them, `score` scores so many against as many.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from bench.alone import run_alone
from bench.form import Measured, carry_out, command
from bench.sides import Side
from local.commands.arguments import count
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
    sizes = sorted(set(options.sizes))
    found = []
    notes = []
    with tempfile.TemporaryDirectory(prefix="bench-memory-") as place:
        maker = _Maker(Path(place), options.graph)
        turns = [(job, size) for job in options.jobs for size in sizes]
        for job, size in tqdm(turns, unit="job", disable=None, leave=False):
            peaks = [maker.call(*JOBS[job](maker, size)) / 1e6 for _ in range(options.rounds)]
            found.append(Side(f"{job} {size:,}", peaks))
        for job in options.jobs if len(sizes) > 1 else ():
            mine = [side.median for side in found if side.name.startswith(f"{job} ")]
            slope = (mine[-1] - mine[0]) / (sizes[-1] - sizes[0]) * 1000
            notes.append(f"{job}: {slope:+.1f} MB for each 1,000 pictures more")
    about = "peak of resident memory, pictures of 64x64"
    return Measured(about, found, "MB", lower=True, compared=False, notes=notes)


class _Maker:
    """Makes what the jobs need, once, and runs them."""

    def __init__(self, folder: Path, graph: Path | None) -> None:
        self.folder = folder
        self.graph = ["--graph", str(graph.resolve())] if graph else []
        self.environment = os.environ | {"DOGS_CACHE": str(folder / "cache")}
        self.environment["XDG_CACHE_HOME"] = str(folder / "cache")

    def call(self, *words: str) -> int:
        """Runs a command of this kit; returns the bytes of its peak."""
        done = run_alone([sys.executable, "-m", *words], ROOT, self.environment)
        if done.code:
            said = done.stderr.strip()[-200:]
            raise WorkError(f"python -m {' '.join(words[:2])} ended with {done.code}: {said}")
        return done.peak_bytes

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
