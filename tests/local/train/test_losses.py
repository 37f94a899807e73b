"""Losses against PyTorch's own functions, their closed forms, and what they must not depend on."""

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import mse_loss

from local.recipes import Recipe
from local.train import losses
from local.train.losses import LOSSES


@pytest.fixture
def logits():
    random = torch.Generator().manual_seed(0)
    return torch.randn(50, generator=random) * 5, torch.randn(40, generator=random) * 5


def test_cross_entropy(logits):
    real, fake = logits
    loss = losses.of(Recipe())
    ones, zeros = torch.ones(50), torch.zeros(40)
    torch.testing.assert_close(loss.discriminator(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(loss.generator(real, fake), bce(fake, torch.ones(40)))


def test_smoothing_moves_the_labels_of_real_pictures_only(logits):
    real, fake = logits
    loss = losses.of(Recipe(smoothing=0.1))
    expected = bce(real, torch.full((50,), 0.9)) + bce(fake, torch.zeros(40))
    torch.testing.assert_close(loss.discriminator(real, fake), expected)
    torch.testing.assert_close(loss.generator(real, fake), bce(fake, torch.ones(40)))


def test_wasserstein_is_a_difference_of_means():
    real, fake = torch.tensor([3.0, 5.0]), torch.tensor([1.0, 2.0, 6.0])
    loss = LOSSES["wgan"]
    assert loss.discriminator(real, fake) == 3 - 4
    assert loss.generator(real, fake) == -3


def test_relativistic_average_least_squares(logits):
    """Written out as the paper does, with targets 1 and -1 on the differences."""
    real, fake = logits
    above, below = real - fake.mean(), fake - real.mean()
    expected = (mse_loss(above, torch.ones(50)) + mse_loss(below, -torch.ones(40))) / 2
    torch.testing.assert_close(LOSSES["ralsgan"].discriminator(real, fake), expected)
    expected = (mse_loss(above, -torch.ones(50)) + mse_loss(below, torch.ones(40))) / 2
    torch.testing.assert_close(LOSSES["ralsgan"].generator(real, fake), expected)


@pytest.mark.parametrize("name", [name for name in LOSSES if not LOSSES[name].absolute])
def test_where_only_differences_count_a_shift_of_both_sides_changes_nothing(name, logits):
    real, fake = logits
    loss = LOSSES[name]
    torch.testing.assert_close(
        loss.discriminator(real + 7, fake + 7), loss.discriminator(real, fake)
    )
    assert loss.right(real + 7, fake + 7) == loss.right(real, fake)


@pytest.mark.parametrize("name", LOSSES)
def test_gradients_pull_the_sides_apart_and_the_fakes_up(name, logits):
    real, fake = (side.clone().requires_grad_(True) for side in logits)
    LOSSES[name].discriminator(real, fake).backward()
    assert real.grad.sum() < 0 < fake.grad.sum()
    fake.grad = None
    LOSSES[name].generator(real, fake).backward()
    assert fake.grad.sum() < 0
    assert (real.grad.abs().sum() > 0) or not LOSSES[name].compares


def test_what_counts_as_right():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([-3.0, 1.0, -0.5, -0.5])
    assert LOSSES["bce"].right(real, fake) == (0.5, 0.75)
    # means are 0.5 and -0.75
    assert LOSSES["ralsgan"].right(real, fake) == (0.5, 0.75)
    assert LOSSES["wgan"].right(real + 9, fake + 9) == (0.5, 0.75)


@pytest.mark.parametrize("name", LOSSES)
def test_half_precision_logits_do_not_overflow(name):
    logits = torch.tensor([-60000.0, 60000.0], dtype=torch.float16)
    for side in (LOSSES[name].discriminator, LOSSES[name].generator):
        assert side(logits, logits).isfinite()
        assert side(logits, logits).dtype == torch.float32
