"""One picture of a comparison: a row of samples of each recipe, below a row of real pictures."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image

from local.compare.comparison import SHOWN
from local.compare.row import Row
from local.pictures import sheet
from local.rows import stacked, text

SCALE = 2  # pixels for one of a sample
ROW = 64 * SCALE
NAME_WIDTH = 200  # pixels
SIZE = 17  # of the letters
LETTER = 8.3  # pixels that a letter of that size takes, roughly


def picture(rows: Sequence[Row], reals: np.ndarray, caption: str) -> Image.Image:
    """The picture.

    Args:
        rows: of the table.
        reals: real pictures (SHOWN, 64, 64, 3) uint8.
        caption: what is written below.
    """
    width = NAME_WIDTH + SHOWN * (ROW + 2 * SCALE)
    parts = [_row("real", reals, width)]
    parts += [_row(f"{row.recipe}\n{_said(row)}", row.pictures, width) for row in rows]
    lines = textwrap.wrap(caption, int(width / LETTER))
    parts.append(text("\n".join(lines), width, 12 + 22 * len(lines), SIZE))
    return stacked(parts)


def _said(row: Row) -> str:
    if row.error:
        return "failed"
    # No FID without what it may be called: pictures travel without their captions.
    label = textwrap.wrap(row.label or "", int(NAME_WIDTH / LETTER), max_lines=3, placeholder="...")
    return "\n".join([f"FID {row.fid:.4g}", f"KID {row.kid:.3g}", *label])


def _row(title: str, pictures: np.ndarray | None, width: int) -> Image.Image:
    row = text(title, width, ROW + 2 * SCALE, SIZE)
    if pictures is not None:
        row.paste(sheet(pictures, columns=SHOWN, scale=SCALE), (NAME_WIDTH, 0))
    return row
