"""The plots of a history. Each function fills an empty figure.

Scores of different labels never share an axis, and none shares one with Kaggle's. Rows go by their
numbers, so that no text from outside comes into a figure.
"""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import PercentFormatter
from matplotlib.transforms import BboxBase

from local.themes import BLUE, GREEN, NEUTRAL, ORANGE, VERMILLION
from mifid import standing
from submission.history_fit import Fit
from submission.ledger import Row

WIDTH = 9.0  # inches
ALONG = 100  # points of a line
TOP = 0.58  # of the shares: the highest known one is 0.5


def over_time(figure: Figure, rows: Sequence[Row], labels: Sequence[str]) -> None:
    """Kaggle's scores above, and below those measured here, each label for itself."""
    kaggle, *others = figure.subplots(1 + len(labels), sharex=True, squeeze=False).ravel()
    numbers = []
    for name, colour, marker in (("public", BLUE, "o"), ("private", VERMILLION, "s")):
        scored = [(row, getattr(row, name)) for row in rows if getattr(row, name) is not None]
        numbers += _points(kaggle, scored, colour, marker, name)
    kaggle.set_title("Kaggle's scores")
    if kaggle.has_data():
        kaggle.legend()
    else:
        kaggle.text(0.5, 0.5, "none yet", transform=kaggle.transAxes, ha="center")
        kaggle.set_yticks([])
    for axes, label in zip(others, labels, strict=True):
        scored = [(row, row.fid) for row in rows if row.label == label and row.fid is not None]
        numbers += _points(axes, scored, GREEN, "D")
        axes.set_title(f"FID measured here: {label}", parse_math=False)
    for axes in (kaggle, *others):
        axes.set_ylabel("lower is better")
        axes.margins(y=0.15)
    last = others[-1] if others else kaggle
    locator = AutoDateLocator()
    last.xaxis.set_major_locator(locator)
    last.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    last.set_xlabel("time (UTC)")
    _spread(figure, numbers)


def over_time_height(labels: Sequence[str]) -> float:
    """Inches that its plots need."""
    return 0.6 + 2.2 * (1 + len(labels))


def pairs(figure: Figure, fit: Fit) -> None:
    """A pair a point, the line, and where 95 % of single submissions should lie."""
    axes = figure.add_subplot()
    fids = np.linspace(min(fit.fids), max(fit.fids), ALONG)
    found = [fit.predict(float(fid)) for fid in fids]
    limits = [p.low for p in found], [p.high for p in found]
    axes.fill_between(fids, *limits, color=NEUTRAL, alpha=0.25, linewidth=0, label="95 %")
    axes.plot(fids, [p.public for p in found], color=VERMILLION, label="fitted line")
    axes.scatter(fit.fids, fit.publics, color=BLUE, s=26, zorder=3, label="rows")
    pairs = zip(fit.rows, fit.fids, fit.publics, strict=True)
    numbers = [_numbered(axes, number, fid, public) for number, fid, public in pairs]
    # Few pairs have wide limits: the points, not they, say what is to be seen.
    low, high = min(fit.publics), max(fit.publics)
    room = max(0.3 * (high - low), 3 * fit.spread, 1.0)
    axes.set_ylim(low - room, high + room)
    axes.set_xlabel(f"FID measured here: {fit.label}", parse_math=False)
    axes.set_ylabel("Kaggle's public score")
    axes.legend()
    _spread(figure, numbers)


def honest(figure: Figure, rows: Sequence[Row]) -> None:
    """The known quantiles of honest submissions as points, and one's own public scores as lines."""
    axes = figure.add_subplot()
    values = [value for _, value in standing.QUANTILES]
    shares = [share for share, _ in standing.QUANTILES]
    axes.scatter(values, shares, color=BLUE, s=34, zorder=3, label="known quantiles")
    for share, value in standing.QUANTILES:
        axes.annotate(
            f"{share:.0%}: {value}",
            (value, share),
            xytext=(-6, 4),
            textcoords="offset points",
            ha="right",
        )
    numbers = []
    for index, row in enumerate(rows):
        assert row.public is not None
        label = None if index else "own public scores"
        axes.axvline(row.public, color=ORANGE, linewidth=1.2, linestyle="--", label=label)
        numbers.append(_numbered(axes, row.number, row.public, TOP, beside=0))
    axes.set_xlim(left=0)
    axes.set_ylim(0, TOP)
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("public score (lower is better)")
    axes.set_ylabel(f"of {standing.HONEST} honest submissions")
    axes.legend(loc="upper left")
    _spread(figure, numbers)


def _points(
    axes: Axes,
    scored: Sequence[tuple[Row, float]],
    colour: str,
    marker: str,
    label: str | None = None,
) -> list[Text]:
    """Draws scores over time; returns their numbers, oldest first."""
    if not scored:
        return []
    times = [float(date2num(datetime.fromisoformat(row.at))) for row, _ in scored]
    scores = [score for _, score in scored]
    axes.plot(times, scores, color=colour, marker=marker, markersize=5, linewidth=1, label=label)
    points = zip(scored, times, strict=True)
    return [_numbered(axes, row.number, time, score) for (row, score), time in points]


def _numbered(axes: Axes, number: int, x: float, y: float, beside: int = 4) -> Text:
    return axes.annotate(
        str(number),
        (x, y),
        xytext=(beside, 4),
        textcoords="offset points",
        ha="left" if beside else "center",
        fontsize=8,
    )


def _spread(figure: Figure, numbers: Sequence[Text]) -> None:
    """Hides each number that would touch a newer one."""
    figure.draw_without_rendering()  # lays the plots out: only now it is known what stands where
    shown: list[BboxBase] = []
    for number in sorted(numbers, key=lambda text: int(text.get_text()), reverse=True):
        box = number.get_window_extent().padded(2)
        number.set_visible(not box.count_overlaps(shown))
        shown += [box] * number.get_visible()
