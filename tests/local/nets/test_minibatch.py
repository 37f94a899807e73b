"""Mini-batch deviation against closed forms and a loop over the groups."""

import math

import pytest
import torch

from local.nets.minibatch import FLOOR, MinibatchDeviation


def seeded(*shape):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def test_pictures_of_one_colour_differ_by_their_colours_deviation():
    """Of 1, 3, 5, 7: the mean is 4, the squares are 9, 1, 1, 9, their mean is 5."""
    x = torch.tensor([1.0, 3.0, 5.0, 7.0])[:, None, None, None].expand(4, 2, 3, 3)
    result = MinibatchDeviation(group=4)(x)
    assert result.shape == (4, 3, 3, 3)
    assert torch.equal(result[:, :2], x)
    torch.testing.assert_close(result[:, 2], torch.full((4, 3, 3), math.sqrt(5)))


@pytest.mark.parametrize(
    ("pictures", "group", "size"),
    [(12, 4, 4), (2, 4, 2), (6, 4, 3), (9, 4, 3), (5, 4, 5), (7, 2, 7)],
)
def test_groups_know_nothing_of_each_other(pictures, group, size):
    x = seeded(pictures, 3, 2, 2)
    planes = MinibatchDeviation(group)(x)[:, 3]
    groups = pictures // size
    for i in range(pictures):
        fellows = [j for j in range(pictures) if j % groups == i % groups]
        assert len(fellows) == size
        values = x[fellows]
        deviations = (values - values.mean(dim=0)).square().mean(dim=0).sqrt()
        expected = deviations.mean().expand(2, 2)
        torch.testing.assert_close(planes[i], expected, atol=1e-4, rtol=1e-4)


def test_equal_pictures_do_not_differ_and_have_a_slope():
    """The slope of a root at 0 would be no number."""
    x = seeded(1, 3, 4, 4).repeat(4, 1, 1, 1).requires_grad_(True)
    plane = MinibatchDeviation()(x)[:, 3]
    assert plane.max() < 1e-3
    plane.sum().backward()
    assert x.grad.isfinite().all()


def test_one_picture_alone_has_no_deviation():
    assert MinibatchDeviation()(seeded(1, 3, 4, 4))[:, 3].max() < 1e-3


def test_small_differences_survive_half_precision():
    """Their square is two and a quarter of the smallest steps that float16 has."""
    deviation = 1.5 / 4096
    x = torch.tensor([0.0, 2 * deviation])[:, None, None, None].expand(2, 3, 4, 4).half()
    result = MinibatchDeviation()(x)
    assert result.dtype == torch.float16
    expected = torch.full((2, 4, 4), math.sqrt(deviation**2 + FLOOR))
    torch.testing.assert_close(result[:, 3].float(), expected, rtol=0.01, atol=0)
