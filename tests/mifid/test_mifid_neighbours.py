"""Neighbours and balls: against the whole table of distances, at edges, copies and far away."""

import numpy as np
import pytest

from mifid import neighbours as module
from mifid.errors import InputError
from mifid.neighbours import in_balls, nearest, nearest_others


def features(seed: int, count: int, dimensions: int = 12) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions))


def table(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return all distances, in float64 and from differences."""
    return np.sqrt(((a[:, None].astype(np.float64) - b[None]) ** 2).sum(axis=2))


@pytest.mark.parametrize("sizes", [(7, 9), (40, 33), (16, 8)])
def test_blocks_give_the_plain_result(monkeypatch: pytest.MonkeyPatch, sizes: tuple) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    points, centres = features(0, sizes[0]), features(1, sizes[1])
    plain = table(points, centres)
    distances, index = nearest(points, centres)
    np.testing.assert_allclose(distances, plain.min(axis=1), rtol=1e-14)
    np.testing.assert_array_equal(index, plain.argmin(axis=1))
    others = table(centres, centres)
    np.fill_diagonal(others, np.inf)
    found = nearest_others(centres, 5)
    np.testing.assert_allclose(found, np.sort(others, axis=1)[:, :5], rtol=1e-14)
    inside = plain < found[:, 4]
    per_point, per_ball = in_balls(points, centres, found[:, 4])
    np.testing.assert_array_equal(per_point, inside.sum(axis=1))
    np.testing.assert_array_equal(per_ball, inside.sum(axis=0))


def test_a_copy_is_another_row_at_distance_zero() -> None:
    rows = features(0, 6)
    found = nearest_others(np.concatenate([rows, rows[:1]]), 2)
    assert (found[0, 0], found[6, 0]) == (0, 0)
    assert found[0, 1] > 0
    np.testing.assert_array_equal(found[0], found[6])


def test_far_from_the_origin_nothing_changes() -> None:
    points, centres = features(0, 50), features(1, 60)
    distances, index = nearest(points, centres)
    moved, moved_index = nearest(points + 1e5, centres + 1e5)
    np.testing.assert_array_equal(index, moved_index)
    np.testing.assert_allclose(moved, distances, rtol=1e-9)
    np.testing.assert_allclose(
        nearest_others(centres + 1e5, 3), nearest_others(centres, 3), rtol=1e-9
    )


def test_float64_decides_at_the_edge() -> None:
    # One part in 1e12 inside, on, and beyond the edge: float32 sees the same distance three times.
    points = np.array([[3.0 - 3e-12, 4], [3, 4], [3 + 3e-12, 4]])
    per_point, per_ball = in_balls(points, np.zeros((1, 2)), np.array([5.0]))
    np.testing.assert_array_equal(per_point, [1, 0, 0])
    np.testing.assert_array_equal(per_ball, [1])


def test_ties_of_a_set_with_itself_are_seen_as_ties() -> None:
    # A ball to the k-th neighbour holds its centre and k-1 others; the k-th lies on the edge.
    rows = features(0, 500, 64).astype(np.float32)
    _, per_ball = in_balls(rows, rows, nearest_others(rows, 4)[:, 3])
    np.testing.assert_array_equal(per_ball, np.full(500, 4))


def test_a_ball_of_radius_zero_is_empty() -> None:
    rows = features(0, 5)
    per_point, per_ball = in_balls(rows, rows, np.zeros(5))
    assert not per_point.any()
    assert not per_ball.any()


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="need at least 6 pictures, and there are 5"):
        nearest_others(features(0, 5), 5)
    with pytest.raises(InputError, match="at least 1"):
        nearest(features(0, 5), features(0, 0))
