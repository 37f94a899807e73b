"""The plots of a sweep. Each function fills an empty figure."""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from local.recipes.ranges import Choice, Range, Space
from local.recipes.text import readable
from local.sweep.findings import Effect, Findings, Row
from local.sweep.marks import MARKS
from local.themes import BLUE, NEUTRAL, VERMILLION

WIDTH = 9.0  # inches
COLUMNS = 3  # of slices
ROOM = 0.08  # of the scores' span, above and below them
STOPPED = {"marker": "x", "color": NEUTRAL, "s": 22, "linewidths": 1.2}


def history(figure: Figure, found: Findings) -> None:
    """A point a trial, and the best so far as steps."""
    axes = figure.add_subplot()
    scored = _scored(found.rows)
    numbers = [row.number for row in scored]
    scores = np.array([row.score for row in scored])
    axes.scatter(numbers, scores, color=BLUE, s=22, label="scored")
    axes.step(
        [*numbers, found.rows[-1].number],
        [*np.minimum.accumulate(scores), scores.min()],
        where="post",
        color=VERMILLION,
        label="best so far",
    )
    _stopped(axes, [row.number for row in _cut(found.rows)], _cut(found.rows), scores)
    if found.own:
        axes.axhline(
            found.own.score or 0.0, color=NEUTRAL, linestyle="--", linewidth=1, label="as it is"
        )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial")
    axes.set_ylabel("KID (lower is better)")
    axes.legend()


def importances(figure: Figure, effects: Sequence[Effect]) -> None:
    """A bar a setting."""
    axes = figure.add_subplot()
    shares = [effect.importance or 0.0 for effect in effects]
    bars = axes.barh([effect.setting for effect in effects], shares, color=BLUE, height=0.7)
    axes.bar_label(bars, [f"{share:.0%}" for share in shares], padding=3)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.margins(x=0.1)
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("share of the importance")


def slices_height(count: int) -> float:
    """Inches that the slices of so many settings need."""
    return 0.3 + 2.3 * math.ceil(count / COLUMNS)


def slices(figure: Figure, found: Findings, spaces: dict[str, Space]) -> None:
    """The score over each setting, trial by trial."""
    rows = math.ceil(len(spaces) / COLUMNS)
    grid = figure.subplots(rows, COLUMNS, squeeze=False, sharey=True).flatten()
    for axes in grid[len(spaces) :]:
        axes.set_axis_off()
    for i, (effect, axes) in enumerate(zip(found.effects, grid, strict=False)):
        _slice(axes, found, effect.setting, spaces[effect.setting])
        if i % COLUMNS == 0:
            axes.set_ylabel("KID")


def curves(figure: Figure, found: Findings) -> None:
    """The marks of every trial, and its final score where it has one."""
    axes = figure.add_subplot()
    for row in found.rows:
        points = {mark / MARKS: score for mark, score in row.marks.items()}
        if row.score is not None:
            points[1.0] = row.score
        best = found.best is not None and row.number == found.best.number
        axes.plot(
            list(points.keys()),
            list(points.values()),
            color=VERMILLION if best else BLUE if row.score is not None else NEUTRAL,
            linestyle="-" if row.score is not None else ":",
            linewidth=2.2 if best else 0.9,
            marker="o",
            markersize=2.5,
            zorder=3 if best else 2,
        )
    axes.xaxis.set_major_formatter(PercentFormatter(1))
    axes.set_xlabel("share of the budget")
    axes.set_ylabel("KID of few pictures; at 100% the score")


def _slice(axes: Axes, found: Findings, name: str, space: Space) -> None:
    scored, cut = _scored(found.rows), _cut(found.rows)
    scores = np.array([row.score for row in scored])
    axes.scatter(_places(scored, name, space), scores, color=BLUE, s=22)
    _stopped(axes, _places(cut, name, space), cut, scores)
    if found.best:
        place = _places([found.best], name, space)
        axes.scatter(place, found.best.score or 0.0, color=VERMILLION, s=60, marker="*", zorder=3)
    axes.set_title(name)
    if isinstance(space, Range):
        if space.log:
            axes.set_xscale("log")
    else:
        axes.set_xticks(range(len(space.values)), [readable(value) for value in space.values])
        axes.set_xlim(-0.5, len(space.values) - 0.5)


def _places(rows: Sequence[Row], name: str, space: Space) -> list[float]:
    """Where trials stand on a setting's axis."""
    values = [row.settings[name] for row in rows]
    return [space.values.index(v) for v in values] if isinstance(space, Choice) else values


def _stopped(axes: Axes, places: Sequence[float], rows: Sequence[Row], scores: np.ndarray) -> None:
    """Crosses at the last mark; those beyond the scores stand at the edge."""
    span = max(float(np.ptp(scores)), 1e-9)
    low, high = scores.min() - ROOM * span, scores.max() + ROOM * span
    last = [row.marks[max(row.marks)] if row.marks else high for row in rows]
    if rows:
        axes.scatter(places, np.clip(last, low, high), label="stopped", **STOPPED)  # type: ignore[arg-type]


def _scored(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.score is not None]


def _cut(rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row.state == "stopped"]
