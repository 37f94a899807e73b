"""The two networks that play against each other, and one step of their game."""

from functools import partial

import torch
from torch import Tensor, nn

from local import nets
from local.data.prepared import TrainingSet
from local.recipes import Recipe
from local.sampling import fill
from local.train import losses
from local.train.devices import Device
from local.train.penalties import gradient_penalty
from local.train.team import ALONE, Team
from local.train.trainer import Batch, Trainer


class Adversaries(Trainer):
    """Generator and discriminator."""

    statistics = ("loss_d", "accuracy_real", "accuracy_fake", "diversity", "loss_g")
    partner_name = "discriminator"

    def __init__(
        self, recipe: Recipe, device: Device, data: TrainingSet, team: Team = ALONE
    ) -> None:
        super().__init__(recipe, device, data, team)
        self.loss = losses.of(recipe)
        self._fakes: Tensor | None = None  # of the step's discriminator half, for its other half

    @property
    def discriminator(self) -> nn.Module:
        """The generator's opponent."""
        return self.partner

    def _build_partner(self) -> nn.Module:
        return nets.discriminator(self.recipe, len(self.classes))

    def _compilable(self) -> list[nn.Module]:
        # Compiled code has no gradients of gradients.
        return [self.generator] if self.recipe.penalty else [self.generator, self.discriminator]

    def _learn(self, shared: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        for left in reversed(range(self.recipe.d_steps)):
            batch = self._draw()
            loss = partial(self._discriminator_loss, keep=not left)
            on_batch = self._accumulate(loss, [self.d_optimiser], self.d_scaler, batch)
            numbers = [on_batch] if left else [on_batch, shared]
            self._update([self.d_optimiser], self.d_scaler, numbers)

        # The gradient passes through the discriminator, and its own weights need none here:
        # without this a third of the backward pass is thrown away.
        self.discriminator.requires_grad_(False)
        loss_g = self._accumulate(self._generator_loss, [self.g_optimiser], self.g_scaler, batch)
        self._update([self.g_optimiser], self.g_scaler, [loss_g])
        return torch.cat([on_batch, loss_g])

    def _draw(self) -> Batch:
        """This member's share of a batch, and of all that is random about it.

        Every member draws the whole, so that their random numbers stay the same.
        """
        recipe, random = self.recipe, self.random
        batch = self._reals()
        reals = batch["reals"]
        latents = torch.empty(len(reals), recipe.latent, device=reals.device)
        batch["latents"] = fill(latents, recipe, random)
        if recipe.noise:
            for side in ("noise_real", "noise_fake"):
                batch[side] = torch.empty_like(reals).normal_(0, recipe.noise, generator=random)
        if recipe.penalty:
            batch["mix"] = torch.empty_like(reals[:, :1, :1, :1]).uniform_(generator=random)
        return {name: self.team.share(tensor) for name, tensor in batch.items()}

    def _discriminator_loss(self, batch: Batch, keep: bool) -> Tensor:
        """Loss, the accuracies on real and on fake, and the diversity (4,).

        Args:
            batch: as `_draw` gives it, or a split of it.
            keep: whether the generator's half can use the same fakes, unless there are splits.
        """
        keep = keep and self.splits == 1
        reals, labels = batch["reals"], batch["labels"]
        with self.device.autocast(), torch.set_grad_enabled(keep):
            fakes = self.generator(batch["latents"], labels)
        self._fakes = fakes if keep else None
        shown = _noisy(reals, batch, "noise_real"), _noisy(fakes.detach(), batch, "noise_fake")
        with self.device.autocast():
            # Two passes: batch norm over a mixed batch would tell the sides apart by itself.
            on_real, on_fake = (self.discriminator(side, labels) for side in shown)
        loss = self.loss.discriminator(on_real, on_fake)
        if self.recipe.penalty:
            judge = partial(self.discriminator, labels=labels)
            slope = gradient_penalty(judge, *shown, batch["mix"])
            loss = loss + self.recipe.penalty * slope
        right = self.loss.right(on_real, on_fake)
        return torch.stack([loss, *right, diversity(fakes.detach(), reals)])

    def _generator_loss(self, batch: Batch) -> Tensor:
        """Loss (1,)."""
        labels = batch["labels"]
        with self.device.autocast():
            fakes = self._fakes
            if fakes is None:
                fakes = self.generator(batch["latents"], labels)
            on_fake = self.discriminator(_noisy(fakes, batch, "noise_fake"), labels)
            on_real = on_fake  # which most losses do not look at
            if self.loss.compares:
                on_real = self.discriminator(_noisy(batch["reals"], batch, "noise_real"), labels)
        return self.loss.generator(on_real, on_fake)[None]

    def _split_further(self) -> None:
        self._fakes = None
        super()._split_further()


def _noisy(pictures: Tensor, batch: Batch, noise: str) -> Tensor:
    """Pictures as the discriminator sees them."""
    return pictures + batch[noise] if noise in batch else pictures


def diversity(fakes: Tensor, reals: Tensor) -> Tensor:
    """How far fakes (N, ...) lie from each other, as a share of the distance between reals.

    The root mean squared distance of a pair of each side, pixel by pixel, which is that of the
    pixels' variances: 1 as varied as the real ones, near 0 a generator that draws one picture.
    One picture a side has no distances: 0.
    """
    spreads = [side.float().var(dim=0, correction=0).sum() for side in (fakes, reals)]
    return (spreads[0] / spreads[1].clamp(min=1e-12)).sqrt()
