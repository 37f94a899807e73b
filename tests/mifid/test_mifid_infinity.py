"""FID at infinity: each point is the plain FID, and the line leads nearer to the truth."""

import numpy as np
import pytest

from mifid.errors import InputError
from mifid.frechet import Moments, frechet_distance, moments
from mifid.infinity import fid_infinity, smallest_size


def features(seed: int, count: int, dimensions: int = 8) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (random.normal(size=(count, dimensions)) + 3).astype(np.float32)


@pytest.mark.parametrize(("dimensions", "smallest"), [(8, None), (8, 4), (60, None), (60, 9)])
def test_points_are_plain_fids_of_the_same_draws(dimensions: int, smallest: int | None) -> None:
    # 60 features and down to 9 rows: covariances without full rank as well.
    generated, real = features(0, 80, dimensions) * 1.3, features(1, 90, dimensions)
    found = fid_infinity(generated, real, smallest=smallest, seed=5)
    random = np.random.default_rng(5)
    fids = [
        frechet_distance(moments(generated[random.choice(80, size, replace=False)]), moments(real))
        for size in found.sizes
    ]
    np.testing.assert_allclose(found.fids, fids, rtol=1e-9)
    design = np.stack([np.ones(15), 1 / np.array(found.sizes)], axis=1)
    line = np.linalg.lstsq(design, np.array(fids), rcond=None)[0]
    np.testing.assert_allclose([found.fid, found.slope], line, rtol=1e-6)


def test_sizes_run_evenly_to_all_rows() -> None:
    generated, real = features(0, 100), features(1, 50)
    found = fid_infinity(generated, real, points=6)
    assert found.sizes == (50, 60, 70, 80, 90, 100)
    whole = frechet_distance(moments(generated), moments(real))
    assert found.fids[-1] == pytest.approx(whole, rel=1e-10)
    assert (smallest_size(300), smallest_size(10_000), smallest_size(50_000)) == (150, 5000, 5000)


def test_nearer_to_the_truth_than_the_fid() -> None:
    # Real: a standard Gaussian. Generated: mean 0.1, deviation 1.2, so D (0.01 + 0.04) in truth.
    dimensions, truth = 32, 32 * (0.01 + 0.04)
    real = Moments(np.zeros(dimensions), np.eye(dimensions), 10**9)
    found = [
        fid_infinity(np.random.default_rng(seed).normal(0.1, 1.2, (600, dimensions)), real)
        for seed in range(5)
    ]
    plain = np.mean([one.fids[-1] for one in found])
    assert plain > 1.3 * truth
    assert abs(np.mean([one.fid for one in found]) - truth) < (plain - truth) / 4
    assert all(one.slope > 0 for one in found)


def test_moments_of_the_real_side_and_rotations_give_the_same() -> None:
    generated, real = features(0, 60), features(1, 70)
    expected = fid_infinity(generated, real).fids
    assert fid_infinity(generated, moments(real)).fids == expected
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(8, 8)))[0]
    turned = fid_infinity(generated @ turn, real @ turn).fids
    np.testing.assert_allclose(turned, expected, rtol=1e-9)


def test_the_seed_decides() -> None:
    generated, real = features(0, 60), features(1, 70)
    assert fid_infinity(generated, real) == fid_infinity(generated, real)
    assert fid_infinity(generated, real).fid != fid_infinity(generated, real, seed=1).fid


def test_too_few_rows_are_refused() -> None:
    assert len(set(fid_infinity(features(0, 30), features(1, 9)).sizes)) == 15
    with pytest.raises(InputError, match=r"the 20 generated ones; add some \(30 do"):
        fid_infinity(features(0, 20), features(1, 9))
    with pytest.raises(InputError, match="the 50 generated ones"):
        fid_infinity(features(0, 50), features(1, 9), smallest=40)
    with pytest.raises(InputError, match="needs more than the 0 generated"):
        fid_infinity(features(0, 0), features(1, 9))
