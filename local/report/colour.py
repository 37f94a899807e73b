"""Levels of red, green and blue of generated pictures against those of real ones."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure

from local.explore.colours import CHANNELS, distance, levels, shares
from local.explore.figures import CHANNEL_LINES, LEVELS_A_BIN
from local.page import Cell, paragraph
from local.report.canvas import Canvas
from local.report.subject import Subject
from local.themes import NEUTRAL

ENDS = ("share at 0", "share at 255")
GREY = np.array([0.299, 0.587, 0.114])  # of red, green and blue in brightness (ITU-R BT.601)


def histogram(pictures: np.ndarray) -> np.ndarray:
    """Shares of the levels (3, 256) of pictures (N, H, W, 3) uint8."""
    planes = pictures.reshape(-1, 3).T
    return shares(np.stack([np.bincount(plane, minlength=256) for plane in planes]))


def brightness(pictures: np.ndarray) -> float:
    """The mean brightness, in levels of 255."""
    return float(pictures.reshape(-1, 3).mean(axis=0) @ GREY)


def detail(pictures: np.ndarray) -> float:
    """How much neighbouring pixels differ in brightness, in levels: blur lowers it, noise adds."""
    grey = pictures @ GREY
    across, down = (np.abs(np.diff(grey, axis=axis)).mean() for axis in (1, 2))
    return float((across + down) / 2)


def blocks(subject: Subject, canvas: Canvas) -> list[str]:
    """Both sides' levels, and their distance."""
    fakes, real = subject.fakes, subject.real
    if fakes is None:
        return [paragraph("No generated pictures are here.")]
    sides = {"generated": fakes.pictures}
    if real:
        sides["real"] = real.shown.pictures
    found = {name: histogram(pictures) for name, pictures in sides.items()}
    told = f"Generated pictures: {fakes.words}."
    if real:
        kind = "crops as the generator saw them" if real.crops else "whole training pictures"
        apart = distance(found["generated"], found["real"])
        told += (
            f" Real ones: {len(sides['real']):,} {kind}. By the earth mover's distance pixels would"
            f" have to move by {apart:.1f} of 255 levels."
        )
    plot = canvas.plot(
        "colours",
        partial(draw, found=found),
        2.6,
        "Lines: levels of red, green and blue of generated pictures"
        + (", before grey areas of real ones" if real else ""),
        "Levels of all pixels" + (": lines are generated, grey is real." if real else "."),
    )
    rows: list[Sequence[Cell]] = [
        (name, channel, row["mean"], row["deviation"], *(100 * row[end] for end in ENDS))
        for name, levels_of in found.items()
        for channel, row in levels(levels_of).items()
    ]
    head = ("Pictures", "Channel", "Mean", "Deviation", "% at 0", "% at 255")
    sharp = [(name, brightness(pics), detail(pics)) for name, pics in sides.items()]
    return [
        paragraph(told),
        plot,
        canvas.table("Levels", head, rows, folds=True),
        _levels(found, canvas),
        canvas.table(
            "Brightness and detail",
            ("Pictures", "Mean brightness (levels)", "Detail (levels a pixel)"),
            sharp,
        ),
        paragraph(
            "Detail is the mean difference of neighbouring pixels: blurred pictures have less of "
            "it, noisy ones more."
        ),
    ]


def binned(shares_of: np.ndarray) -> np.ndarray:
    """Shares of the levels (3, 256) as percentages of pixels in LEVELS_A_BIN levels each."""
    found: np.ndarray = 100 * shares_of.reshape(3, -1, LEVELS_A_BIN).sum(axis=2)
    return found


def _levels(found: dict[str, np.ndarray], canvas: Canvas) -> str:
    """What is drawn, as a table."""
    sides = {name: binned(shares_of) for name, shares_of in found.items()}
    head = [f"{channel}, {name} (%)" for name in sides for channel in CHANNELS]
    columns = np.concatenate(list(sides.values())).T.tolist()
    rows: list[Sequence[Cell]] = [
        (f"{i * LEVELS_A_BIN} to {(i + 1) * LEVELS_A_BIN - 1}", *row)
        for i, row in enumerate(columns)
    ]
    return canvas.table("Pixels by level", ("Levels", *head), rows, folds=True)


def draw(figure: Figure, found: dict[str, np.ndarray]) -> None:
    """A plot a channel: generated as a line, real as an area."""
    sides = {name: binned(shares_of) for name, shares_of in found.items()}
    at = np.arange(0, 256, LEVELS_A_BIN) + (LEVELS_A_BIN - 1) / 2
    row = figure.subplots(1, 3, sharey=True)
    for i, (channel, axes) in enumerate(zip(CHANNELS, row, strict=True)):
        if "real" in sides:
            axes.fill_between(at, sides["real"][i], color=NEUTRAL, alpha=0.45, linewidth=0)
        axes.plot(at, sides["generated"][i], color=CHANNEL_LINES[channel][0])
        axes.set_xlabel(f"level of {channel} (0 to 255)")
        axes.set_xlim(0, 255)
    row[0].set_ylim(0, 1.05 * max(float(side.max()) for side in sides.values()))
    row[0].set_ylabel(f"pixels (% in {LEVELS_A_BIN} levels)")
