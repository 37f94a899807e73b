"""Settings that change over a run: each a function of the share of the budget spent, 0 to 1.

So one recipe is right for five minutes, nine hours or twelve, on any device.
"""

import math
from collections.abc import Callable


def exponential(progress: float, hold: float, end: float) -> float:
    """Factor of a rate: 1 until `hold` of the budget is spent, then exponentially down to `end`.

    Args:
        progress: share of the budget spent, 0 to 1.
        hold: share after which it falls, 0 to 1; 1 never.
        end: factor at the end, over 0.
    """
    return float(end ** _fallen(progress, hold))


def cosine(progress: float, hold: float, end: float) -> float:
    """The same along half a cosine (Loshchilov and Hutter 2017, arXiv 1608.03983)."""
    return end + (1 - end) * (1 + math.cos(math.pi * _fallen(progress, hold))) / 2


def restarted(progress: float, hold: float, restarts: int) -> float:
    """Where a curve is looked up that starts anew so many times (Loshchilov and Hutter, the same).

    The restarts cut the fall into runs of equal length; each takes the whole curve from `hold` on,
    and the last one ends it.

    Args:
        progress: share of the budget spent, 0 to 1.
        hold: share after which the curve falls, 0 to 1.
        restarts: 0 or more.
    """
    if not restarts or progress <= hold:
        return progress
    runs = _fallen(progress, hold) * (restarts + 1)
    return hold + (1 - hold) * (runs - min(int(runs), restarts))


def eased(progress: float, start: float, end: float) -> float:
    """A value on its way from `start` to `end` over the budget, along half a cosine.

    So R3GAN moves Adam's beta2 (Huang et al. 2024, arXiv 2501.05441).
    """
    return end + (start - end) * cosine(progress, 0.0, 0.0)


def _fallen(progress: float, hold: float) -> float:
    """Share of the fall that lies behind."""
    return 0.0 if progress <= hold else (progress - hold) / (1 - hold)


SCHEDULES: dict[str, Callable[[float, float, float], float]] = {
    "exponential": exponential,
    "cosine": cosine,
}
