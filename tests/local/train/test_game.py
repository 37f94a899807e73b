"""What consistency, an auxiliary classifier and lazy penalties add to both sides' losses."""

from copy import deepcopy
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import cross_entropy

from local.train import consistency
from local.train.adversaries import Adversaries
from local.train.losses import bce_d, bce_g
from local.train.penalties import PENALTIES


def calls_of(network):
    """The first argument of each pass through a network."""
    seen, usual = [], network.forward

    def forward(first, *others):
        seen.append(first.detach().clone())
        return usual(first, *others)

    network.forward = forward
    return seen


def step(recipe, device, dogs):
    """Statistics by name, what both networks were called with, and how they were before."""
    adversaries = Adversaries(recipe, device, dogs)
    before = deepcopy(adversaries.discriminator), deepcopy(adversaries.generator)
    seen = calls_of(adversaries.discriminator), calls_of(adversaries.generator)
    numbers = dict(zip(adversaries.statistics, adversaries.step().tolist(), strict=True))
    return numbers, *seen, *before


def shift(before, after):
    """By how many pixels (down, right) one picture became the other."""
    side = before.shape[-1]
    for down in range(-side // 8, side // 8 + 1):
        for right in range(-side // 8, side // 8 + 1):
            moved = torch.zeros_like(before)
            rows, columns = (range(max(0, d), min(side, side + d)) for d in (down, right))
            for row in rows:
                for column in columns:
                    moved[:, row, column] = before[:, row - down, column - right]
            if torch.equal(moved, after):
                return down, right
    raise AssertionError("no shift of an eighth at most makes one of the other")


def test_balanced_consistency_is_of_pictures_moved_a_little(recipe, device, dogs):
    numbers, seen, _, critic, _ = step(replace(recipe, bcr=10.0), device, dogs)
    reals, fakes, moved_reals, moved_fakes = seen[:4]
    found = {shift(*pair) for pair in zip(reals, moved_reals, strict=True)}
    found |= {shift(*pair) for pair in zip(fakes, moved_fakes, strict=True)}
    assert len(found) > 5  # each picture by its own
    logits = [critic(pictures) for pictures in (reals, moved_reals, fakes, moved_fakes)]
    expected = bce_d(logits[0], logits[2]) + 10 * consistency.bcr(*logits)
    assert numbers["loss_d"] == pytest.approx(expected.item(), rel=1e-4)
    assert len(seen) == 5  # the generator's half has one pass, as without


def test_latent_consistency_is_of_latents_close_by(recipe, device, dogs):
    recipe = replace(recipe, zcr_d=5.0, zcr_g=0.5, zcr_noise=0.1)
    numbers, seen, latents, critic, generator = step(recipe, device, dogs)
    reals, fakes, near_fakes, last = seen
    first, near, near_again = latents
    assert torch.equal(near, near_again) and torch.equal(fakes, last)
    assert 0.05 < (near - first).std() < 0.15
    on_real, on_fake, on_near = (critic(pictures) for pictures in (reals, fakes, near_fakes))
    expected = bce_d(on_real, on_fake) + 5 * consistency.zcr_d(on_fake, on_near)
    assert numbers["loss_d"] == pytest.approx(expected.item(), rel=1e-4)
    drawn = generator(first), generator(near)
    torch.testing.assert_close(drawn[1], near_fakes)
    gap = 0.5 * consistency.zcr_g(*drawn).item()
    assert gap < 0
    plain = step(replace(recipe, zcr_g=0.0, zcr_d=5.0), device, dogs)[0]
    assert numbers["loss_g"] == pytest.approx(plain["loss_g"] + gap, rel=1e-4)


def test_an_auxiliary_classifier_learns_breeds_from_both_sides(recipe, device, dogs):
    labels = torch.arange(len(dogs)) % 3
    dogs = replace(dogs, labels=labels, breeds=["a", "b", "c"])
    recipe = replace(recipe, network="biggan", g_width=4, d_width=4, auxiliary=0.5)
    adversaries = Adversaries(recipe, device, dogs)
    judged, usual = [], adversaries.discriminator.forward

    def forward(pictures, labels):
        judged.append((*usual(pictures, labels), labels))
        return judged[-1][:2]

    adversaries.discriminator.forward = forward
    numbers = dict(zip(adversaries.statistics, adversaries.step().tolist(), strict=True))
    (real, of_real, labels), (fake, of_fake, _), (last, of_last, _) = judged
    assert of_real.shape == (recipe.batch, 3)
    told = cross_entropy(of_real, labels) + cross_entropy(of_fake, labels)
    assert numbers["loss_d"] == pytest.approx((bce_d(real, fake) + 0.5 * told).item(), rel=1e-5)
    told = cross_entropy(of_last, labels)
    assert numbers["loss_g"] == pytest.approx((bce_g(real, last) + 0.5 * told).item(), rel=1e-5)


@pytest.mark.parametrize("kind", PENALTIES)
def test_a_lazy_penalty_comes_now_and_then_with_its_weight_multiplied(kind, recipe, device, dogs):
    recipe = replace(recipe, network="dense", penalty=2.0, penalty_kind=kind)
    every, lazy = (Adversaries(replace(recipe, penalty_every=n), device, dogs) for n in (1, 3))
    calls = calls_of(lazy.discriminator)
    plain = Adversaries(replace(recipe, penalty=0.0, penalty_kind="gp"), device, dogs)
    base, once, thrice = (a.step()[0].item() for a in (plain, every, lazy))
    assert once > base
    assert thrice - base == pytest.approx(3 * (once - base), rel=1e-3)
    counts = [len(calls)]
    for _ in range(3):
        calls.clear()
        lazy.step()
        counts.append(len(calls))
    passes = 2 if kind == "r1r2" else 1
    assert counts == [3 + passes, 3, 3, 3 + passes]


@pytest.mark.parametrize(("schedule", "factor"), [("exponential", 0.2), ("cosine", 0.52)])
def test_a_penalty_falls_with_the_budget(schedule, factor, recipe, device, dogs):
    recipe = replace(recipe, network="dense", schedule=schedule, lr_hold=0.5)
    penalised = replace(recipe, penalty=2.0, penalty_end=0.04)

    def loss(recipe, progress):
        return Adversaries(recipe, device, dogs).step(progress)[0].item()

    base, first, middle, last = (
        loss(recipe, 0.0),
        *(loss(penalised, progress) for progress in (0.0, 0.5, 1.0)),
    )
    assert middle - base == pytest.approx(factor * (first - base), rel=1e-3)
    assert last - base == pytest.approx(0.04 * (first - base), rel=2e-2)


def test_the_deviation_of_a_batch_is_seen(recipe, device, dogs):
    plain, seeing = (Adversaries(replace(recipe, deviation=d), device, dogs) for d in (False, True))
    weights = [a.discriminator.to_logit.weight.numel() for a in (plain, seeing)]
    assert weights[1] == weights[0] + 4 * 4  # a plane of 4 x 4
    alike = torch.zeros(8, 3, 16, 16)
    varied = torch.randn(8, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    planes = [seeing.discriminator.deviation(x)[:, -1] for x in (alike, varied)]
    assert planes[0].max() < 0.01 and planes[1].min() > 0.5
    assert seeing.step().isfinite().all()
