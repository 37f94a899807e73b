"""KID: pairs counted one by one, constants in closed form, what unbiased means."""

import numpy as np
import pytest

from mifid.errors import InputError
from mifid.kid import kernel_distance


def features(seed: int, count: int, dimensions: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def naive(a: np.ndarray, b: np.ndarray) -> float:
    """Return the unbiased estimate of all rows, pair by pair."""

    def mean(x: np.ndarray, y: np.ndarray, skip_equal: bool) -> float:
        values = [
            (float(p.astype(np.float64) @ q) / len(p) + 1) ** 3
            for i, p in enumerate(x)
            for j, q in enumerate(y)
            if not (skip_equal and i == j)
        ]
        return float(np.mean(values))

    return mean(a, a, True) + mean(b, b, True) - 2 * mean(a, b, False)


def test_of_all_rows_it_is_the_naive_one() -> None:
    generated, real = features(0, 30) * 1.2, features(1, 30)
    found = kernel_distance(generated, real, subsets=3)
    assert found.mean == pytest.approx(naive(generated, real), abs=1e-6)
    assert found.deviation == pytest.approx(0, abs=1e-6)
    assert (found.subsets, found.size) == (3, 30)


def test_subsets_are_torch_fidelitys() -> None:
    generated, real = features(0, 50) + 0.2, features(1, 60)
    random = np.random.RandomState(2020)
    values = [
        naive(generated[random.choice(50, 20, False)], real[random.choice(60, 20, False)])
        for _ in range(4)
    ]
    found = kernel_distance(generated, real, subsets=4, size=20)
    assert found.mean == pytest.approx(np.mean(values), abs=1e-6)
    assert found.deviation == pytest.approx(np.std(values), abs=1e-6)


def test_constant_sets() -> None:
    a, b = np.full((10, 4), 2.0), np.full((12, 4), 0.5)
    found = kernel_distance(a, b, subsets=2)
    assert found.mean == pytest.approx(5**3 + 1.25**3 - 2 * 2**3, rel=1e-6)
    assert found.deviation == 0


def test_equal_distributions_give_zero_whatever_the_size() -> None:
    generated, real = features(0, 4000), features(1, 4000)
    for size in (20, 200):
        found = kernel_distance(generated, real, size=size)
        assert abs(found.mean) < 4 * found.deviation / 10  # the mean of 100
    shifted = [kernel_distance(generated + s, real, size=200).mean for s in (0.1, 0.3, 0.9)]
    assert 0 < shifted[0] < shifted[1] < shifted[2]


def test_neither_order_nor_rotation_nor_the_sides_matter() -> None:
    generated, real = features(0, 40) + 0.3, features(1, 40)
    expected = pytest.approx(kernel_distance(generated, real, subsets=1).mean, abs=1e-6)
    random = np.random.default_rng(2)
    turn = np.linalg.qr(random.normal(size=(8, 8)))[0]
    assert kernel_distance(generated @ turn, real @ turn, subsets=1).mean == expected
    assert kernel_distance(random.permutation(generated), real, subsets=1).mean == expected
    assert kernel_distance(real, generated, subsets=1).mean == expected


def test_the_seed_decides_and_leaves_others_alone() -> None:
    generated, real = features(0, 50), features(1, 50)
    before = np.random.get_state()[1].copy()
    one, again = (kernel_distance(generated, real, subsets=5, size=10) for _ in range(2))
    assert one == again
    assert one != kernel_distance(generated, real, subsets=5, size=10, seed=1)
    np.testing.assert_array_equal(before, np.random.get_state()[1])


def test_too_few_rows_are_refused() -> None:
    assert kernel_distance(features(0, 2), features(1, 9)).size == 2
    with pytest.raises(InputError, match="at least 2 pictures a side, and there is 1"):
        kernel_distance(features(0, 1), features(1, 9))
