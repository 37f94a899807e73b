"""Sheets that are rows below each other, with words beside the pictures."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont


def text(words: str, width: int, height: int, size: int = 14) -> Image.Image:
    """Words in black, a line each, at the upper left of a white picture of that size in pixels."""
    image = Image.new("RGB", (width, height), "white")
    write(image, words, 4, size)
    return image


def write(image: Image.Image, words: str, x: int, size: int = 14) -> None:
    """Words in black, a line each, at the top of a picture, `x` pixels from the left."""
    ImageDraw.Draw(image).multiline_text((x, 4), words, "black", ImageFont.load_default(size))


def stacked(rows: Sequence[Image.Image]) -> Image.Image:
    """Pictures of one width below each other."""
    whole = Image.new("RGB", (rows[0].width, sum(row.height for row in rows)), "white")
    y = 0
    for row in rows:
        whole.paste(row, (0, y))
        y += row.height
    return whole
