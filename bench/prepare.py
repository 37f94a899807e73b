"""`python -m bench prepare`: pictures a second on their way from their files to a training set.

One side is Pillow in one process: open, convert, resize with LANCZOS. The other is this kit, first
without a cache and then from it. Whole pictures, and the pixels of all sides must be the same.

The competition's pictures are photographs, mostly of 500x375; data with smaller ones stand in for
them with --enlarge 500.
"""

import argparse
import tempfile
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.form import Measured, carry_out, command
from bench.sides import alternate
from local.commands.arguments import count
from local.data.competition import find
from local.data.files import read
from local.data.prepared import prepare
from mifid.errors import WorkError
from mifid.pictures import evenly_spaced

CROP = "squash"  # the whole picture: of the others each tool would have its own
ENLARGED = 1_500  # pictures: as many of 500 pixels as Pillow prepares in seconds
QUALITY = 92  # of their JPEG files


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("prepare", __doc__, 3, "--data generative-dog-images.zip")
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="PATH", help="dogs")
    add("--size", type=count, default=64, metavar="P", help="pixels a side (64)")
    add("--enlarge", type=count, metavar="P", help=f"{ENLARGED:,} of them, made P pixels long")
    return carry_out("prepare", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    data, size = options.data, options.size
    with tempfile.TemporaryDirectory(prefix="bench-prepare-") as place:
        cache = Path(place, "cache")
        if options.enlarge:
            data = _enlarged(data, options.enlarge, Path(place, "enlarged"))
        kit = prepare(data, size, CROP, cache)
        if not np.array_equal(_with_pillow(data, size), np.asarray(kit.pictures)):
            raise WorkError(f"{data}: the sides' pixels differ, so that they cannot be compared")
        sides = {
            "Pillow in one process": lambda: _with_pillow(data, size),
            "this kit": lambda: prepare(data, size, CROP),
            "this kit, from its cache": lambda: prepare(data, size, CROP, cache).pictures[:],
        }
        found = alternate(sides, len(kit), options.rounds)
    seconds = len(kit) / found[-1].median
    note = f"from the cache {seconds:.2f} s for all; the same pixels on all sides"
    about = f"{len(kit):,} whole pictures of {options.data}, {size}x{size}"
    if options.enlarge:
        about = f"{about}, from JPEG files of {options.enlarge} pixels"
    return Measured(about, found, more={"cache_seconds": seconds}, notes=[note])


def _enlarged(data: Path, side: int, folder: Path) -> Path:
    """A folder of JPEG files of some of the pictures, with a longer side of so many pixels."""
    folder.mkdir()
    pictures = find(data).pictures
    for i in evenly_spaced(len(pictures), ENLARGED):
        image = Image.open(BytesIO(read(pictures[i].file))).convert("RGB")
        enlarged = ImageOps.contain(image, (side, side))
        enlarged.save(folder / f"{i:05}.jpg", quality=QUALITY)
    return folder


def _with_pillow(data: Path, size: int) -> np.ndarray:
    """All pictures (N, 3, P, P) uint8."""
    found = []
    for picture in find(data).pictures:
        image = Image.open(BytesIO(read(picture.file))).convert("RGB")
        resized = image.resize((size, size), Image.Resampling.LANCZOS)
        found.append(np.asarray(resized).transpose(2, 0, 1))
    return np.stack(found)
