"""Sheets that are rows below each other, with words beside the pictures."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from local.themes import PRINT, Theme


def text(words: str, width: int, height: int, size: int = 14, theme: Theme = PRINT) -> Image.Image:
    """Words, a line each, at the upper left of an empty picture of that size in pixels."""
    image = Image.new("RGB", (width, height), theme.paper)
    write(image, words, 4, size, theme)
    return image


def write(image: Image.Image, words: str, x: int, size: int = 14, theme: Theme = PRINT) -> None:
    """Words, a line each, at the top of a picture, `x` pixels from the left."""
    pen = ImageDraw.Draw(image)
    pen.multiline_text((x, 4), words, theme.ink, ImageFont.load_default(size))


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one width below each other."""
    whole = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)))
    y = 0
    for row in rows:
        whole.paste(row, (0, y))
        y += row.height
    return whole
