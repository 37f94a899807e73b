"""What goes on the page: each figure also as a PNG, each table also as numbers."""

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from local import page
from local.atomic import replacing
from local.page import Cell
from local.plots import DARK, LIGHT, png

WIDTH = 9.0  # inches of a plot
QUALITY = 90  # of a JPEG: photographs are a fifth as large as in a PNG


class Canvas:
    """Makes the blocks of a page, and remembers their PNGs and numbers.

    Attributes:
        pngs: files to lie beside the page, by name.
        numbers: every table's rows, by its caption.
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

    def sheet(self, name: str, image: Image.Image, alt: str, caption: str) -> str:
        """Pictures: on the page as a JPEG."""
        self.pngs[name] = encoded(image, "PNG")
        return page.figure(encoded(image, "JPEG"), None, alt, caption)

    def table(
        self,
        caption: str,
        head: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        folds: bool = False,
        tight: bool = False,
    ) -> str:
        """A table, folded where a figure shows the same; `tight` as in `page.table`."""
        self.numbers[caption] = [dict(zip(head, row, strict=True)) for row in rows]
        block = page.table(caption, head, rows, tight)
        return page.folded(f"The numbers: {caption}", block) if folds else block

    def write_pngs(self, folder: Path) -> None:
        """Writes the PNGs into a folder, each by rename."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in self.pngs.items():
            with replacing(folder / f"{name}.png") as partial:
                partial.write_bytes(data)


def encoded(image: Image.Image, kind: str, quality: int = QUALITY) -> bytes:
    """The bytes of a PNG or a JPEG."""
    file = io.BytesIO()
    if kind == "JPEG":
        image.convert("RGB").save(file, format=kind, quality=quality, subsampling=0)
    else:
        image.save(file, format=kind)
    return file.getvalue()
