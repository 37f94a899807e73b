"""How likely augmentation is: fixed, by the clock, or as the discriminator overfits."""

import math

import pytest
import torch

from local.recipes import Recipe
from local.train.ada import Strength, ramp

CPU = torch.device("cpu")


def strength(**settings):
    return Strength(Recipe(diffaugment="cutout", **settings), CPU)


def share(sign):
    """Of real pictures taken for real, where the mean sign of their logits is that."""
    return torch.tensor((sign + 1) / 2)


def test_a_ramp_grows_evenly_and_then_stays():
    assert [ramp(progress / 4, 0.5, 0.8) for progress in range(5)] == [0, 0.4, 0.8, 0.8, 0.8]
    assert ramp(0.0, 0.0, 0.3) == 0.3  # no ramp: there from the start
    assert ramp(0.5, 1.0, 1.0) == 0.5 and ramp(1.0, 1.0, 1.0) == 1


@pytest.mark.parametrize("progress", [0.0, 0.2, 1.0])
def test_a_fixed_one_stays_whatever_the_discriminator_says(progress):
    fixed = strength(augment_p=0.4)
    fixed.follow(progress)
    fixed.watch(share(1.0))
    assert fixed.p.item() == pytest.approx(0.4)


def test_by_the_clock_it_follows_the_progress_alone():
    growing, seen = strength(augment_p=0.6, augment_ramp=0.5), []
    for progress in (0.0, 0.25, 0.5, 1.0):
        growing.follow(progress)
        growing.watch(share(1.0))
        seen.append(growing.p.item())
    assert seen == pytest.approx([0, 0.3, 0.6, 0.6])


def test_it_rises_from_nothing_to_all_in_the_stated_number_of_pictures():
    adaptive, seen = strength(ada=0.6, ada_kimg=1.28, batch=128), []
    for _ in range(12):
        adaptive.follow(1.0)  # the clock has no say
        adaptive.watch(share(1.0))
        seen.append(adaptive.p.item())
    assert seen == pytest.approx([min(n / 10, 1) for n in range(1, 13)])


def test_it_falls_as_fast_and_no_further_than_zero():
    adaptive = strength(ada=0.6, ada_kimg=1.28, batch=128)
    adaptive.p.fill_(0.25)
    seen = []
    for _ in range(4):
        adaptive.watch(share(0.5))  # under the target, though more right than wrong
        seen.append(adaptive.p.item())
    assert seen == pytest.approx([0.15, 0.05, 0, 0])


def test_it_has_the_recipes_limit():
    adaptive = strength(ada=0.6, ada_kimg=1.28, batch=128, augment_p=0.25)
    for _ in range(5):
        adaptive.watch(share(1.0))
    assert adaptive.p == 0.25


@pytest.mark.parametrize(("sign", "way"), [(0.61, 1), (0.6, 0), (0.59, -1), (-1.0, -1)])
def test_the_target_is_the_turning_point(sign, way):
    adaptive = strength(ada=0.6, batch=32)
    adaptive.p.fill_(0.5)
    adaptive.watch(share(sign))
    step = 32 / 500_000
    assert adaptive.p.item() - 0.5 == pytest.approx(way * step, abs=step / 10)


@pytest.mark.parametrize("batch", [32, 256])
def test_against_overfitting_it_settles_where_the_sign_is_at_its_target(batch):
    """A discriminator that learns by heart as time passes, and the less the more it is augmented.

    Of a batch only so many pictures tell the share that it takes for real.
    """
    adaptive = strength(ada=0.6, ada_kimg=20.0, batch=batch)
    random, signs = torch.Generator().manual_seed(0), []
    steps = 200_000 // batch
    for step in range(steps):
        grown = 1 - math.exp(-8 * step / steps)
        sign = torch.tensor(0.1 + 0.9 * grown) - 0.8 * adaptive.p  # at the end 1 - 0.8 p
        taken = torch.rand(batch, generator=random) < (sign + 1) / 2
        adaptive.watch(taken.float().mean())
        signs.append(sign.item())
    settled = signs[steps // 2 :]
    assert sum(settled) / len(settled) == pytest.approx(0.6, abs=0.03)
    assert adaptive.p.item() == pytest.approx(0.5, abs=0.08)
    assert signs[0] == pytest.approx(0.1)  # at the beginning it had nothing to do


def test_it_begins_at_nothing_where_it_is_adaptive():
    adaptive = strength(ada=0.6)
    adaptive.follow(0.0)
    assert adaptive.p == 0 and adaptive.p.shape == ()
