"""Settings that change over a run: each a function of the share of the budget spent, 0 to 1.

So one recipe is right for five minutes, nine hours or twelve, on any device.
"""


def decay(progress: float, hold: float, end: float) -> float:
    """Factor of a rate: 1 until `hold` of the budget is spent, then exponentially down to `end`.

    Args:
        progress: share of the budget spent, 0 to 1.
        hold: share after which it falls, 0 to 1; 1 never.
        end: factor at the end, over 0.
    """
    if progress <= hold:
        return 1.0
    return float(end ** ((progress - hold) / (1 - hold)))
