"""The gradient penalty, where it has a closed form."""

import pytest
import torch

from local.train.penalties import gradient_penalty


def pictures(count=5):
    random = torch.Generator().manual_seed(0)
    sides = (torch.randn(count, 3, 4, 4, generator=random) for _ in range(2))
    return *sides, torch.rand(count, 1, 1, 1, generator=random)


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, 3.0])
def test_a_linear_critic_has_one_slope_everywhere(slope):
    direction = torch.zeros(3, 4, 4)
    direction[1, 2, 3] = 1.0

    def critic(x):
        return slope * (x * direction).sum(dim=(1, 2, 3))

    assert gradient_penalty(critic, *pictures()).item() == pytest.approx((slope - 1) ** 2)


def test_it_looks_between_the_two_pictures_of_a_pair():
    """Of |x|^2 the slope is 2 |x|, which tells where x was."""
    reals, fakes, mix = pictures()
    at = mix * reals + (1 - mix) * fakes
    expected = (2 * at.flatten(1).norm(dim=1) - 1).square().mean()
    got = gradient_penalty(lambda x: x.square().sum(dim=(1, 2, 3)), reals, fakes, mix)
    torch.testing.assert_close(got, expected)


def test_its_gradient_reaches_the_critic_and_not_the_fakes():
    reals, fakes, mix = pictures()
    fakes.requires_grad_(True)
    critic = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(48, 8), torch.nn.Tanh())
    gradient_penalty(lambda x: critic(x).sum(dim=1), reals, fakes, mix).backward()
    assert critic[1].weight.grad.abs().sum() > 0
    assert fakes.grad is None
