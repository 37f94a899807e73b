"""Intervals: their coverage on Gaussians, each row left out in turn, the ends of the range."""

from collections.abc import Callable

import numpy as np
import pytest

from mifid.distance import memorization_distance
from mifid.errors import InputError
from mifid.frechet import frechet_distance, moments
from mifid.interval import distance_influences, fid_influences, intervals


def gaussian(seed: int, count: int, dimensions: int = 6, scale: float = 1.0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.5, scale, (count, dimensions))


def fid(generated: np.ndarray, real: np.ndarray) -> float:
    return frechet_distance(moments(generated), moments(real))


def left_out(value: Callable, generated: np.ndarray, real: np.ndarray) -> float:
    """Return the deviation by the jackknife proper: each row left out in turn."""
    count = len(generated)
    values = [value(np.delete(generated, row, axis=0), real) for row in range(count)]
    return float(np.sqrt((count - 1) * np.var(values)))


@pytest.mark.parametrize(("dimensions", "count"), [(6, 150), (24, 120), (36, 30)])
def test_coverage_on_gaussians(dimensions: int, count: int) -> None:
    # 300 times the same generator; the mean of all its FIDs is what an interval should hold.
    real = gaussian(0, 400, dimensions, 1.3)
    found = [intervals(gaussian(seed, count, dimensions), real) for seed in range(1, 301)]
    for name in ("fid", "distance"):
        these = [getattr(one, name) for one in found]
        values = [one.value for one in these]
        held = np.mean([one.low <= np.mean(values) <= one.high for one in these])
        assert 0.90 <= held <= 0.99, name
        # Too wide rather than too narrow, most of all where there are fewer rows than features.
        assert 0.9 < np.mean([one.deviation for one in these]) / np.std(values) < 1.4, name


def test_half_the_confidence_holds_half() -> None:
    real = gaussian(0, 400, scale=1.3)
    these = [intervals(gaussian(seed, 100), real, level=0.5).fid for seed in range(1, 301)]
    mean = np.mean([one.value for one in these])
    assert 0.4 < np.mean([one.low <= mean <= one.high for one in these]) < 0.6


def test_agrees_with_leaving_out_each_row() -> None:
    generated, real = gaussian(0, 400, 4), gaussian(1, 500, 4, 1.4)
    found = intervals(generated, real)
    assert found.fid.deviation == pytest.approx(left_out(fid, generated, real), rel=0.03)
    expected = left_out(memorization_distance, generated, real)
    assert found.distance.deviation == pytest.approx(expected, rel=0.01)


def test_agrees_with_leaving_out_each_row_of_a_penalised_score() -> None:
    generated, real = gaussian(0, 250, 4), gaussian(1, 300, 4, 1.4)

    def mifid(generated: np.ndarray, real: np.ndarray) -> float:
        return fid(generated, real) / memorization_distance(generated, real)

    found = intervals(generated, real, threshold=0.9)
    assert found.mifid.value == pytest.approx(mifid(generated, real), rel=1e-9)
    assert found.mifid.deviation == pytest.approx(left_out(mifid, generated, real), rel=0.05)
    assert not found.undecided


def test_values_are_the_scores_and_mifid_is_the_fid_above_the_threshold() -> None:
    generated, real = gaussian(0, 90), gaussian(1, 80)
    found = intervals(generated, real, threshold=1e-6)
    assert found.fid.value == pytest.approx(fid(generated, real), rel=1e-9)
    assert found.distance.value == memorization_distance(generated, real)
    assert found.mifid == found.fid
    assert found == intervals(generated, real, threshold=1e-6)


def test_a_distance_at_the_threshold_leaves_both_scores_open() -> None:
    generated, real = gaussian(0, 90), gaussian(1, 80)
    distance = memorization_distance(generated, real)
    for threshold in (distance * 0.999, distance * 1.001):
        found = intervals(generated, real, threshold)
        assert found.undecided
        assert found.mifid.low == found.fid.low
        assert found.mifid.high > found.fid.value / distance


def test_the_bootstrap_would_miss() -> None:
    # Why there is none: with N = 3 D its whole spread lies above the value.
    generated, real = gaussian(0, 90, 30), gaussian(1, 400, 30, 1.1)
    random = np.random.default_rng(2)
    resampled = [fid(generated[random.integers(0, 90, 90)], real) for _ in range(100)]
    assert min(resampled) > intervals(generated, real).fid.value


def test_influences_sum_to_zero_and_rows_of_sum_zero_have_none() -> None:
    generated, real = gaussian(0, 60), gaussian(1, 80)
    generated[7] = 0
    _, of_fid = fid_influences(generated, real)
    value, of_distance = distance_influences(generated, real)
    assert of_fid.sum() == pytest.approx(0, abs=1e-9)
    assert of_distance.sum() == pytest.approx(0, abs=1e-9)
    assert of_distance[7] == 0
    assert value == memorization_distance(generated, real)


def test_a_higher_level_is_wider_and_order_does_not_matter() -> None:
    generated, real = gaussian(0, 90), gaussian(1, 80)
    narrow, wide = (intervals(generated, real, level=level).fid for level in (0.8, 0.99))
    assert wide.low < narrow.low < narrow.value < narrow.high < wide.high
    shuffled = np.random.default_rng(2).permutation(generated)
    assert intervals(shuffled, real).fid.low == pytest.approx(intervals(generated, real).fid.low)


def test_a_collapsed_generator_does_not_move() -> None:
    real = gaussian(0, 60)
    found = intervals(np.tile(real[:1], (50, 1)) + 0.25, real)
    for one in (found.fid, found.distance):
        assert one.low == pytest.approx(one.value, rel=1e-9)
        assert one.high == pytest.approx(one.value, rel=1e-9)


def test_copies_stay_punished() -> None:
    real = gaussian(0, 60)
    found = intervals(real[:40], real)
    assert 0 <= found.distance.low <= found.distance.high < 1e-12
    assert found.mifid.value > 1e11 * found.fid.value
    assert np.isfinite([found.mifid.low, found.mifid.high]).all()


def test_limits_stay_where_values_can_be() -> None:
    generated = np.abs(gaussian(0, 40, 4))
    found = intervals(generated, np.abs(gaussian(1, 50, 4)), level=1 - 1e-12)
    assert found.fid.low == 0
    assert 0 <= found.distance.low <= found.distance.high <= 1


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least 30 generated pictures, and there are 29"):
        intervals(gaussian(0, 29), gaussian(1, 50))
    with pytest.raises(InputError, match="at least 2"):
        intervals(gaussian(0, 40), gaussian(1, 1))
