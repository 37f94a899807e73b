"""Penalties, where they have a closed form."""

import pytest
import torch
from torch import nn

from local.train.penalties import PENALTIES, weight_at, zero_centred


def pictures(count=5):
    """Reals, fakes and how they mix."""
    random = torch.Generator().manual_seed(0)
    sides = (torch.randn(count, 3, 4, 4, generator=random) for _ in range(2))
    return *sides, torch.rand(count, 1, 1, 1, generator=random)


def plane(slope):
    """A critic of that slope everywhere."""
    direction = torch.zeros(3, 4, 4)
    direction[1, 2, 3] = 1.0
    return lambda x: slope * (x * direction).sum(dim=(1, 2, 3))


def bowl(x):
    """|x|^2, whose slope at x is 2x: it tells where x was."""
    return x.square().sum(dim=(1, 2, 3))


def lengths(x):
    return x.flatten(1).norm(dim=1)


@pytest.mark.parametrize("slope", [0.0, 0.25, 1.0, 3.0])
def test_a_linear_critic_has_one_slope_everywhere(slope):
    got = {kind: penalty(plane(slope), *pictures()) for kind, penalty in PENALTIES.items()}
    assert got["gp"].item() == pytest.approx((slope - 1) ** 2)
    assert got["r1"].item() == got["r2"].item() == pytest.approx(slope**2 / 2)
    assert got["r1r2"].item() == pytest.approx(slope**2)


def test_where_each_looks():
    reals, fakes, mix = pictures()
    between = mix * reals + (1 - mix) * fakes
    at_reals, at_fakes = (lengths(2 * side).square().mean() / 2 for side in (reals, fakes))
    expected = {
        "gp": (lengths(2 * between) - 1).square().mean(),
        "r1": at_reals,
        "r2": at_fakes,
        "r1r2": at_reals + at_fakes,
    }
    assert expected.keys() == PENALTIES.keys()
    for kind, penalty in PENALTIES.items():
        torch.testing.assert_close(penalty(bowl, reals, fakes, mix), expected[kind])


class Plane(nn.Module):
    """A linear critic with weights of its own."""

    def __init__(self, length=1.0):
        super().__init__()
        weight = torch.randn(48, generator=torch.Generator().manual_seed(1))
        self.weight = nn.Parameter(length * weight / weight.norm())

    def forward(self, x):
        return x.flatten(1) @ self.weight


@pytest.mark.parametrize("length", [0.5, 2.0])
def test_the_gradient_reaches_the_critics_weights(length):
    """Of (|w| - 1)^2 it is 2 (|w| - 1) w/|w|; of |w|^2 / 2 it is w."""
    for kind, factor in (("gp", 2 * (length - 1) / length), ("r1", 1), ("r2", 1), ("r1r2", 2)):
        critic = Plane(length)
        PENALTIES[kind](critic, *pictures()).backward()
        torch.testing.assert_close(critic.weight.grad, factor * critic.weight.detach())


@pytest.mark.parametrize("kind", PENALTIES)
def test_it_passes_through_a_networks_layers(kind):
    """The gradient by the first layer's weights, against small steps along it."""
    critic = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.Tanh(), nn.Linear(8, 1, bias=False))
    for weight in critic.parameters():
        nn.init.normal_(weight, 0, 0.3, generator=torch.Generator().manual_seed(2))

    def penalty():
        return PENALTIES[kind](lambda x: critic(x).flatten(), *pictures())

    penalty().backward()
    weight, gradient = critic[1].weight, critic[1].weight.grad.clone()
    values, step = [], 1e-2 * gradient / gradient.norm()
    for way in (1, -1):
        weight.data += way * step
        values.append(penalty().item())
        weight.data -= way * step
    rise = (values[0] - values[1]) / 2e-2
    assert rise == pytest.approx(gradient.norm().item(), rel=1e-2)


@pytest.mark.parametrize("kind", PENALTIES)
def test_none_reaches_the_pictures(kind):
    reals, fakes, mix = pictures()
    reals.requires_grad_(True), fakes.requires_grad_(True)
    PENALTIES[kind](Plane(), reals, fakes, mix).backward()
    assert reals.grad is None and fakes.grad is None


@pytest.mark.parametrize("kind", PENALTIES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_autocast_changes_nothing(kind, dtype):
    """Slopes of some 1e-5 a value: half precision has none or two digits of them."""

    def penalise(autocast):
        critic = nn.Sequential(nn.Linear(48, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))
        for weight in critic.parameters():
            nn.init.normal_(weight, 0, 3e-3, generator=torch.Generator().manual_seed(2))
        with torch.autocast("cpu", dtype=dtype, enabled=autocast):
            got = PENALTIES[kind](lambda x: critic(x.flatten(1)).flatten(), *pictures())
        (2.0**24 * got).backward()  # a scale where half precision is long infinite
        return got, critic[0].weight.grad

    value, gradient = penalise(autocast=True)
    expected, expected_gradient = penalise(autocast=False)
    assert value.dtype == torch.float32
    assert value > 0 and torch.equal(value, expected)
    assert gradient.abs().sum() > 0 and torch.equal(gradient, expected_gradient)


@pytest.mark.parametrize("kind", PENALTIES)
def test_pictures_may_come_in_half_precision(kind):
    reals, fakes, mix = pictures()
    got = PENALTIES[kind](bowl, reals, fakes.half(), mix)
    assert got.dtype == torch.float32
    torch.testing.assert_close(got, PENALTIES[kind](bowl, reals, fakes, mix), rtol=1e-3, atol=0)


@pytest.mark.parametrize("every", [1, 2, 16])
def test_lazy_weights_add_up_to_the_same_over_any_so_many_steps(every):
    for first in range(20):
        weights = [weight_at(step, every) for step in range(first, first + every)]
        assert sum(weights) == every
        assert sorted(weights)[:-1] == [0] * (every - 1)
    assert weight_at(0, every) == every


def test_a_lazy_penalty_pulls_as_far_as_a_steady_one():
    """Small steps down the same slope end where the others do."""

    def trained(every):
        critic = Plane()
        for step in range(64):
            weight = weight_at(step, every)
            if weight:
                critic.weight.grad = None
                (weight * zero_centred(critic, pictures()[0])).backward()
                critic.weight.data -= 1e-3 * critic.weight.grad
        return critic.weight.norm().item()

    assert trained(every=16) == pytest.approx(trained(every=1), rel=1e-3)
    assert trained(every=1) == pytest.approx((1 - 1e-3) ** 64)
