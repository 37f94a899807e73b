"""Photographs on sheets: a few of all before and after cropping, duplicates, odd files."""

import io
import random

import numpy as np
from PIL import Image, ImageDraw

from local.data.cropping import to_rgb
from local.data.crops import regions
from local.data.files import read
from local.explore.scan import SIDE, Seen
from local.pictures import sheet
from local.themes import NEUTRAL, ORANGE

SAMPLES = 40
COLUMNS = 10
CELL = 96  # pixels


def choose(decoded: list[int], seed: int) -> list[int]:
    """Places of some pictures, the same for the same seed."""
    return sorted(random.Random(seed).sample(decoded, min(SAMPLES, len(decoded))))


def whole(seen: list[Seen], columns: int = COLUMNS) -> Image.Image:
    """Whole pictures with their boxes, each fitted into a square cell, aspect kept."""
    return _sheet([_fitted(about) for about in seen], columns)


def crops(seen: list[Seen], policy: str) -> Image.Image:
    """The first crop of each picture, 64x64, and a cross where the policy leaves all boxes out."""
    return _sheet([_first_crop(about, policy) for about in seen], COLUMNS)


def _sheet(cells: list[np.ndarray], columns: int) -> Image.Image:
    return sheet(np.stack(cells), min(columns, len(cells)), gap=NEUTRAL)


def _fitted(about: Seen) -> np.ndarray:
    cell = Image.new("RGB", (CELL, CELL), NEUTRAL)
    image = _decode(about)
    if image is None:
        return _crossed(CELL)
    scale = CELL / max(image.size)
    width, height = (max(round(side * scale), 1) for side in image.size)
    left, top = (CELL - width) // 2, (CELL - height) // 2
    cell.paste(image.resize((width, height), Image.Resampling.LANCZOS), (left, top))
    pen = ImageDraw.Draw(cell)
    for box in about.boxes or []:
        x0, y0, x1, y1 = (side * scale for side in box)
        if x0 <= x1 and y0 <= y1:
            outline = (x0 + left, y0 + top, x1 + left - 1, y1 + top - 1)
            _outline(pen, outline)
    return np.asarray(cell)


def _outline(pen: ImageDraw.ImageDraw, box: tuple[float, float, float, float]) -> None:
    left, top, right, bottom = box
    if left <= right and top <= bottom:
        pen.rectangle(box, outline="black", width=3)  # a dark rim, for light pictures
        pen.rectangle(box, outline=ORANGE, width=2)


def _first_crop(about: Seen, policy: str) -> np.ndarray:
    image = _decode(about)
    key = about.picture.file.path.name  # as for training
    found = regions(policy, *image.size, about.boxes, key) if image else []
    if image is None or not found:
        return _crossed(SIDE)
    return np.asarray(image.crop(found[0]).resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def _crossed(side: int) -> np.ndarray:
    cell = Image.new("RGB", (side, side), NEUTRAL)
    pen = ImageDraw.Draw(cell)
    pen.line((0, 0, side, side), "black", 2)
    pen.line((0, side, side, 0), "black", 2)
    return np.asarray(cell)


def _decode(about: Seen) -> Image.Image | None:
    """The whole picture, which the scan has decoded before; None if it could not."""
    if about.problem:
        return None
    return to_rgb(Image.open(io.BytesIO(read(about.picture.file))))
