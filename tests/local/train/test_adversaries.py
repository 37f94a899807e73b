"""One step of the game, and that each side gets better at it."""

from dataclasses import replace

import pytest
import torch

from local.train.adversaries import STATISTICS, Adversaries
from local.train.augment import to_floats
from local.train.losses import bce_d, bce_g


def test_a_step_reports_what_it_did(recipe, device, dogs):
    adversaries = Adversaries(recipe, device)
    statistics = dict(zip(STATISTICS, adversaries.step(dogs.pictures).tolist(), strict=True))
    assert statistics["loss_d"] > 0 and statistics["loss_g"] > 0
    assert 0 <= statistics["accuracy_real"] <= 1 and 0 <= statistics["accuracy_fake"] <= 1
    assert adversaries.images == recipe.batch


@pytest.mark.parametrize("side", ["g", "d"])
def test_a_side_that_plays_alone_lowers_its_loss(recipe, device, dogs, side):
    """The other side's rate is as good as zero."""
    rates = {"g_lr": 1e-12, "d_lr": 1e-12} | {f"{side}_lr": 1e-3}
    adversaries = Adversaries(replace(recipe, **rates), device)
    reals, latents = to_floats(dogs.pictures), torch.randn(40, recipe.latent)

    def loss():
        fakes = adversaries.generator(latents)
        if side == "g":
            return bce_g(adversaries.discriminator(fakes)).item()
        return bce_d(adversaries.discriminator(reals), adversaries.discriminator(fakes)).item()

    before = loss()
    for _ in range(20):
        adversaries.step(dogs.pictures)
    assert loss() < 0.8 * before


def test_a_seed_gives_one_run_and_another_seed_another(recipe, device, dogs):
    def trained(seed):
        adversaries = Adversaries(replace(recipe, seed=seed), device)
        for _ in range(3):
            adversaries.step(dogs.pictures)
        return torch.cat([p.flatten() for p in adversaries.average.parameters()])

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_building_networks_leaves_the_global_random_numbers_alone(recipe, device):
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    Adversaries(recipe, device)
    assert torch.equal(torch.rand(1), expected)
