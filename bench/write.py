"""`python -m bench write`: pictures a second on their way into `images.zip`.

One side saves each picture as a file with Pillow and then zips the files, as most notebooks of the
competition do. The other is this kit, which writes the archive straight from memory. With a run's
folder the pictures are drawn by its generator along the way, batch by batch, on both sides.
"""

import argparse
import itertools
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from bench.form import Measured, carry_out, command
from bench.sides import alternate
from local.commands.arguments import DEVICE_HELP, count
from local.data.default import data_path
from local.data.prepared import prepare
from local.project import CACHE
from local.sampling import draw, sample
from local.train import devices
from local.trained import load
from mifid.errors import WorkError
from submission import archive

BATCH = 250
Batches = Callable[[], Iterable[np.ndarray]]


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("write", __doc__, 5, "--data generative-dog-images.zip")
    add = parser.add_argument
    add("--data", type=Path, metavar="PATH", help="dogs to write (default: drawn ones)")
    add("--run", type=Path, metavar="RUN", help="draw the pictures with a run's generator")
    add("--count", type=count, default=archive.COUNT, metavar="N", help="pictures (10000)")
    add("--device", default="auto", help=f"of --run: {DEVICE_HELP}")
    return carry_out("write", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    batches, source = _drawn(options) if options.run else _real(options)
    with tempfile.TemporaryDirectory(prefix="bench-write-") as place:
        theirs, ours = Path(place, "theirs.zip"), Path(place, "ours.zip")
        sides = {
            "Pillow's files, then a zip": lambda: _with_pillow(batches, Path(place), theirs),
            "this kit": lambda: archive.write(ours, batches(), {}),
        }
        found = alternate(sides, options.count, options.rounds)
        their_pixels, our_pixels = (archive.pixels(p, options.count) for p in (theirs, ours))
        sizes = [path.stat().st_size for path in (theirs, ours)]
    if not np.array_equal(their_pixels, our_pixels):
        raise WorkError("the archives hold different pictures, so that they cannot be compared")
    note = f"bytes of the archives: {sizes[0]:,} and {sizes[1]:,}; the same pictures in both"
    more = {"bytes": dict(zip(sides, sizes, strict=True))}
    return Measured(f"{options.count:,} pictures, {source}", found, more=more, notes=[note])


def _real(options: argparse.Namespace) -> tuple[Batches, str]:
    dogs = prepare(data_path(options.data), archive.SIZE, "squash", CACHE)
    pictures = np.asarray(dogs.pictures).transpose(0, 2, 3, 1)
    rows = np.arange(options.count) % len(pictures)

    def batches() -> Iterable[np.ndarray]:
        return (pictures[rows[i : i + BATCH]] for i in range(0, options.count, BATCH))

    return batches, f"of {options.data or 'drawn dogs'}, in memory"


def _drawn(options: argparse.Namespace) -> tuple[Batches, str]:
    device = devices.choose(options.device)
    trained = load(options.run, device)
    draws = draw(trained.recipe, trained.classes, options.count, seed=0)
    generator = trained.generator

    def batches() -> Iterable[np.ndarray]:
        return sample(generator, draws, device.device, BATCH)

    return batches, f"drawn by {trained.recipe.name} on {device.name}"


def _with_pillow(batches: Batches, folder: Path, path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        number = itertools.count()
        for batch in batches():
            for picture in batch:
                Image.fromarray(picture).save(Path(place, f"{next(number):05}.png"))
        with zipfile.ZipFile(path, "w") as zipped:
            for file in sorted(Path(place).iterdir()):
                zipped.write(file, file.name)
