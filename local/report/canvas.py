"""What goes on the page: each figure also as a PNG, each table also as numbers."""

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from local import page, rows
from local.atomic import replacing
from local.page import Cell
from local.pictures import on_paper
from local.plots import DARK, LIGHT, Theme, png

WIDTH = 9.0  # inches of a plot
QUALITY = 90  # of a JPEG: photographs are a fifth as large as in a PNG
NONE = "–"  # where there is no number


@dataclass(frozen=True)
class Shown:
    """A cell that people read as `text`, and programs as `value`."""

    text: str
    value: object


def number(value: float | None, how: str, none: str = NONE) -> Shown:
    """A number in a format of its own, or what stands where there is none."""
    return Shown(none if value is None else format(value, how), value)


class Canvas:
    """Makes the blocks of a page, and remembers their PNGs and numbers.

    Attributes:
        pngs: files to lie beside the page, by name.
        numbers: every table's rows as programs read them, by its caption.
    """

    def __init__(self) -> None:
        self.pngs: dict[str, bytes] = {}
        self.numbers: dict[str, list[dict[str, Any]]] = {}

    def plot(
        self, name: str, draw: Callable[[Figure], None], height: float, alt: str, caption: str
    ) -> str:
        """A plot on light and on dark paper; `height` in inches."""
        light, dark = (png(draw, WIDTH, height, theme) for theme in (LIGHT, DARK))
        self.pngs[name] = light
        return page.figure(light, dark, alt, caption)

    def sheet(self, name: str, draw: Callable[[], Image.Image], alt: str, caption: str) -> str:
        """Pictures, on the page as a JPEG; and another on dark paper where that is any other."""
        image, night = (_on(theme, draw) for theme in (LIGHT, DARK))
        self.pngs[name] = encoded(image, "PNG")
        dark = None if night == image else encoded(night, "JPEG")
        return page.figure(encoded(image, "JPEG"), dark, alt, caption)

    def table(
        self,
        caption: str,
        head: Sequence[str],
        rows: Sequence[Sequence[Cell | Shown]],
        folds: bool = False,
        tight: bool = False,
    ) -> str:
        """A table, folded where a figure shows the same; `tight` as in `page.table`."""
        self.numbers[caption] = [
            dict(zip(head, map(_for_programs, row), strict=True)) for row in rows
        ]
        told = [[cell.text if isinstance(cell, Shown) else cell for cell in row] for row in rows]
        block = page.table(caption, head, told, tight)
        return page.folded(f"The numbers: {caption}", block) if folds else block

    def write_pngs(self, folder: Path) -> None:
        """Writes the PNGs into a folder, each by rename."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.pngs.items():
            with replacing(folder / f"{name}.png") as partial:
                partial.write_bytes(data)


def _on(theme: Theme, draw: Callable[[], Image.Image]) -> Image.Image:
    """Pictures, and words beside them, on a theme's paper."""
    with rows.on(theme), on_paper(theme.paper):
        return draw()


def _for_programs(cell: Cell | Shown) -> object:
    """What JSON can hold: it knows no infinity, nor what is no number."""
    value = cell.value if isinstance(cell, Shown) else cell
    return None if isinstance(value, float) and not math.isfinite(value) else value


def encoded(image: Image.Image, kind: str, quality: int = QUALITY) -> bytes:
    """The bytes of a PNG or a JPEG."""
    file = io.BytesIO()
    if kind == "JPEG":
        image.convert("RGB").save(file, format=kind, quality=quality, subsampling=0)
    else:
        image.save(file, format=kind)
    return file.getvalue()
