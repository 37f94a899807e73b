"""The curves of a run's log, over the pictures shown and over time."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from local.page import paragraph
from local.report.canvas import Canvas, number
from local.report.folder import SPEED, Folder, Grid
from local.report.frames import chosen
from local.themes import NEUTRAL
from local.train.watchers import PLACE, Record

ROWS = 300  # of a table: the log of a long run has thousands
FEW = 30  # points of a line that are marked each
HEIGHT = 1.9  # inches of a panel
LINES = ("-", "--", ":", "-.")  # beside colours, for whoever does not see one of them
WORDS = {
    "loss": "loss",
    "loss_d": "discriminator",
    "loss_g": "generator",
    "accuracy_real": "on real",
    "accuracy_fake": "on generated",
    "diversity": "diversity",
    "augment_p": "probability",
    SPEED: "img/s",
    "quick_fid": "quick FID",
    "quick_kid": "quick KID",
}


@dataclass(frozen=True)
class Panel:
    """One plot: the log's names on it, and what its axis says."""

    names: tuple[str, ...]
    label: str
    percent: bool = False


PANELS = (
    Panel(("loss_d", "loss_g", "loss"), "loss"),
    Panel(("accuracy_real", "accuracy_fake"), "D is right (%)", percent=True),
    Panel(("diversity",), "diversity\n(1: as real ones)"),
    Panel(("augment_p",), "augmentation\n(probability)"),
    Panel(("quick_fid",), "quick FID\n(lower is better)"),
    Panel(("quick_kid",), "quick KID\n(lower is better)"),
    Panel((SPEED,), "speed (img/s)"),
)


@dataclass(frozen=True)
class Marks:
    """When snapshots were taken."""

    kimg: list[float]
    minutes: list[float]


def blocks(folder: Folder, canvas: Canvas) -> list[str]:
    """The plots, and their numbers as tables."""
    records = sorted(folder.ticks + folder.scores, key=lambda record: record["step"])
    panels = [p for p in PANELS if any(_has(records, name) for name in p.names)]
    if not panels:
        return [paragraph("There is no log of training here: nothing to draw.")]
    taken = marks(folder, folder.grids)
    last = folder.ticks[-1] if folder.ticks else records[-1]
    plot = canvas.plot(
        "curves",
        partial(draw, panels=panels, records=records, taken=taken),
        0.5 + HEIGHT * len(panels),
        "Lines over the pictures shown and over time: "
        + ", ".join(p.label.replace("\n", " ") for p in panels),
        f"Up to step {last['step']:,}, {short(last['kimg'])} kimg, "
        f"{short(last['seconds'] / 60)} minutes. Dotted upright lines: the "
        f"{len(taken.kimg):,} snapshots. kimg: thousands of real pictures shown. Each point "
        "is the mean since the one before.",
    )
    return [plot, *_tables(folder, canvas)]


def short(value: float) -> str:
    """A number for people, who need no more than two digits of a small one."""
    return f"{value:,.1f}" if value >= 10 else f"{value:.2g}"


def marks(folder: Folder, grids: Sequence[Grid]) -> Marks:
    """When the snapshots of these grids were taken; minutes as the log tells."""
    shown = folder.recipe.shown if folder.recipe else 0
    steps = [grid.step for grid in grids]
    ticks = folder.ticks
    minutes = np.interp(
        steps, [0, *(t["step"] for t in ticks)], [0, *(t["seconds"] for t in ticks)]
    )
    return Marks([step * shown / 1000 for step in steps], (minutes / 60).tolist())


def draw(figure: Figure, panels: Sequence[Panel], records: Sequence[Record], taken: Marks) -> None:
    """A row a panel: over kimg on the left, over minutes on the right."""
    grid = figure.subplots(len(panels), 2, sharex="col", sharey="row", squeeze=False)
    for panel, (left, right) in zip(panels, grid, strict=True):
        for axes, name, scale in ((left, "kimg", 1.0), (right, "seconds", 1 / 60)):
            _lines(axes, panel, records, name, scale)
            for at in taken.kimg if name == "kimg" else taken.minutes:
                axes.axvline(at, color=NEUTRAL, linestyle=":", linewidth=0.8, zorder=0.5)
        left.set_ylabel(panel.label)
        if panel.percent:
            left.yaxis.set_major_formatter(PercentFormatter(1, symbol=None))
            left.set_ylim(-0.03, 1.03)
        if panel.names == (SPEED,):
            left.set_ylim(0)
        if len([name for name in panel.names if _has(records, name)]) > 1:
            # Above the left plot: what is at the right is off a telephone's screen.
            left.legend(loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, ncols=3)
    grid[-1][0].set_xlabel("real pictures shown (kimg)")
    grid[-1][1].set_xlabel("training time (minutes)")


def _lines(axes: Axes, panel: Panel, records: Sequence[Record], along: str, scale: float) -> None:
    there = [name for name in panel.names if _has(records, name)]
    for name, line in zip(there, LINES, strict=False):
        own = [record for record in records if name in record]
        axes.plot(
            [record[along] * scale for record in own],
            [record[name] for record in own],
            linestyle=line,
            marker="o" if len(own) < FEW else None,
            markersize=2.5,
            label=WORDS[name],
        )


def _has(records: Sequence[Record], name: str) -> bool:
    return any(name in record for record in records)


def _tables(folder: Folder, canvas: Canvas) -> list[str]:
    found = []
    for title, records in (("Ticks of the log", folder.ticks), ("Quick scores", folder.scores)):
        if not records:
            continue
        # Of all records: what is no number, as the losses of a run that diverged, is in none.
        names = dict.fromkeys(name for r in records for name in r if name not in PLACE)
        rows = [
            [number(record["step"], ","), record["kimg"], record["seconds"] / 60]
            + [float(record.get(name, np.nan)) for name in names]
            for record in (records[place] for place in chosen(len(records), ROWS))
        ]
        told = title
        if len(rows) < len(records):
            told += f": {len(rows)} of {len(records):,}, evenly spaced from the first to the last"
        head = ("step", "kimg", "minutes", *(name.replace("_", " ") for name in names))
        found.append(canvas.table(told, head, rows, folds=True))
    return found
