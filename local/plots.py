"""The project's one style of plots: safe for the colour-blind, and on light and dark paper.

Figures are drawn through matplotlib's objects alone: pyplot would keep a state that belongs to
nobody, and look for a screen.
"""

import io
from collections.abc import Callable
from typing import Any

from cycler import cycler
from matplotlib import rc_context
from matplotlib.figure import Figure

from local.themes import BLUE, DARK, GREEN, LIGHT, ORANGE, PURPLE, SKY, VERMILLION, Theme

MAP = "cividis"  # one hue's path that looks the same with and without red-green vision
DOTS = 120  # an inch


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


def light_and_dark(
    draw: Callable[[Figure], None], width: float, height: float
) -> tuple[bytes, bytes]:
    """A figure on light and on dark paper; arguments as of `png`, `draw` is called for each."""
    return png(draw, width, height, LIGHT), png(draw, width, height, DARK)


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
