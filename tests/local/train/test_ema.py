"""The average, against its closed form."""

import pytest
import torch
from torch import nn

from local.train import ema


def test_a_step_moves_the_average_by_its_weight():
    average, network = nn.Linear(2, 1), nn.Linear(2, 1)
    for parameter in average.parameters():
        parameter.data.fill_(1.0)
    for parameter in network.parameters():
        parameter.data.fill_(3.0)
    ema.update(average, network, weight=0.75)
    assert torch.equal(average.weight, torch.full((1, 2), 1.5))


def test_the_half_life_is_a_share_of_the_training_so_far():
    """Over a doubling of the steps a constant signal is forgotten by 2^-(log(2) / half-life)."""
    kept = 1.0
    for step in range(1001, 2001):
        kept *= ema.decay(step, 0.05)
    assert kept == pytest.approx(0.5 ** (0.6931 / 0.05), rel=0.02)
    assert ema.decay(10, 0.0) == 0  # no average at all


def test_recalibrated_statistics_are_those_of_all_latents():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))
    latents = torch.randn(10, 20, 3)
    network[1].running_mean.fill_(99)
    ema.recalibrate(network, zip(latents))
    with torch.no_grad():
        activations = network[0](latents.flatten(0, 1))
    torch.testing.assert_close(network[1].running_mean, activations.mean(0))
    assert not network.training
    assert network[1].momentum == 0.1


def test_a_network_without_statistics_stays_as_it_is():
    network = nn.Linear(3, 3)
    before = network.weight.clone()
    ema.recalibrate(network, [(torch.randn(2, 3),)])
    assert torch.equal(network.weight, before)
