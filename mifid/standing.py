"""Where a score would stand among the competition's released submissions, in one sentence.

Only for scores that are comparable (``Result.comparable``). Source: the organisers' results table,
1,666 submissions of which they labelled 497 honest; the figures here are of those 497.
"""

from itertools import pairwise
from typing import Literal

from mifid.profiles import PRIVATE, PUBLIC

SUBMISSIONS = 1666
HONEST = 497

# Which share of the honest submissions had a public FID under which value. Their distance was
# never under the threshold, and so their MiFID is their FID.
QUANTILES = ((0.01, 15.8), (0.05, 38.7), (0.10, 45.6), (0.25, 56.5), (0.50, 61.6))
PLAUSIBLE = 30.3  # the best that is likely to be honest; the few under it are probably copies
WINNER = 31.06  # most likely
NEAREST = 0.152  # the smallest honest distance; the median is 0.219

NOT_MEASURED: Literal["not measured"] = "not measured"


def sentence(mifid: float, distance: float) -> str:
    """Say how a comparable score stands, and what keeps it from a penalty."""
    return f"A MiFID of {mifid:.5g} is {rank(mifid)}; {_distance(distance)}."


def rank(mifid: float) -> str:
    """Say which part of the honest submissions a score is better than: "better than about 84% of".

    Between the quantiles the share is interpolated; outside of them only a bound is claimed.
    """
    honest = f"the {HONEST} honest ones among the {SUBMISSIONS:,} released submissions"
    median = QUANTILES[-1][1]
    share = better_than(mifid)
    if mifid > median:
        return f"behind the better half of {honest} (their median is {median})"
    if share is None:
        text = f"better than at least {1 - QUANTILES[0][0]:.0%} of {honest}"
    else:
        text = f"better than about {share:.0%} of {honest}"
    if mifid < PLAUSIBLE:
        text += f", but scores under {PLAUSIBLE} were probably copies: look at the nearest pictures"
    elif mifid < WINNER:
        text += f", the winner's {WINNER} included"
    return text


def better_than(mifid: float) -> float | None:
    """Return the share of the honest submissions that the score beats, 0.5..0.99.

    None outside of the quantiles that are known.
    """
    for (share, value), (next_share, next_value) in pairwise(QUANTILES):
        if value <= mifid <= next_value:
            part = (mifid - value) / (next_value - value)
            return 1 - (share + part * (next_share - share))
    return None


def margins(distance: float) -> dict[str, float | str]:
    """Return how far the distance is above either threshold; negative: under it, penalised.

    The private one applies to another network's distance: ``not measured``.
    """
    return {"public": distance - PUBLIC.threshold, "private": NOT_MEASURED}


def _distance(distance: float) -> str:
    threshold, margin = PUBLIC.threshold, distance - PUBLIC.threshold
    private = f"the margin to the private threshold {PRIVATE.threshold} is {NOT_MEASURED}"
    if margin < 0:
        public = f"is {-margin:.4f} under the public threshold {threshold} and so penalised"
    elif distance < NEAREST:
        public = (
            f"is {margin:.4f} above the public threshold {threshold}, nearer to it than any honest"
            f" one ({NEAREST})"
        )
    else:
        public = f"is {margin:.4f} above the public threshold {threshold}"
    return f"the distance {distance:.4f} {public}, and {private}"
