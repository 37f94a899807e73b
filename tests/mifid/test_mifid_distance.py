"""The memorization distance: its direction, its zero rows, its digits."""

import numpy as np
import pytest

from mifid import distance as module
from mifid.distance import memorization_distance, nearest_real
from mifid.errors import InputError


def features(seed: int, count: int, dimensions: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).random((count, dimensions), dtype=np.float32)


def plain(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Return the whole table of distances, in float64 and in one piece."""
    a, b = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (generated * 1.0, real * 1.0))
    return 1 - np.abs(a @ b.T)


def test_mean_over_the_generated_of_the_nearest_real() -> None:
    # One generated picture copies a real one, the other is at a right angle to both real ones.
    generated = np.array([[1.0, 0, 0], [0, 0, 1]])
    real = np.array([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]])
    assert memorization_distance(generated, real) == pytest.approx(0.5)
    swapped = memorization_distance(real, generated)  # 0, 1 and 1 - 1/sqrt(2)
    assert swapped == pytest.approx((0 + 1 + 1 - 2**-0.5) / 3)


@pytest.mark.parametrize("sizes", [(7, 9), (40, 33)])
def test_blocks_give_the_plain_result(monkeypatch: pytest.MonkeyPatch, sizes: tuple) -> None:
    monkeypatch.setattr(module, "BLOCK", 8)
    generated = features(0, sizes[0]).astype(np.float64)
    real = features(1, sizes[1]).astype(np.float64)
    table = plain(generated, real)
    distances, nearest = nearest_real(generated, real)
    np.testing.assert_allclose(distances, table.min(axis=1), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(nearest, table.argmin(axis=1))


def test_opposite_features_count_as_equal() -> None:
    real = features(0, 5) - 0.5
    assert memorization_distance(-real * 3, real) == pytest.approx(0, abs=1e-12)


def test_copies_have_distance_zero_to_the_last_digits() -> None:
    real = features(0, 50, 2048)
    distances, nearest = nearest_real(real[10:30] * 7, real)
    assert 0 <= distances.min() <= distances.max() < 1e-13
    np.testing.assert_array_equal(nearest, np.arange(10, 30))


def test_rows_of_sum_zero_are_dropped_on_both_sides() -> None:
    generated, real = features(0, 6), features(1, 8)
    expected = memorization_distance(generated, real)
    # A generated one would count as distance 1, and a real one must not shift the indices.
    padded = np.concatenate([np.zeros((1, 16)), generated, [[1.0, -1.0] * 8]])
    distances, nearest = nearest_real(padded, np.concatenate([np.zeros((2, 16)), real]))
    assert len(distances) == 6
    assert distances.mean() == pytest.approx(expected, abs=1e-12)
    np.testing.assert_array_equal(nearest, nearest_real(generated, real)[1] + 2)


def test_a_side_of_zeros_is_refused() -> None:
    with pytest.raises(InputError, match="every generated picture"):
        memorization_distance(np.zeros((3, 4)), np.ones((3, 4)))
    with pytest.raises(InputError, match="every real picture"):
        memorization_distance(np.ones((3, 4)), np.zeros((3, 4)))
