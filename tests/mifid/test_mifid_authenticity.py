"""Authenticity: copies, strangers, a naive loop."""

import numpy as np
import pytest

from mifid.authenticity import authenticity
from mifid.errors import InputError
from mifid.neighbours import nearest_others


def features(seed: int, count: int, dimensions: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def naive(generated: np.ndarray, real: np.ndarray) -> float:
    authentic = 0
    for row in generated.astype(np.float64):
        to_real = np.linalg.norm(real - row, axis=1)
        nearest = to_real.argmin()
        others = np.delete(real, nearest, axis=0).astype(np.float64)
        authentic += np.linalg.norm(others - real[nearest], axis=1).min() < to_real[nearest]
    return 100 * authentic / len(generated)


def test_agrees_with_the_naive_one() -> None:
    generated, real = features(0, 70) * 0.8, features(1, 90)
    assert authenticity(generated, real) == pytest.approx(naive(generated, real), rel=1e-14)


def test_worked_example() -> None:
    # Real rows 1 apart at 0 and 1, 4 apart at 10 and 14.
    real = np.array([[0.0], [1], [10], [14]])
    generated = np.array([[-0.5], [-3], [12.1], [20], [1]])
    # 0.5 < 1: a copy; 3 > 1; 1.9 < 4: a copy; 6 > 4; 0: a copy.
    assert authenticity(generated, real) == pytest.approx(40)


def test_copies_and_strangers() -> None:
    real = features(0, 80)
    noise = np.random.default_rng(1).normal(0, 1e-3, (40, 16))
    assert authenticity(real, real) == 0
    assert authenticity(real[:40] + noise, real) == 0
    assert authenticity(features(2, 40) + 100, real) == 100


def test_as_far_as_the_neighbour_is_no_authenticity() -> None:
    assert authenticity(np.array([[-1.0]]), np.array([[0.0], [1.0]])) == 0


def test_neither_order_nor_rotation_nor_scale_matters() -> None:
    generated, real = features(0, 150), features(1, 130)
    expected = authenticity(generated, real)
    random = np.random.default_rng(2)
    turn = np.linalg.qr(random.normal(size=(16, 16)))[0]
    assert authenticity(random.permutation(generated), random.permutation(real)) == expected
    assert authenticity(generated @ turn * 3 + 9, real @ turn * 3 + 9) == expected
    assert authenticity(generated, real, real_neighbours=nearest_others(real, 5)) == expected
    assert 0 < expected < 100


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least 2 real pictures, and there are 1"):
        authenticity(features(0, 5), features(1, 1))
    with pytest.raises(InputError, match="at least 1 generated"):
        authenticity(features(0, 0), features(1, 5))
