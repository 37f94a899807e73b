"""The two networks that play against each other, and one step of their game."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from local import nets
from local.data.prepared import TrainingSet
from local.data.room import Room
from local.recipes import Recipe
from local.sampling import fill
from local.train import consistency, diffaugment, losses
from local.train.ada import Strength
from local.train.devices import Device
from local.train.penalties import PENALTIES, weight_at
from local.train.schedules import SCHEDULES
from local.train.team import ALONE, Team
from local.train.trainer import Batch, Trainer

SIDES = ("real", "fake")


class Adversaries(Trainer):
    """Generator and discriminator."""

    statistics: tuple[str, ...] = (
        "loss_d",
        "accuracy_real",
        "accuracy_fake",
        "diversity",
        "loss_g",
    )
    partner_name = "discriminator"

    def __init__(
        self,
        recipe: Recipe,
        device: Device,
        data: TrainingSet,
        team: Team = ALONE,
        room: Room | None = None,
    ) -> None:
        super().__init__(recipe, device, data, team, room)
        self.loss = losses.of(recipe)
        self.strength = Strength(recipe, device.device)
        if recipe.diffaugment:
            self.statistics = (*self.statistics, "augment_p")
        self.progress = 0.0  # share of the budget spent
        self._fakes: Tensor | None = None  # of the step's discriminator half, for its other half

    @property
    def discriminator(self) -> nn.Module:
        """The generator's opponent."""
        return self.partner

    def _build_partner(self) -> nn.Module:
        return nets.discriminator(self.recipe, len(self.classes))

    def _compilable(self) -> list[nn.Module]:
        return [self.generator, self.discriminator]

    def _learn(self, shared: Tensor) -> Tensor:
        self.discriminator.requires_grad_(True)
        for left in reversed(range(self.recipe.d_steps)):
            batch = self._draw()
            loss = partial(self._discriminator_loss, keep=not left)
            on_batch = self._accumulate(loss, [self.d_optimiser], self.d_scaler, batch)
            numbers = [on_batch] if left else [on_batch, shared]
            self._update([self.d_optimiser], self.d_scaler, numbers)
            self.strength.watch(on_batch[1])  # of the whole team by now

        # The gradient passes through the discriminator, and its own weights need none here:
        # without this a third of the backward pass is thrown away.
        self.discriminator.requires_grad_(False)
        loss_g = self._accumulate(self._generator_loss, [self.g_optimiser], self.g_scaler, batch)
        self._update([self.g_optimiser], self.g_scaler, [loss_g])
        adaptive = [self.strength.p[None]] if self.recipe.diffaugment else []
        return torch.cat([on_batch, loss_g, *adaptive])

    def _draw(self) -> Batch:
        """This member's share of a batch, and of all that is random about it.

        Every member draws the whole, so that their random numbers stay the same.
        """
        recipe, random = self.recipe, self.random
        reals = self._reals()
        latents = torch.empty(recipe.batch, recipe.latent, device=random.device)
        batch = {"latents": fill(latents, recipe, random)}
        for side in SIDES:
            drawn = self._draw_side()
            batch |= {f"{name}_{side}": tensor for name, tensor in drawn.items()}
        if recipe.zcr_d or recipe.zcr_g:
            near = torch.empty_like(latents).normal_(0, recipe.zcr_noise, generator=random)
            batch["near"] = batch["latents"] + near
        if recipe.penalty:
            mix = torch.empty(recipe.batch, 1, 1, 1, device=random.device)
            batch["mix"] = mix.uniform_(generator=random)
        return reals | {name: self.team.share(tensor) for name, tensor in batch.items()}

    def _draw_side(self) -> Batch:
        """What happens to a whole batch of pictures of one side before they are judged."""
        recipe, count, side = self.recipe, self.recipe.batch, self.recipe.size
        draw = partial(diffaugment.draw_parameters, count, side)
        drawn = draw(recipe.augmentations, self.random, self.strength.p)
        if recipe.noise:
            shape, order = (count, 3, side, side), torch.channels_last
            noise = torch.empty(shape, device=self.random.device, memory_format=order)
            drawn["noise"] = noise.normal_(0, recipe.noise, generator=self.random)
        if recipe.bcr:
            drawn["moved"] = draw(("translation",), self.random, 1.0)["shift"]
        return drawn

    def _discriminator_loss(self, batch: Batch, keep: bool) -> Tensor:
        """Loss, the accuracies on real and on fake, and the diversity (4,).

        Args:
            batch: as `_draw` gives it, or a split of it.
            keep: whether the generator's half can use the same fakes, unless there are splits.
        """
        keep = keep and self.splits == 1
        reals, labels = batch["reals"], batch["labels"]
        with torch.set_grad_enabled(keep):
            fakes = self._drawn(batch["latents"], labels)
        self._fakes = fakes if keep else None
        shown = self._shown(reals, batch, "real"), self._shown(fakes.detach(), batch, "fake")
        # Two passes: batch norm over a mixed batch would tell the sides apart by itself.
        (on_real, of_real), (on_fake, of_fake) = (self._judged(side, labels) for side in shown)
        loss = self.loss.discriminator(on_real, on_fake)
        loss = loss + self._told_breeds([of_real, of_fake], labels) + self._penalty(shown, batch)
        loss = loss + self._inconsistency(shown, on_real, on_fake, batch)
        right = self.loss.right(on_real, on_fake)
        # Of every fourth pixel, which tells as much: this is counted at each step.
        some = (side.detach()[..., ::2, ::2] for side in (fakes, reals))
        return torch.stack([loss, *right, diversity(*some)])

    def _generator_loss(self, batch: Batch) -> Tensor:
        """Loss (1,)."""
        labels, fakes = batch["labels"], self._fakes
        if fakes is None:
            fakes = self._drawn(batch["latents"], labels)
        on_fake, of_fake = self._judged(self._shown(fakes, batch, "fake"), labels)
        on_real = on_fake  # which most losses do not look at
        if self.loss.compares:
            on_real, _ = self._judged(self._shown(batch["reals"], batch, "real"), labels)
        loss = self.loss.generator(on_real, on_fake) + self._told_breeds([of_fake], labels)
        if self.recipe.zcr_g:
            near = self._drawn(batch["near"], labels)
            loss = loss + self.recipe.zcr_g * consistency.zcr_g(fakes, near)
        return loss[None]

    def _drawn(self, latents: Tensor, labels: Tensor) -> Tensor:
        """Fakes (N, 3, S, S)."""
        with self.device.autocast():
            fakes: Tensor = self.generator(latents, labels)
        return fakes

    def _judged(self, pictures: Tensor, labels: Tensor) -> tuple[Tensor, Tensor | None]:
        """Logits (N,), and those of the breeds (N, breeds) where there is a classifier."""
        with self.device.autocast():
            judged = self.discriminator(pictures, labels)
        return judged if isinstance(judged, tuple) else (judged, None)

    def _told_breeds(self, told: Sequence[Tensor | None], labels: Tensor) -> Tensor | float:
        """The auxiliary classifier's loss, on either side (Odena et al. 2017, arXiv 1610.09585)."""
        losses = [cross_entropy(logits.float(), labels) for logits in told if logits is not None]
        return self.recipe.auxiliary * sum(losses)

    def _penalty(self, shown: tuple[Tensor, Tensor], batch: Batch) -> Tensor | float:
        """That on the discriminator's slope, at the steps that have one."""
        recipe, labels = self.recipe, batch["labels"]
        fall = SCHEDULES[recipe.schedule](self.progress, 0.0, recipe.penalty_end)
        weight = recipe.penalty * fall * weight_at(self.steps, recipe.penalty_every)
        if not weight:
            return 0.0

        def critic(pictures: Tensor) -> Tensor:
            # Not called as a module: compiled code has no gradients of gradients.
            return nets.logits(self.discriminator.forward(pictures, labels))

        return weight * PENALTIES[recipe.penalty_kind](critic, *shown, batch["mix"])

    def _inconsistency(
        self, shown: tuple[Tensor, Tensor], on_real: Tensor, on_fake: Tensor, batch: Batch
    ) -> Tensor | float:
        """How far logits move with pictures, and with latents, that should not move them."""
        recipe, labels = self.recipe, batch["labels"]
        loss: Tensor | float = 0.0
        if recipe.bcr:
            # A flip would do too, but most recipes show flipped pictures as real ones already.
            shifts = (batch[f"moved_{side}"] for side in SIDES)
            moved = map(diffaugment.translate, shown, shifts)
            (real, _), (fake, _) = (self._judged(pictures, labels) for pictures in moved)
            loss = recipe.bcr * consistency.bcr(on_real, real, on_fake, fake)
        if recipe.zcr_d:
            with torch.no_grad():
                near = self._drawn(batch["near"], labels)
            on_near, _ = self._judged(self._shown(near, batch, "fake"), labels)
            loss = loss + recipe.zcr_d * consistency.zcr_d(on_fake, on_near)
        return loss

    def _shown(self, pictures: Tensor, batch: Batch, side: str) -> Tensor:
        """Pictures as the discriminator sees them; `side` is real or fake."""
        mine = {name.removesuffix(f"_{side}"): tensor for name, tensor in batch.items()}
        shown = diffaugment.apply(pictures, mine, self.recipe.augmentations)
        return shown + mine["noise"] if "noise" in mine else shown

    def _follow(self, progress: float) -> None:
        super()._follow(progress)
        self.progress = progress
        self.strength.follow(progress)

    def training_state(self) -> dict[str, Any]:
        """All that a resumed run needs, the probability of augmentation too."""
        return super().training_state() | {"augment_p": self.strength.p}

    def load_training_state(self, state: dict[str, Any]) -> None:
        """The inverse of `training_state`."""
        super().load_training_state(state)
        self.strength.p.copy_(state["augment_p"])

    def _split_further(self) -> None:
        self._fakes = None
        super()._split_further()


def diversity(fakes: Tensor, reals: Tensor) -> Tensor:
    """How far fakes (N, ...) lie from each other, as a share of the distance between reals.

    The root mean squared distance of a pair of each side, pixel by pixel, which is that of the
    pixels' variances: 1 as varied as the real ones, near 0 a generator that draws one picture.
    One picture a side has no distances: 0.
    """
    spreads = [side.float().var(dim=0, correction=0).sum() for side in (fakes, reals)]
    return (spreads[0] / spreads[1].clamp(min=1e-12)).sqrt()
