"""Consistency regularisation, where it has a closed form."""

import pytest
import torch

from local.train.consistency import bcr, zcr_d, zcr_g

COUNT, SIDE = 6, 4
VALUES = 3 * SIDE * SIDE  # of a picture


@pytest.fixture
def pictures():
    """Reals, fakes."""
    random = torch.Generator().manual_seed(0)
    return [torch.rand(COUNT, 3, SIDE, SIDE, generator=random) * 2 - 1 for _ in range(2)]


def critic(x):
    return x.sum(dim=(1, 2, 3))


def test_what_a_change_leaves_alone_costs_nothing(pictures):
    real, fake = (critic(side).requires_grad_(True) for side in pictures)
    (bcr(real, real.clone(), fake, fake.clone()) + zcr_d(fake, fake.clone())).backward()
    assert not real.grad.any() and not fake.grad.any()
    assert zcr_g(pictures[1], pictures[1]) == 0
    mirrored = [critic(side.flip(3)) for side in pictures]  # of which this critic knows nothing
    got = bcr(real, mirrored[0], fake, mirrored[1])
    assert got.item() == pytest.approx(0, abs=1e-9)


def test_balanced_is_the_mean_square_of_what_a_change_moves_on_either_side(pictures):
    """Light of 0.1 and of -0.2 more on every value, which this critic adds up."""
    real, fake = pictures
    got = bcr(critic(real), critic(real + 0.1), critic(fake), critic(fake - 0.2))
    assert got.item() == pytest.approx((0.1 * VALUES) ** 2 + (0.2 * VALUES) ** 2, rel=1e-4)


def test_it_is_a_mean_over_the_batch():
    zeros = torch.zeros(4)
    assert bcr(zeros, torch.tensor([0.0, 2.0, 0.0, 0.0]), zeros, zeros) == 1
    assert bcr(zeros, zeros, zeros, torch.tensor([0.0, 2.0, 0.0, -2.0])) == 2
    assert zcr_d(zeros, torch.tensor([0.0, 2.0, 0.0, -2.0])) == 2


def test_the_discriminators_logits_come_together():
    sides = [torch.tensor(side, requires_grad=True) for side in ([1.0], [3.0], [-1.0], [-4.0])]
    bcr(*sides).backward()
    assert [side.grad.item() for side in sides] == [-4, 4, 6, -6]  # 2 (a - b) and back
    sides = [torch.tensor(side, requires_grad=True) for side in ([1.0], [3.0])]
    zcr_d(*sides).backward()
    assert [side.grad.item() for side in sides] == [-4, 4]


def test_the_generators_pictures_move_apart():
    """A generator that shows its latent, w z: the square of w d is what a step of d changes."""
    weight = torch.tensor(0.5, requires_grad=True)
    latents, step = torch.tensor([[1.0], [-2.0]]), torch.tensor([[0.2], [-0.4]])

    def generator(z):
        return (weight * z)[:, :, None, None].expand(-1, 3, SIDE, SIDE)

    got = zcr_g(generator(latents), generator(latents + step))
    mean_square = (0.2**2 + 0.4**2) / 2
    assert got.item() == pytest.approx(-(0.5**2) * mean_square, rel=1e-4)
    got.backward()
    assert weight.grad.item() == pytest.approx(-2 * 0.5 * mean_square, rel=1e-4)  # w grows


@pytest.mark.parametrize("side", [1, 8, 64])
def test_the_generators_part_is_bounded_and_knows_no_size(side):
    black = torch.full((2, 3, side, side), -1.0)
    assert zcr_g(black, -black) == -4


def test_half_precision_does_not_overflow():
    far, near = torch.tensor([1e4, -1e4]).half(), torch.tensor([-1e4, -1e4]).half()
    for got in (zcr_d(far, near), bcr(far, near, far, far), -zcr_g(far, near)):
        assert got.dtype == torch.float32
        assert got.item() == pytest.approx((2e4) ** 2 / 2, rel=1e-6)
