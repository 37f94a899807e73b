"""Losses: each a function of the two sides' logits, (N,) each, where more means more real.

`LOSSES[name].discriminator(real, fake)` and `.generator(real, fake)` give a scalar. Logits come in
half precision under autocast; losses are computed in float32. Means over a side, which relativistic
losses compare with, are those of the logits given: of a member's share of the batch, or a split.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from torch import Tensor
from torch.nn.functional import softplus

from local.recipes import Recipe

Function = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Loss:
    """What both sides minimise.

    absolute: whether a logit over 0 means real by itself; else only differences mean something.
    compares: whether the generator's side looks at real pictures too.
    """

    discriminator: Function
    generator: Function
    absolute: bool = True
    compares: bool = False

    def right(self, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Shares of real and of fake pictures, scalars, that the discriminator takes for such."""
        if self.absolute:
            return _share(real > 0), _share(fake < 0)
        return _share(real > fake.mean()), _share(fake < real.mean())


def bce_d(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """Binary cross-entropy of the discriminator (Goodfellow et al. 2014, arXiv 1406.2661).

    smoothing: real pictures have the label 1 - smoothing (Salimans et al. 2016, arXiv 1606.03498).
    """
    real = real.float()
    return softplus(-real).mean() + smoothing * real.mean() + softplus(fake.float()).mean()


def bce_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side, non-saturating as in section 3 of the same paper."""
    return softplus(-fake.float()).mean()


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """The critic's estimate of the Wasserstein distance, negated (Arjovsky et al. 2017).

    It needs a critic of bounded slope: `penalties.gradient_penalty`.
    """
    return fake.float().mean() - real.float().mean()


def wasserstein_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side of it."""
    return -fake.float().mean()


def ralsgan_d(real: Tensor, fake: Tensor) -> Tensor:
    """Relativistic average least squares (Jolicoeur-Martineau 2019, arXiv 1807.00734), the mean.

    Real pictures should lie 1 above the fakes' mean, and fakes 1 below that of the real ones.
    """
    real, fake = real.float(), fake.float()
    above = (real - fake.mean() - 1).square().mean()
    return (above + (fake - real.mean() + 1).square().mean()) / 2


def ralsgan_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side: the same with the sides exchanged."""
    return ralsgan_d(fake, real)


LOSSES = {
    "bce": Loss(bce_d, bce_g),
    "wgan": Loss(wasserstein_d, wasserstein_g, absolute=False),
    "ralsgan": Loss(ralsgan_d, ralsgan_g, absolute=False, compares=True),
}


def of(recipe: Recipe) -> Loss:
    """The recipe's loss, with its label smoothing."""
    loss = LOSSES[recipe.loss]
    if not recipe.smoothing:
        return loss
    smooth = partial(bce_d, smoothing=recipe.smoothing)
    return Loss(smooth, loss.generator, loss.absolute, loss.compares)


def _share(right: Tensor) -> Tensor:
    return right.float().mean()
