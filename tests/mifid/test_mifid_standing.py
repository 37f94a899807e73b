"""The sentence about where a score would stand: the facts' figures, and nothing beyond them."""

import numpy as np
import pytest

from mifid.standing import QUANTILES, better_than, margins, sentence


@pytest.mark.parametrize(
    ("mifid", "share"),
    [(15.8, 0.99), (38.7, 0.95), (45.6, 0.9), (56.5, 0.75), (61.6, 0.5), (51.05, 0.825)],
)
def test_share_at_and_between_the_quantiles(mifid: float, share: float) -> None:
    assert better_than(mifid) == pytest.approx(share)


def test_share_falls_as_the_score_rises_and_ends_with_the_quantiles() -> None:
    shares = [better_than(value) for value in np.linspace(15.8, 61.6, 200)]
    assert (np.diff(shares) < 0).all()
    assert better_than(QUANTILES[0][1] - 0.01) is None
    assert better_than(QUANTILES[-1][1] + 0.01) is None


@pytest.mark.parametrize(
    ("mifid", "part"),
    [
        (50.0, "A MiFID of 50 is better than about 84% of the 497 honest ones among the 1,666"),
        (90.5, "is behind the better half of the 497 honest ones"),
        (30.5, "the winner's 31.06 included"),
        (25.0, "but scores under 30.3 were probably copies"),
        (9.0, "is better than at least 99% of"),
        (9.0, "but scores under 30.3 were probably copies"),
    ],
)
def test_rank(mifid: float, part: str) -> None:
    assert part in sentence(mifid, 0.219)


@pytest.mark.parametrize("mifid", [61.7, 90.5, 400.0])
def test_no_share_is_claimed_behind_the_median(mifid: float) -> None:
    assert "%" not in sentence(mifid, 0.219)


@pytest.mark.parametrize(
    ("distance", "part"),
    [
        (0.219, "the distance 0.2190 is 0.1190 above the public threshold 0.1, and the margin"),
        (0.12, "nearer to it than any honest one (0.152)"),
        (0.1, "is 0.0000 above the public threshold 0.1"),
        (0.08, "is 0.0200 under the public threshold 0.1 and so penalised"),
    ],
)
def test_margin_to_the_public_threshold(distance: float, part: str) -> None:
    text = sentence(50, distance)
    assert part in text
    assert text.endswith("the margin to the private threshold 0.25 is not measured.")


def test_margins_as_values() -> None:
    assert margins(0.219) == {"public": pytest.approx(0.119), "private": "not measured"}
    assert margins(0.08)["public"] == pytest.approx(-0.02)
