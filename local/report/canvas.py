"""What goes on the page: each figure also as a PNG, each table also as numbers."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from local import page
from local.atomic import replacing
from local.page import NONE, Cell
from local.pictures import encoded
from local.plots import light_and_dark
from local.themes import DARK, LIGHT, Theme

WIDTH = 9.0  # inches of a plot


@dataclass(frozen=True)
class Shown:
    """A cell that people read as `text`, and programs as `value`."""

    text: str
    value: object


def number(value: float | None, how: str, none: str = NONE) -> Shown:
    """A number in a format of its own, or what stands where there is none."""
    return Shown(none if value is None else format(value, how), value)


class Canvas:
    """Makes the blocks of a page, and remembers their numbers and, where asked, their PNGs.

    Args:
        keeps: whether PNGs are to lie beside the page.

    Attributes:
        pngs: files to lie beside the page, by name.
        numbers: every table's rows as programs read them, by its caption.
    """

    def __init__(self, keeps: bool = False) -> None:
        self.keeps = keeps
        self.pngs: dict[str, bytes] = {}
        self.numbers: dict[str, list[dict[str, Any]]] = {}

    def keep(self, name: str, figure: bytes | Image.Image) -> None:
        """A figure, or a whole PNG, that is to lie beside the page."""
        if self.keeps:
            self.pngs[name] = figure if isinstance(figure, bytes) else encoded(figure, "PNG")

    def plot(
        self, name: str, draw: Callable[[Figure], None], height: float, alt: str, caption: str
    ) -> str:
        """A plot on light and on dark paper; `height` in inches."""
        light, dark = light_and_dark(draw, WIDTH, height)
        self.keep(name, light)
        return page.plot(light, dark, alt, caption)

    def sheet(self, name: str, image: Image.Image, alt: str, caption: str) -> str:
        """Pictures without words, for paper of either kind; on the page as a JPEG."""
        self.keep(name, image)
        return page.figure(encoded(image, "JPEG"), None, alt, caption)

    def worded(
        self, name: str, draw: Callable[[Theme], Image.Image], alt: str, caption: str
    ) -> str:
        """Pictures with words beside them, drawn for light and for dark paper; as JPEGs."""
        image = draw(LIGHT)
        self.keep(name, image)
        dark = encoded(draw(DARK), "JPEG")
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


def _for_programs(cell: Cell | Shown) -> object:
    """What JSON can hold: it knows no infinity, nor what is no number."""
    value = cell.value if isinstance(cell, Shown) else cell
    return None if isinstance(value, float) and not math.isfinite(value) else value
