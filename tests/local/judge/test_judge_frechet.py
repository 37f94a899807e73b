"""The judge's Frechet distance is the metric's, without SciPy."""

import numpy as np
import pytest
import torch

from local.judge.frechet import Sums, Target
from mifid.frechet import frechet_distance, moments


def side(seed, rows, dimensions, scale=1.0, shift=0.0):
    random = np.random.default_rng(seed)
    mixed = random.normal(size=(dimensions, dimensions)) / dimensions**0.5
    return random.normal(size=(rows, dimensions)) @ mixed * scale + shift


def distance(a, b):
    rows = [torch.from_numpy(rows) for rows in (a, b)]
    real, fake = (Sums.of(each).gaussian() for each in rows)
    return Target(real).distance(fake)


@pytest.mark.parametrize(
    ("rows", "dimensions"), [(500, 32), (5000, 20), (300, 256), (40, 100), (2, 5)]
)
def test_it_agrees_with_the_metrics(rows, dimensions):
    real, fake = side(0, rows, dimensions), side(1, rows + 7, dimensions, 1.5, 0.7)
    expected = frechet_distance(moments(fake), moments(real))
    assert distance(real, fake) == pytest.approx(expected, rel=1e-8, abs=1e-8)


def test_equal_sides_have_none():
    rows = side(2, 400, 64)
    assert distance(rows, rows) == pytest.approx(0, abs=1e-8)


def test_one_dimension_has_its_closed_form():
    random = np.random.default_rng(3)
    a, b = random.normal(2, 3, (4000, 1)), random.normal(-1, 1, (3000, 1))
    shift, spread = a.mean() - b.mean(), a.std(ddof=1) - b.std(ddof=1)
    assert distance(a, b) == pytest.approx(shift**2 + spread**2, rel=1e-10)


def test_one_picture_again_and_again_is_as_far_as_its_spread_is_missing():
    rows = side(4, 500, 8)
    same = np.repeat(rows.mean(axis=0, keepdims=True), 60, axis=0)
    assert distance(rows, same) == pytest.approx(np.cov(rows.T).trace(), rel=1e-6)


def test_groups_are_added_taken_out_and_weighted():
    rows = torch.from_numpy(side(5, 90, 6))
    whole, first = Sums.of(rows), Sums.of(rows[:30])
    for built, plain in (
        (first + Sums.of(rows[30:]), rows),
        (whole - first, rows[30:]),
        (first.times(2), torch.cat([rows[:30], rows[:30]])),
    ):
        expected = Sums.of(plain).gaussian()
        assert torch.allclose(built.gaussian().mean, expected.mean, atol=1e-12)
        assert torch.allclose(built.gaussian().covariance, expected.covariance, atol=1e-12)
    assert torch.allclose(whole.gaussian().covariance, torch.cov(rows.T), atol=1e-12)


def test_rows_are_summed_in_float64_block_by_block():
    rows = 1000 + torch.from_numpy(side(6, 9000, 3)).float()
    expected = torch.cov(rows.double().T)
    assert torch.allclose(Sums.of(rows).gaussian().covariance, expected, rtol=1e-6)
