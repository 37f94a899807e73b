"""A recipe's own step without what this kit does for speed: a plain eager loop of one network."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from local.train.adversaries import Adversaries
from local.train.devices import Device
from local.train.trainer import Batch


class PlainDevice(Device):
    """A device on which networks stay float32, eager and in the usual order of memory."""

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, as it was built."""
        return network.to(self.device)

    def settle(self) -> None:
        """Leaves the process as it is."""


class Eager(Adversaries):
    """The same networks, losses and augmentation, with Adam as a loop over the weights."""

    def _draw(self) -> Batch:
        return {name: tensor.contiguous() for name, tensor in super()._draw().items()}

    def _bounded_once(self) -> AbstractContextManager[object]:
        return nullcontext()

    def _adam(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        betas = (self.recipe.beta1, self.recipe.beta2)
        loop: dict[str, Any] = {"fused": False, "foreach": False}
        return torch.optim.Adam(network.parameters(), rate, betas, **loop)
