"""The comparison of two rows as one page: curves over each other, pictures beside each other."""

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from local.page import Section, document, figure, paragraph, plot, table
from local.pictures import encoded, sheet
from local.plots import light_and_dark
from local.themes import BLUE, NEUTRAL, VERMILLION
from submission.compare import Side, remarks, settings
from submission.compare_table import end_values, fact, facts
from submission.history import plain, setting

WIDTH = 9.0  # inches
COLUMNS = 2
HEIGHT = 2.3  # inches a row of curves
ROW = 16  # pictures side by side on a sheet


def page(sides: Sequence[Side]) -> str:
    """The page of two rows."""
    a, b = (side.row.number for side in sides)
    head = ("", f"row {a}", f"row {b}")
    changed = [(name, *map(setting, values)) for name, values in settings(sides).items()]
    said = [paragraph(remark) for remark in remarks(sides)]
    sections = [
        Section("facts", "Facts", [table("Facts", head, facts(sides)), *said]),
        Section(
            "settings",
            "Settings that differ",
            [table("Settings", head, changed) if changed else paragraph("None that are known.")],
        ),
        Section("curves", "Curves", _curves(sides, head)),
        Section("samples", "Pictures", _samples(sides)),
    ]
    cards = {
        f"row {side.row.number}: {name}": fact(side, name)
        for side in sides
        for name in ("fid", "public")
        if getattr(side.row, name) is not None
    }
    lead = "Two rows of the ledger side by side."
    return document(f"Row {a} and row {b}", lead, cards, sections)


def draw_curves(figure: Figure, sides: Sequence[Side], names: Sequence[str]) -> None:
    """A plot a curve, both rows in it."""
    grid = figure.subplots(math.ceil(len(names) / COLUMNS), COLUMNS, squeeze=False).ravel()
    for axes, name in zip(grid, names, strict=False):
        for side, colour, style in zip(sides, (BLUE, VERMILLION), ("-", "--"), strict=True):
            if points := side.curves.get(name):
                kimg, values = np.array(points).T
                marker = "." if len(points) == 1 else ""
                axes.plot(
                    kimg, values, style, color=colour, marker=marker, label=f"row {side.row.number}"
                )
        axes.set_title(plain(name), parse_math=False)
        axes.set_xlabel("kimg")
        axes.legend()
    for axes in grid[len(names) :]:
        axes.axis("off")


def _curves(sides: Sequence[Side], head: Sequence[str]) -> list[str]:
    ends = end_values(sides)
    if not ends:
        return [paragraph("Neither row has a log of its training here.")]
    names = [name for name, *_ in ends]
    height = HEIGHT * math.ceil(len(names) / COLUMNS)
    draw: Callable[[Figure], None] = partial(draw_curves, sides=sides, names=names)
    shown = plot(
        *light_and_dark(draw, WIDTH, height),
        "Curves of both rows over the thousands of pictures shown in training",
        "Over the thousands of pictures shown in training (kimg).",
    )
    return [shown, table("Where the curves ended", head, ends)]


def _samples(sides: Sequence[Side]) -> list[str]:
    blocks = []
    for side in sides:
        if side.pictures is None:
            blocks.append(paragraph(f"{side.missing}."))
            continue
        shown = encoded(sheet(side.pictures, ROW, gap=NEUTRAL), "PNG")
        caption = f"Row {side.row.number}: the first {len(side.pictures)} of its images.zip."
        blocks.append(figure(shown, None, f"Pictures of row {side.row.number}", caption, True))
    return blocks
