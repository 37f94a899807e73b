"""Density and coverage: a naive table, sets with known answers, what outliers do not do."""

import numpy as np
import pytest

from mifid.density_coverage import DensityCoverage, density_coverage
from mifid.errors import InputError
from mifid.neighbours import nearest_others
from mifid.precision_recall import precision_recall


def features(seed: int, count: int, dimensions: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def naive(generated: np.ndarray, real: np.ndarray, k: int) -> tuple[float, float]:
    inside = np.zeros((len(generated), len(real)), bool)
    for j, centre in enumerate(real.astype(np.float64)):
        radius = np.sort(np.linalg.norm(real - centre, axis=1))[k]  # [0] is itself
        inside[:, j] = np.linalg.norm(generated - centre, axis=1) < radius
    return inside.sum() / (k * len(generated)), inside.any(axis=0).mean()


@pytest.mark.parametrize("k", [1, 3, 5])
def test_agrees_with_the_naive_one(k: int) -> None:
    generated, real = features(0, 40) * 0.9 + 0.2, features(1, 50)
    found = density_coverage(generated, real, k)
    assert (found.density, found.coverage) == pytest.approx(naive(generated, real, k), rel=1e-14)


def test_equal_and_disjoint_sets() -> None:
    # Each ball holds its own centre and k-1 neighbours of it: k rows.
    real = features(0, 60)
    assert density_coverage(real, real) == DensityCoverage(1, 1)
    assert density_coverage(real + 100, real) == DensityCoverage(0, 0)


def test_density_of_equal_distributions_is_one() -> None:
    found = density_coverage(features(0, 1500, 4), features(1, 1500, 4))
    assert found.density == pytest.approx(1, abs=0.05)
    # The paper's closed form: 1 - 1/2^k for as many rows on both sides.
    assert found.coverage == pytest.approx(1 - 2**-5, abs=0.02)


def test_an_outlier_inflates_precision_and_not_density() -> None:
    generated = features(0, 200) + 40
    real = np.concatenate([features(1, 200), np.full((1, 16), 60, np.float32)])
    assert precision_recall(generated, real).precision == 1
    assert density_coverage(generated, real).density == pytest.approx(0.2)  # 1 ball / k


def test_one_generated_picture_in_many_balls() -> None:
    # The real mean lies in nearly every ball: dense, and covering much by itself.
    real = features(0, 300)
    found = density_coverage(real.mean(axis=0, keepdims=True), real)
    assert found.density == pytest.approx(found.coverage * 300 / 5)
    assert found.density > 1


def test_neither_order_nor_rotation_nor_shift_matters() -> None:
    generated, real = features(0, 150) * 1.1, features(1, 130)
    expected = density_coverage(generated, real)
    random = np.random.default_rng(2)
    turn = np.linalg.qr(random.normal(size=(16, 16)))[0]
    assert density_coverage(random.permutation(generated), random.permutation(real)) == expected
    assert density_coverage(generated @ turn + 9, real @ turn + 9) == expected


def test_neighbours_that_are_there_are_used() -> None:
    generated, real = features(0, 90) * 1.1, features(1, 80)
    given = density_coverage(generated, real, real_neighbours=nearest_others(real, 7))
    assert given == density_coverage(generated, real)


def test_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="at least 6 real pictures, and there are 5"):
        density_coverage(features(0, 9), features(1, 5))
    with pytest.raises(InputError, match="at least 1 generated"):
        density_coverage(features(0, 0), features(1, 9))
