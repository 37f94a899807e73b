"""Runs' folders without the training: what commands that only look at a run need."""

from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.parametrize import is_parametrized

from local import runs
from local.nets.attention import SelfAttention
from local.nets.blocks import Breeds
from local.train import snapshots
from local.train.trainer import Trainer

SMALL = 0.03  # DCGAN's weights begin with a deviation of 0.02
LAYERS = (nn.Conv2d, nn.ConvTranspose2d, nn.Linear)


def awake(network: nn.Module) -> nn.Module:
    """The network with weights under which pictures have contrast, and breeds differ.

    Some of them begin as zeros, behind which there is nothing to see.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        for module in network.modules():
            if isinstance(module, Breeds):
                nn.init.normal_(module.weight)
            elif isinstance(module, SelfAttention):
                nn.init.constant_(module.gain, 0.5)
            elif isinstance(module, LAYERS) and not is_parametrized(module):
                _waken(module.weight)
    return network


@torch.no_grad()
def _waken(weight: torch.Tensor) -> None:
    """Of a layer: as good as off, it gets the usual scale; off, less, as it is beside a path."""
    scale = float(weight.std())
    if scale < SMALL:
        nn.init.kaiming_normal_(weight)
    if not scale:
        weight.mul_(0.3)


def saved(model: Trainer, run: Path) -> Path:
    """The folder of a run that stopped at its first snapshot."""
    awake(model.average)
    model.recalibrate()
    runs.claim(run, model.recipe, model.data)
    snapshots.save(run, model, seconds=60.0)
    return run
