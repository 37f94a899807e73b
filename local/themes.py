"""The project's colours: safe for the colour-blind, and for light and dark paper.

Apart from what draws with them, so that sheets of pictures need nothing of what plots need.
"""

from dataclasses import dataclass

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


@dataclass(frozen=True)
class Theme:
    """Colours of the paper and of what stands on it."""

    paper: str
    ink: str
    grid: str


LIGHT = Theme("#ffffff", "#1b1f24", "#dde1e6")
DARK = Theme("#15181c", "#e6e8eb", "#343a42")
PRINT = Theme("#ffffff", "#000000", "#ffffff")  # of pictures that travel alone
