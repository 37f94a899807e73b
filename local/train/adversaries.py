"""The two networks that play against each other, and one step of their game."""

from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from local import nets
from local.recipes import Recipe
from local.train import ema
from local.train.augment import flip, to_floats
from local.train.devices import Device
from local.train.losses import D_LOSSES, G_LOSSES

STATISTICS = ("loss_d", "loss_g", "accuracy_real", "accuracy_fake")
RECALIBRATION_BATCHES = 8


class Adversaries:
    """Generator, discriminator, averaged generator and their optimisers on a device."""

    def __init__(self, recipe: Recipe, device: Device) -> None:
        self.recipe = recipe
        self.device = device
        with torch.random.fork_rng():
            torch.manual_seed(recipe.seed)
            self.generator = self._place(nets.generator(recipe))
            self.discriminator = self._place(nets.discriminator(recipe))
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        self.g_optimiser = self._adam(self.generator, recipe.g_lr)
        self.d_optimiser = self._adam(self.discriminator, recipe.d_lr)
        self.g_scaler, self.d_scaler = self._scaler(), self._scaler()
        self.random = torch.Generator(device.device).manual_seed(recipe.seed)
        self.steps = 0

    @property
    def images(self) -> int:
        """Real pictures shown so far."""
        return self.steps * self.recipe.batch

    def step(self, dogs: Tensor) -> Tensor:
        """Trains both sides on one batch; returns STATISTICS (4,) on the device, without a sync.

        Args:
            dogs: the whole training set (N, 3, S, S) uint8 on the device.
        """
        recipe, device, random = self.recipe, self.device.device, self.random
        chosen = torch.randint(len(dogs), (recipe.batch,), generator=random, device=device)
        reals = to_floats(dogs[chosen])
        if recipe.flip:
            reals = flip(reals, random)
        latents = torch.randn(recipe.batch, recipe.latent, generator=random, device=device)

        with self.device.autocast():
            fakes = self.generator(latents)
        statistics = self._step_discriminator(self._format(reals), fakes.detach())
        loss_g = self._step_generator(fakes)

        self.steps += 1
        ema.update(self.average, self.generator, ema.decay(self.steps, recipe.ema))
        return torch.stack([statistics[0], loss_g, *statistics[1:]])

    def _step_discriminator(self, reals: Tensor, fakes: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        with self.device.autocast():
            # Two passes: batch norm over a mixed batch would tell the sides apart by itself.
            on_real, on_fake = self.discriminator(reals), self.discriminator(fakes)
        loss = D_LOSSES[self.recipe.loss](on_real, on_fake)
        self._descend(loss, self.d_optimiser, self.d_scaler)
        accuracies = [(on_real > 0).float().mean(), (on_fake < 0).float().mean()]
        return torch.stack([loss.detach(), *accuracies])

    def _step_generator(self, fakes: Tensor) -> Tensor:
        # The gradient passes through the discriminator, and its own weights need none here:
        # without this a third of the backward pass is thrown away.
        self.discriminator.requires_grad_(False)
        with self.device.autocast():
            on_fake = self.discriminator(fakes)
        loss = G_LOSSES[self.recipe.loss](on_fake)
        self._descend(loss, self.g_optimiser, self.g_scaler)
        return loss.detach()

    def recalibrate(self) -> None:
        """Measures the averaged generator's batch-norm statistics, always on the same latents."""
        random = torch.Generator().manual_seed(self.recipe.seed)
        shape = (self.recipe.batch, self.recipe.latent)
        batches = (torch.randn(shape, generator=random) for _ in range(RECALIBRATION_BATCHES))
        ema.recalibrate(self.average, (latents.to(self.device.device) for latents in batches))

    def networks(self) -> dict[str, nn.Module]:
        """The networks by name, as they are saved."""
        return {
            "average": self.average,
            "generator": self.generator,
            "discriminator": self.discriminator,
        }

    def training_state(self) -> dict[str, Any]:
        """All else that a resumed run needs to go on as if it had never stopped."""
        return {
            "steps": self.steps,
            "random": self.random.get_state(),
            "g_optimiser": self.g_optimiser.state_dict(),
            "d_optimiser": self.d_optimiser.state_dict(),
            "g_scaler": self.g_scaler.state_dict(),
            "d_scaler": self.d_scaler.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """The inverse of `training_state`."""
        self.steps = state["steps"]
        self.random.set_state(state["random"].cpu())
        for part in ("g_optimiser", "d_optimiser", "g_scaler", "d_scaler"):
            getattr(self, part).load_state_dict(state[part])

    def _place(self, network: nn.Module) -> nn.Module:
        return network.to(self.device.device, memory_format=torch.channels_last).train()  # type: ignore[call-overload]

    def _format(self, pictures: Tensor) -> Tensor:
        return pictures.contiguous(memory_format=torch.channels_last)

    def _adam(self, network: nn.Module, rate: float) -> torch.optim.Adam:
        betas = (self.recipe.beta1, self.recipe.beta2)
        return torch.optim.Adam(network.parameters(), rate, betas, fused=True)

    def _scaler(self) -> torch.amp.GradScaler:
        return torch.amp.GradScaler(self.device.device.type, enabled=self.device.scaled)

    @staticmethod
    def _descend(
        loss: Tensor, optimiser: torch.optim.Optimizer, scaler: torch.amp.GradScaler
    ) -> None:
        optimiser.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.step(optimiser)
        scaler.update()
