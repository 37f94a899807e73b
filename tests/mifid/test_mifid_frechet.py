"""The Frechet distance: cases with an answer in closed form, then SciPy's matrix root."""

import numpy as np
import pytest
from scipy import linalg

from mifid.errors import InputError
from mifid.frechet import Moments, frechet_distance, moments


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


def test_symmetric_and_zero_for_equal_sets() -> None:
    a, b = moments(samples(1, 90, 20)), moments(samples(2, 70, 20))
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a), rel=1e-9)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9 * np.trace(a.covariance))


def test_fewer_pictures_than_features() -> None:
    # tr (S1 S2)^(1/2) is also the sum of the singular values of X1 X2^T, up to the counts.
    a, b = samples(1, 12, 300), samples(2, 9, 300)
    x, y = a - a.mean(axis=0), b - b.mean(axis=0)
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum() / np.sqrt(11 * 8)
    shift = a.mean(axis=0) - b.mean(axis=0)
    expected = shift @ shift + (x**2).sum() / 11 + (y**2).sum() / 8 - 2 * root
    assert frechet_distance(moments(a), moments(b)) == pytest.approx(expected, rel=1e-10)


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
