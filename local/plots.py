"""The project's one style of plots: safe for the colour-blind, and on light and dark paper.

Figures are drawn through matplotlib's objects alone: pyplot would keep a state that belongs to
nobody, and look for a screen.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cycler import cycler
from matplotlib import rc_context
from matplotlib.figure import Figure

# Okabe and Ito's colours (2008), which people with any kind of colour vision tell apart.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#E69F00",
    "#56B4E9",
    "#CC79A7",
)
NEUTRAL = "#8b929a"  # for what is only compared with; seen on both papers
MAP = "cividis"  # one hue's path that looks the same with and without red-green vision
DOTS = 120  # an inch


@dataclass(frozen=True)
class Theme:
    """Colours of the paper and of what stands on it."""

    paper: str
    ink: str
    grid: str


LIGHT = Theme("#ffffff", "#1b1f24", "#dde1e6")
DARK = Theme("#15181c", "#e6e8eb", "#343a42")


def png(draw: Callable[[Figure], None], width: float, height: float, theme: Theme = LIGHT) -> bytes:
    """A PNG of what `draw` puts on a figure.

    Args:
        draw: adds axes to the figure; called once.
        width: inches, of 120 pixels each.
        height: inches.
        theme: the colours.
    """
    with rc_context(_settings(theme)):
        figure = Figure(figsize=(width, height), layout="constrained")
        draw(figure)
        file = io.BytesIO()
        figure.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _settings(theme: Theme) -> dict[Any, Any]:
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color")
    return {
        **dict.fromkeys(ink, theme.ink),
        "figure.facecolor": theme.paper,
        "axes.facecolor": theme.paper,
        "savefig.dpi": DOTS,
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": theme.grid,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "lines.linewidth": 1.6,
        "image.cmap": MAP,
        "axes.prop_cycle": cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE]),
    }
