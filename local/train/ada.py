"""With what probability the discriminator sees a picture changed: fixed, by the clock, or adaptive.

Adaptive: as the discriminator overfits (Karras et al. 2020, arXiv 2006.06676), which shows in the
mean sign of its logits on real pictures, r = E[sign(D(real))]: 0 where it cannot tell the sides
apart, 1 where it is sure of all it was trained on. Below the target the probability falls, above it
rises; the paper's target is 0.6.

It moves by the pictures shown, not by the share of the budget that every schedule here follows.
Overfitting comes with the pictures seen, however long the run; and in a short run a discriminator
is right because the generator is young. One that moved by the budget would take that for
overfitting, and be at its highest after minutes.
"""

import torch
from torch import Tensor

from local.recipes import Recipe


class Strength:
    """The probability with which an operation of `local.train.diffaugment` meets a picture.

    Attributes:
        p: the probability, a scalar that never leaves the device; part of the training's state.
    """

    def __init__(self, recipe: Recipe, device: torch.device) -> None:
        self.recipe = recipe
        self.p = torch.zeros((), device=device)

    def follow(self, progress: float) -> None:
        """Sets it for a step at that share of the budget, unless it is adaptive."""
        recipe = self.recipe
        if not recipe.ada:
            self.p.fill_(ramp(progress, recipe.augment_ramp, recipe.augment_p))

    def watch(self, right: Tensor) -> None:
        """Moves it, where it is adaptive, after a batch.

        Args:
            right: share of the batch's real pictures that the discriminator took for real, a
                scalar on the device. The mean sign follows from it; and where only differences of
                logits mean something, it is that of their difference to the fakes' mean.
        """
        recipe = self.recipe
        if recipe.ada:
            # The paper moves every fourth batch, by the mean of the four. One move is so small
            # that moves average by themselves.
            step = recipe.batch / (1000 * recipe.ada_kimg)
            excess = 2 * right - 1 - recipe.ada
            self.p.add_(excess.sign(), alpha=step).clamp_(0, recipe.augment_p)


def ramp(progress: float, over: float, full: float) -> float:
    """A probability that grows evenly from 0, and is `full` once `over` of the budget is spent."""
    return full if progress >= over else full * progress / over
