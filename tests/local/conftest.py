"""What tests of training share: one thread, and any preset as a trainer of narrow networks.

Small networks are computed by one thread: on a busy machine several wait for each other.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from local import recipes
from local.data.prepared import TrainingSet
from local.train.build import trainer
from local.train.devices import Device
from local.train.team import ALONE
from local.train.trainer import Trainer

BREEDS = ["beagle", "pug", "boxer"]
NARROW = {"g_width": 4, "d_width": 4, "latent": 12, "batch": 8}


@pytest.fixture(autouse=True, scope="session")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def built() -> Callable[..., Trainer]:
    """Makes a preset's trainer: on the CPU, with all that the preset says but its widths."""

    def build(name, team=ALONE, **changes):
        recipe = replace(recipes.get(name), **NARROW | changes)
        device = Device(torch.device("cpu"), "CPU", torch.float32)
        return trainer(recipe, device, smooth(recipe.prepared_size), team)

    return build


def smooth(side: int, count: int = 24) -> TrainingSet:
    """Soft pictures of three breeds."""
    colours = torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0)) * 255
    pictures = torch.nn.functional.interpolate(colours, side, mode="bilinear").to(torch.uint8)
    return TrainingSet(pictures, torch.arange(count) % len(BREEDS), BREEDS)
