"""The plots of a data set. Each function fills an empty figure."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator, PercentFormatter

from local.data.crops import SMALLEST_SIDE
from local.explore.colours import CHANNELS, MOST, Colours
from local.explore.scan import SIDE
from local.explore.statistics import Boxes, Breed, Sizes
from local.themes import BLUE, GREEN, NEUTRAL, VERMILLION

MOST_BREEDS = 150  # bars in one plot, and mean pictures
WIDTH = 9.0  # inches
ASPECTS = {1 / 4: "1:4", 1 / 2: "1:2", 2 / 3: "2:3", 1: "1:1", 3 / 2: "3:2", 2: "2:1", 4: "4:1"}
LEVELS_A_BIN = 4
COLUMNS = 10  # of mean pictures
# Colour, line and name say the same, for whoever does not see one of them.
CHANNEL_LINES = dict(zip(CHANNELS, ((VERMILLION, "-"), (GREEN, "--"), (BLUE, ":")), strict=True))


def breeds_height(breeds: list[Breed]) -> float:
    """Inches that the bars need."""
    return 0.9 + 0.17 * min(len(breeds), MOST_BREEDS)


def breeds(figure: Figure, found: list[Breed]) -> None:
    """A bar a breed, the largest on top."""
    axes = figure.add_subplot()
    shown = found[:MOST_BREEDS]
    bars = axes.barh([b.name for b in shown], [b.pictures for b in shown], color=BLUE, height=0.75)
    axes.bar_label(bars, [f"{b.pictures:,}" for b in shown], padding=3, fontsize=7)
    axes.tick_params(axis="y", labelsize=7.5, length=0)
    axes.grid(axis="y", visible=False)
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.set_xlabel("pictures")
    axes.set_ylabel("breed")


def sizes(figure: Figure, found: Sizes) -> None:
    """A point a size, by how many pictures have it."""
    axes = figure.add_subplot()
    distinct, counts = np.unique(np.stack([found.width, found.height]), axis=1, return_counts=True)
    order = np.argsort(counts)  # the most frequent ones are drawn on top
    points = axes.scatter(
        distinct[0, order],
        distinct[1, order],
        c=counts[order],
        s=14 + 12 * np.log2(counts[order]),
        norm=LogNorm(1, max(counts.max(), 2)),
        edgecolors=NEUTRAL,
        linewidths=0.4,
    )
    figure.colorbar(points, label="pictures of this size", format=_plain())
    for name, values in (("x", found.width), ("y", found.height)):
        axes.set(**{f"{name}scale": "log", f"{name}lim": (values.min() / 1.3, values.max() * 1.3)})
    for axis, values in ((axes.xaxis, found.width), (axes.yaxis, found.height)):
        low, high = values.min() / 1.3, values.max() * 1.3
        axis.set_ticks([tick for tick in _ROUND if low <= tick <= high])
        axis.set_major_formatter(_plain())
        axis.set_minor_locator(NullLocator())
    axes.set_xlabel("width (pixels)")
    axes.set_ylabel("height (pixels)")


_ROUND = [digit * 10**power for power in range(5) for digit in (1, 2, 3, 5, 7)]


def aspects(figure: Figure, found: Sizes, dogs: Boxes | None) -> None:
    """Width over height of the pictures, and of the dogs' boxes."""
    axes = figure.add_subplot()
    bins = np.geomspace(1 / 4, 4, 50)  # 1:1 in the middle of a bin
    _share_steps(axes, found.aspect.clip(1 / 4, 4), bins, "pictures", BLUE, "-")
    if dogs is not None:
        _share_steps(axes, dogs.aspect.clip(1 / 4, 4), bins, "boxes", VERMILLION, "--")
    axes.set_xscale("log")
    axes.set_xticks(list(ASPECTS), list(ASPECTS.values()))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("aspect (width : height; beyond 1:4 and 4:1 counted at the edge)")
    axes.set_ylabel("share (%)")
    axes.legend()


def boxes(figure: Figure, found: Boxes) -> None:
    """How large the dogs are, and where they are."""
    share, side, place = figure.subplots(1, 3, width_ratios=(1, 1, 1.15))
    _share_steps(share, found.share, np.linspace(0, 1, 21), "boxes", BLUE, "-")
    share.axvline(0.2, color=NEUTRAL, linestyle="--", linewidth=1)
    share.set_title("a dog's share of its picture")
    share.xaxis.set_major_formatter(PercentFormatter(1, symbol=None))
    share.set_xlabel("area of the box (% of the picture; line: 20)")
    share.set_ylabel("boxes (%)")

    short = found.short_side
    bins = np.geomspace(max(short.min(), 1), max(short.max(), 2) * 1.001, 25)
    _share_steps(side, short.clip(1), bins, "boxes", BLUE, "-")
    side.axvline(SMALLEST_SIDE, color=NEUTRAL, linestyle="--", linewidth=1)
    side.set_xscale("log")
    side.set_xticks(
        [t for t in (4, 8, 16, 32, 64, 128, 256, 512, 1024) if bins[0] <= t <= bins[-1]]
    )
    side.xaxis.set_major_formatter(_plain())
    side.xaxis.set_minor_formatter(NullFormatter())
    side.set_title("a box's shorter side")
    side.set_xlabel(f"shorter side (pixels; line: {SMALLEST_SIDE})")
    side.set_ylabel("boxes (%)")

    image = place.imshow(100 * found.cover, extent=(0, 100, 100, 0), vmin=0, vmax=100)
    figure.colorbar(image, label="boxes that cover this place (%)", shrink=0.8)
    place.grid(visible=False)
    place.set_title("where the dogs are")
    place.set_xlabel("from the left (% of width)")
    place.set_ylabel("from the top (% of height)")


def colours(figure: Figure, found: Colours) -> None:
    """The levels of all pictures, a line a channel."""
    axes = figure.add_subplot()
    for name, row in zip(CHANNELS, _binned(found.overall), strict=True):
        colour, line = CHANNEL_LINES[name]
        axes.plot(_levels(), row, color=colour, linestyle=line, label=name)
    axes.set_xlim(0, 255)
    axes.set_ylim(0)
    axes.set_xlabel("level (0 to 255)")
    axes.set_ylabel(f"pixels (% in {LEVELS_A_BIN} levels)")
    axes.legend()


def different(figure: Figure, found: Colours, names: list[str]) -> None:
    """The levels of the most different breeds (rows) a channel (columns), before those of all.

    Args:
        figure: to fill.
        found: with a breed at least in `different`.
        names: of the first breeds of `different`.
    """
    everything = _binned(found.overall)
    grid = figure.subplots(len(names), 3, sharex=True, sharey=True, squeeze=False)
    rows = zip(names, found.different[:MOST], grid, strict=True)
    for name, (breed, distance), row in rows:
        own = _binned(found.breeds[breed])
        for channel, of_all, of_breed, axes in zip(CHANNELS, everything, own, row, strict=True):
            axes.fill_between(_levels(), of_all, color=NEUTRAL, alpha=0.45, linewidth=0)
            axes.plot(_levels(), of_breed, color=CHANNEL_LINES[channel][0])
        row[0].set_title(f"{name}: {distance:.1f} levels from all", fontsize=9)
        row[0].set_ylabel("pixels (%)")
    for channel, axes in zip(CHANNELS, grid[-1], strict=True):
        axes.set_xlabel(f"level of {channel} (0 to 255)")
        axes.set_xlim(0, 255)
        axes.set_ylim(0)


def mean_picture(figure: Figure, found: Colours) -> None:
    """The mean of all pictures, and how much they differ at each place."""
    mean, spread = figure.subplots(1, 2)
    mean.imshow(found.mean.round().astype(np.uint8))
    mean.set_title("mean")
    image = spread.imshow(found.spread.mean(axis=2))
    spread.set_title("how much pictures differ")
    figure.colorbar(image, label="standard deviation (levels of 255)", shrink=0.85)
    for axes in (mean, spread):
        axes.grid(visible=False)
        axes.set_xlabel("pixels from the left")
        axes.set_ylabel("pixels from the top")


def breed_means_height(breeds: list[Breed]) -> float:
    """Inches that the mean pictures need."""
    return WIDTH / COLUMNS * 1.2 * -(-min(len(breeds), MOST_BREEDS) // COLUMNS)


def breed_means(figure: Figure, found: Colours, breeds: list[Breed]) -> None:
    """A mean picture a breed, under it the name."""
    shown = [breed for breed in breeds if breed.breed in found.means][:MOST_BREEDS]
    height = round(SIDE * 1.25)
    axes = figure.add_subplot()
    for i, breed in enumerate(shown):
        left, top = i % COLUMNS * (SIDE + 4), i // COLUMNS * height
        mean = found.means[breed.breed].round().astype(np.uint8)
        axes.imshow(mean, extent=(left, left + SIDE, top + SIDE, top))
        name = breed.name if len(breed.name) < 16 else breed.name[:14] + "…"
        axes.text(left + SIDE / 2, top + SIDE + 2, name, ha="center", va="top", fontsize=6)
    axes.set_xlim(0, COLUMNS * (SIDE + 4))
    axes.set_ylim(-(-len(shown) // COLUMNS) * height, 0)
    axes.set_axis_off()


def _share_steps(
    axes: Axes, values: np.ndarray, bins: np.ndarray, label: str, colour: str, line: str
) -> None:
    counts, edges = np.histogram(values, bins)
    shares = 100 * counts / max(len(values), 1)
    axes.stairs(shares, edges, label=label, color=colour, linestyle=line, linewidth=1.6)
    axes.stairs(shares, edges, fill=True, color=colour, alpha=0.15)
    axes.set_ylim(0)


def _binned(histogram: np.ndarray) -> np.ndarray:
    return 100 * histogram.reshape(3, -1, LEVELS_A_BIN).sum(axis=2)


def _levels() -> np.ndarray:
    return np.arange(0, 256, LEVELS_A_BIN) + (LEVELS_A_BIN - 1) / 2


def _plain() -> FuncFormatter:
    return FuncFormatter(lambda value, _: f"{value:,.0f}")
