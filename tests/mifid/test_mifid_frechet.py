"""The Frechet distance: cases with an answer in closed form, then SciPy's matrix root."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from mifid.errors import InputError
from mifid.frechet import Moments, different_rows, frechet_distance, moments


def gaussian(mean: list[float], covariance: np.ndarray, count: int = 1000) -> Moments:
    return Moments(np.array(mean), covariance, count)


def samples(seed: int, count: int, dimensions: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((count, dimensions)) @ random.random((dimensions, dimensions))
    return mixed + random.standard_normal(dimensions)


def test_equal_covariances_leave_the_squared_distance_of_the_means() -> None:
    covariance = np.cov(samples(0, 50, 3), rowvar=False)
    distance = frechet_distance(gaussian([1, 2, 3], covariance), gaussian([4, 6, 3], covariance))
    assert distance == pytest.approx(25, rel=1e-12)


def test_diagonal_gaussians() -> None:
    a, b = np.array([1.0, 4.0, 9.0]), np.array([16.0, 4.0, 0.25])
    distance = frechet_distance(gaussian([0, 0, 1], np.diag(a)), gaussian([0, 2, 1], np.diag(b)))
    expected = 4 + ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()  # 4 + 9 + 0 + 6.25
    assert expected == 19.25
    assert distance == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("dimensions", [1, 2, 7, 40])
def test_agrees_with_the_matrix_root(dimensions: int) -> None:
    a, b = samples(1, 200, dimensions), samples(2, 300, dimensions) * 1.5
    first, second = (np.atleast_2d(np.cov(rows, rowvar=False)) for rows in (a, b))
    shift = a.mean(axis=0) - b.mean(axis=0)
    root = np.trace(linalg.sqrtm(first @ second)).real
    expected = shift @ shift + np.trace(first) + np.trace(second) - 2 * root
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(expected, rel=1e-9)


def covariance(random: np.random.Generator, dimensions: int, condition: float) -> np.ndarray:
    """Of full rank: a rotation, and eigenvalues from 1 down to 1 / condition."""
    turn = np.linalg.qr(random.normal(size=(dimensions, dimensions)))[0]
    return (turn * np.geomspace(1, 1 / condition, dimensions)) @ turn.T


@given(
    dimensions=st.integers(1, 24),
    exponents=st.tuples(st.floats(0, 8), st.floats(0, 8)),
    scales=st.tuples(st.floats(-3, 3), st.floats(-3, 3)),
    seed=st.integers(0, 2**32),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_agrees_with_the_matrix_root_wherever_the_rank_is_full(
    dimensions: int, exponents: tuple, scales: tuple, seed: int
) -> None:
    """Up to conditions of 1e8 a side; measured: 3e-10 of the traces at most, 4e-12 up to 1e6.

    An eigenvalue in the last digits of the largest has a root with half of them, by either route.
    """
    random = np.random.default_rng(seed)
    a, b = (
        covariance(random, dimensions, 10**exponent) * 10**scale
        for exponent, scale in zip(exponents, scales, strict=True)
    )
    scale = np.trace(a) + np.trace(b)
    expected = scale - 2 * np.trace(linalg.sqrtm(a @ b)).real
    mean = [0.0] * dimensions
    found = frechet_distance(gaussian(mean, a), gaussian(mean, b))
    assert found == pytest.approx(expected, rel=0, abs=1e-9 * scale)


@pytest.mark.parametrize("exponent", [0, 4, 8, 12, 16])
def test_badly_conditioned_covariances_with_an_answer_in_closed_form(exponent: int) -> None:
    random = np.random.default_rng(exponent)
    turn = np.linalg.qr(random.normal(size=(50, 50)))[0]
    a = np.geomspace(1, 10.0**-exponent, 50)
    b = random.permutation(a) * 3
    expected = ((np.sqrt(a) - np.sqrt(b)) ** 2).sum()
    sides = (gaussian([0.0] * 50, (turn * values) @ turn.T) for values in (a, b))
    assert frechet_distance(*sides) == pytest.approx(expected, rel=1e-7)


def test_symmetric_and_zero_for_equal_sets() -> None:
    a, b = moments(samples(1, 90, 20)), moments(samples(2, 70, 20))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * np.trace(a.covariance))


def by_singular_values(a: np.ndarray, b: np.ndarray) -> float:
    """Return the distance for any rank.

    tr (S1 S2)^(1/2) is also the sum of the singular values of X1 X2^T, up to the counts.
    """
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    counts = len(a) - 1, len(b) - 1
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum() / np.sqrt(counts[0] * counts[1])
    shift = a.mean(axis=0) - b.mean(axis=0)
    return shift @ shift + (x**2).sum() / counts[0] + (y**2).sum() / counts[1] - 2 * root


@given(
    counts=st.tuples(st.integers(2, 30), st.integers(2, 30)),
    repeats=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    dimensions=st.integers(1, 60),
    seed=st.integers(0, 2**32),
)
@settings(derandomize=True, deadline=None, max_examples=150)
def test_any_rank_is_by_singular_values(
    counts: tuple, repeats: tuple, dimensions: int, seed: int
) -> None:
    """Fewer pictures than features, and pictures that are there many times."""
    a, b = (np.tile(samples(seed + i, counts[i], dimensions), (repeats[i], 1)) for i in range(2))
    scale = a.var(axis=0).sum() + b.var(axis=0).sum()
    found = frechet_distance(moments(a), moments(b))
    assert found == pytest.approx(by_singular_values(a, b), rel=1e-9, abs=1e-9 * scale)


def test_few_pictures_many_times_keep_their_digits() -> None:
    # The rank is 3, and 46 eigenvalues are rounding: their roots would leave some 1e-7.
    a, b = np.tile(samples(1, 4, 50), (100, 1)), samples(2, 400, 50)
    expected = by_singular_values(a, b)
    for sides in ((a, b), (b, a)):
        assert frechet_distance(*map(moments, sides)) == pytest.approx(expected, rel=1e-13)


def test_different_rows() -> None:
    rows = samples(0, 20, 3).astype(np.float32)
    assert different_rows(rows) == 20
    assert different_rows(np.concatenate([rows, rows[:7]])) == 20
    rows[1] = np.nextafter(rows[0], 9)
    assert different_rows(rows[:2]) == 2
    assert different_rows(np.zeros((5, 4))) == 1


def test_collapsed_generator_has_a_distance() -> None:
    real = samples(0, 100, 5)
    fake = np.tile(real[:1], (30, 1))
    expected = ((real[0] - real.mean(axis=0)) ** 2).sum() + np.cov(real, rowvar=False).trace()
    assert frechet_distance(moments(fake), moments(real)) == pytest.approx(expected, rel=1e-12)


def test_moments_are_numpys_over_several_blocks() -> None:
    rows = samples(3, 5000, 6)
    found = moments(rows)
    np.testing.assert_allclose(found.mean, rows.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(rows, rowvar=False), rtol=1e-11)
    assert found.count == 5000


def test_moments_keep_small_variances_beside_large_means() -> None:
    rows = (1e4 + np.random.default_rng(0).standard_normal((3000, 2))).astype(np.float32)
    expected = np.cov(rows.astype(np.float64), rowvar=False)
    np.testing.assert_allclose(moments(rows).covariance, expected, rtol=1e-9, atol=1e-12)


def test_one_picture_has_no_covariance() -> None:
    with pytest.raises(InputError, match="at least 2"):
        moments(np.ones((1, 4)))
