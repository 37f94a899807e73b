"""Sheets that are rows below each other, with words beside the pictures."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

from PIL import Image, ImageDraw, ImageFont

from local.plots import Theme

PRINT = Theme("white", "black", "white")
_PAPER = ContextVar("paper", default=PRINT)


@contextmanager
def on(theme: Theme) -> Iterator[None]:
    """Sheets made within have the theme's paper and ink, as plots have; others black on white."""
    before = _PAPER.set(theme)
    try:
        yield
    finally:
        _PAPER.reset(before)


def text(words: str, width: int, height: int, size: int = 14) -> Image.Image:
    """Words, a line each, at the upper left of an empty picture of that size in pixels."""
    image = Image.new("RGB", (width, height), _PAPER.get().paper)
    write(image, words, 4, size)
    return image


def write(image: Image.Image, words: str, x: int, size: int = 14) -> None:
    """Words, a line each, at the top of a picture, `x` pixels from the left."""
    ink = _PAPER.get().ink
    ImageDraw.Draw(image).multiline_text((x, 4), words, ink, ImageFont.load_default(size))


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one width below each other."""
    size = rows[0].width, sum(row.height for row in rows)
    whole = Image.new("RGB", size, _PAPER.get().paper)
    y = 0
    for row in rows:
        whole.paste(row, (0, y))
        y += row.height
    return whole
