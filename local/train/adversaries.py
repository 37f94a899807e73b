"""The two networks that play against each other, and one step of their game."""

import sys
from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from local import nets
from local.recipes import Recipe
from local.train import ema, schedules
from local.train.augment import flip, to_floats
from local.train.devices import Device, out_of_memory
from local.train.losses import D_LOSSES, G_LOSSES
from local.train.team import ALONE, Team

STATISTICS = ("loss_d", "accuracy_real", "accuracy_fake", "loss_g")
RECALIBRATION_BATCHES = 8


class Adversaries:
    """Generator, discriminator, averaged generator and their optimisers on a device.

    Attributes:
        steps: taken so far.
        splits: into which a batch is cut, one after another; more need less memory. Each has its
            own batch-norm statistics.
        caution: factor of both learning rates; a run that blew up goes on with a lower one.
    """

    def __init__(self, recipe: Recipe, device: Device, team: Team = ALONE) -> None:
        self.recipe = recipe
        self.device = device
        self.team = team
        device.settle()
        with torch.random.fork_rng(devices=[]):  # of no GPU: networks begin on the CPU
            torch.manual_seed(recipe.seed)
            self.generator = self._place(nets.generator(recipe))
            self.discriminator = self._place(nets.discriminator(recipe))
        self.average = deepcopy(self.generator).eval().requires_grad_(False)
        if device.compiles:
            # What the compiler cannot do runs as it is: that must not end a run of hours.
            torch._dynamo.config.suppress_errors = True
            for network in (self.generator, self.discriminator):
                network.compile()  # in place: weights keep their names
        self.g_optimiser = self._adam(self.generator, recipe.g_lr)
        self.d_optimiser = self._adam(self.discriminator, recipe.d_lr)
        self.g_scaler, self.d_scaler = self._scaler(), self._scaler()
        self.random = torch.Generator(device.device).manual_seed(recipe.seed)
        self.steps = 0
        self.splits = 1
        self.caution = 1.0
        self._fakes: Tensor | None = None  # of the step's discriminator half, for its other half

    @property
    def images(self) -> int:
        """Real pictures shown so far."""
        return self.steps * self.recipe.batch

    def step(self, dogs: Tensor, progress: float = 0.0, signals: Sequence[float] = ()) -> Tensor:
        """Trains both sides on one batch, without a sync with the device.

        Args:
            dogs: the whole training set (N, 3, S, S) uint8 on the device.
            progress: share of the budget spent, which the schedules follow.
            signals: the leader's numbers for the whole team; other members send zeros.

        Returns:
            STATISTICS over the batch, then the signals, on the device.
        """
        self._set_rates(progress)
        reals, latents = (self.team.share(drawn) for drawn in self._draw(dogs))
        shared = self._on_device(signals)

        self.discriminator.requires_grad_(True)
        on_batch = self._accumulate(self._discriminator_loss, self.d_optimiser, reals, latents)
        self._update(self.discriminator, self.d_optimiser, self.d_scaler, [on_batch, shared])

        # The gradient passes through the discriminator, and its own weights need none here:
        # without this a third of the backward pass is thrown away.
        self.discriminator.requires_grad_(False)
        loss_g = self._accumulate(self._generator_loss, self.g_optimiser, latents)
        self._update(self.generator, self.g_optimiser, self.g_scaler, [loss_g])

        self.steps += 1
        ema.update(self.average, self.generator, ema.decay(self.steps, self.recipe.ema))
        return torch.cat([on_batch, loss_g, shared])

    def _on_device(self, numbers: Sequence[float]) -> Tensor:
        """A vector of a few numbers, filled in place: a copy from the host would wait for it."""
        vector = torch.empty(len(numbers), device=self.device.device)
        for place, number in zip(vector, numbers, strict=True):
            place.fill_(number)
        return vector

    def _draw(self, dogs: Tensor) -> tuple[Tensor, Tensor]:
        """A whole batch: reals (B, 3, S, S) in -1..1, and latents (B, Z)."""
        recipe, device, random = self.recipe, self.device.device, self.random
        chosen = torch.randint(len(dogs), (recipe.batch,), generator=random, device=device)
        reals = to_floats(dogs[chosen])
        if recipe.flip:
            reals = flip(reals, random)
        latents = torch.randn(recipe.batch, recipe.latent, generator=random, device=device)
        return self._format(reals), latents

    def _discriminator_loss(self, reals: Tensor, latents: Tensor) -> Tensor:
        """Loss, then the accuracies on real and on fake (3,)."""
        whole = self.splits == 1  # then the generator's half can use the same fakes
        with self.device.autocast(), torch.set_grad_enabled(whole):
            fakes = self.generator(latents)
        self._fakes = fakes if whole else None
        with self.device.autocast():
            # Two passes: batch norm over a mixed batch would tell the sides apart by itself.
            on_real, on_fake = self.discriminator(reals), self.discriminator(fakes.detach())
        loss = D_LOSSES[self.recipe.loss](on_real, on_fake)
        return torch.stack([loss, (on_real > 0).float().mean(), (on_fake < 0).float().mean()])

    def _generator_loss(self, latents: Tensor) -> Tensor:
        """Loss (1,)."""
        with self.device.autocast():
            fakes = self.generator(latents) if self._fakes is None else self._fakes
            on_fake = self.discriminator(fakes)
        return G_LOSSES[self.recipe.loss](on_fake)[None]

    def _accumulate(
        self,
        loss: Callable[..., Tensor],
        optimiser: torch.optim.Optimizer,
        *inputs: Tensor,
    ) -> Tensor:
        """Gathers the gradients of `loss(...)[0]`, split by split; returns its mean on the batch.

        Where memory runs out, the batch is cut into twice as many splits from here on.
        """
        scaler = self.d_scaler if optimiser is self.d_optimiser else self.g_scaler
        while True:
            optimiser.zero_grad(set_to_none=True)
            try:
                return self._backward(loss, scaler, inputs)
            except RuntimeError as error:
                # One picture has no statistics to normalise by.
                if not out_of_memory(error) or len(inputs[0]) < 2 * 2 * self.splits:
                    raise
            # Not within the except: its traceback would keep the tensors alive.
            self._split_further()

    def _split_further(self) -> None:
        self._fakes = None
        if self.device.device.type == "cuda":
            torch.cuda.empty_cache()
        self.splits *= 2
        print(
            f"memory is full: batches in {self.splits} splits from now on",
            file=sys.stderr,
            flush=True,
        )

    def _backward(
        self, loss: Callable[..., Tensor], scaler: torch.amp.GradScaler, inputs: Sequence[Tensor]
    ) -> Tensor:
        parts = zip(*(tensor.tensor_split(self.splits) for tensor in inputs), strict=True)
        total: Tensor | None = None
        for part in parts:
            share = len(part[0]) / self.recipe.batch  # of the whole team's batch
            values = share * loss(*part)
            scaler.scale(values[0]).backward()
            total = values.detach() if total is None else total + values.detach()
        assert total is not None
        return total

    def _update(
        self,
        network: nn.Module,
        optimiser: torch.optim.Optimizer,
        scaler: torch.amp.GradScaler,
        numbers: list[Tensor],
    ) -> None:
        """Descends by the whole team's gradients, and adds `numbers` up along the way."""
        gradients = [p.grad for p in network.parameters() if p.grad is not None]
        self.team.add_up([*gradients, *numbers])
        scaler.step(optimiser)
        scaler.update()

    def _set_rates(self, progress: float) -> None:
        recipe = self.recipe
        factor = self.caution * schedules.decay(progress, recipe.lr_hold, recipe.lr_end)
        for optimiser, rate in ((self.g_optimiser, recipe.g_lr), (self.d_optimiser, recipe.d_lr)):
            for group in optimiser.param_groups:
                group["lr"] = rate * factor

    def finite(self) -> bool:
        """Whether every weight is a number; waits for the device."""
        weights = (p for network in self.networks().values() for p in network.parameters())
        return bool(torch.stack([p.isfinite().all() for p in weights]).all())

    def recalibrate(self) -> None:
        """Measures the averaged generator's batch-norm statistics, always on the same latents."""
        random = torch.Generator().manual_seed(self.recipe.seed)
        shape = (RECALIBRATION_BATCHES * self.recipe.batch, self.recipe.latent)
        latents = torch.randn(shape, generator=random)
        parts = latents.tensor_split(RECALIBRATION_BATCHES * self.splits)  # what fits into memory
        ema.recalibrate(self.average, (part.to(self.device.device) for part in parts))

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
            "splits": self.splits,
            "caution": self.caution,
            "random": self.random.get_state(),
            "g_optimiser": self.g_optimiser.state_dict(),
            "d_optimiser": self.d_optimiser.state_dict(),
            "g_scaler": self.g_scaler.state_dict(),
            "d_scaler": self.d_scaler.state_dict(),
        }

    def load_training_state(self, state: dict[str, Any]) -> None:
        """The inverse of `training_state`."""
        self.steps, self.splits = state["steps"], state["splits"]
        self.caution = state["caution"]
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
