"""A run small enough to train in a test."""

import pytest
import torch

from local.data.prepared import Counts, Dogs
from local.recipes import Recipe
from local.train.devices import Device


@pytest.fixture
def recipe() -> Recipe:
    return Recipe(size=16, g_width=8, d_width=8, latent=8, batch=8, snapshots=4)


@pytest.fixture
def device() -> Device:
    return Device(torch.device("cpu"), "CPU", torch.float32)


@pytest.fixture
def dogs() -> Dogs:
    pictures = torch.randint(
        0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    return Dogs(pictures, torch.zeros(40).long(), ["x"], ["s"] * 40, Counts(40, 40, 0, 0, 0, 0, 0))
