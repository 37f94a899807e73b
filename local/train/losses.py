"""Losses: each a function of the two sides' logits, (N,) each, where more means more real.

`LOSSES[name].discriminator(real, fake)` and `.generator(real, fake)` give a scalar. Logits come in
half precision under autocast; losses are computed in float32. Means over a side, which relativistic
average losses compare with, are those of the logits given: of a member's share of the batch, or a
split.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from torch import Tensor
from torch.nn.functional import relu, softplus

from local.recipes import Recipe

Function = Callable[[Tensor, Tensor], Tensor]
Cost = Callable[[Tensor], Tensor]  # of each lead (N,) of what should be ahead


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


def bce_d(real: Tensor, fake: Tensor, smoothing: float = 0.0, margin: float = 1.0) -> Tensor:
    """Binary cross-entropy of the discriminator (Goodfellow et al. 2014, arXiv 1406.2661).

    Args:
        real: logits of real pictures; the sigmoid of one is its probability of being real.
        fake: logits of fakes.
        smoothing: real pictures have the label 1 - smoothing (Salimans et al. 2016, arXiv
            1606.03498).
        margin: probability, over 0.5, at which that of a real picture is cut off: beyond it a
            picture costs what it costs there and pulls no more, so that the discriminator stops
            growing surer of what it knows. 1: nothing is cut off.
    """
    real = real.float()
    if margin < 1:
        real = real.clamp(max=math.log(margin / (1 - margin)))
    return softplus(-real).mean() + smoothing * real.mean() + softplus(fake.float()).mean()


def bce_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side, non-saturating as in section 3 of the same paper."""
    return softplus(-fake.float()).mean()


def hinge_d(real: Tensor, fake: Tensor) -> Tensor:
    """Hinge loss (Lim and Ye 2017, arXiv 1705.02894; Miyato et al. 2018, arXiv 1802.05957).

    Only pictures that are not yet 1 on the right side of 0 pull. The generator's side is
    `wasserstein_g`.
    """
    return _hinge(real.float()).mean() + _hinge(-fake.float()).mean()


def lsgan_d(real: Tensor, fake: Tensor) -> Tensor:
    """Least squares with targets 1 and 0 (Mao et al. 2017, arXiv 1611.04076).

    What has these targets is the logit plus a half, so that a logit over 0 means real here too; the
    last layer's bias makes up for it.
    """
    return ((real.float() - 0.5).square().mean() + (fake.float() + 0.5).square().mean()) / 2


def lsgan_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side of it: fakes have the target of real pictures."""
    return (fake.float() - 0.5).square().mean() / 2


def wasserstein_d(real: Tensor, fake: Tensor) -> Tensor:
    """The critic's estimate of the Wasserstein distance, negated (Arjovsky et al. 2017).

    It needs a critic of bounded slope: `penalties.gradient_penalty`.
    """
    return fake.float().mean() - real.float().mean()


def wasserstein_g(real: Tensor, fake: Tensor) -> Tensor:
    """The generator's side of it."""
    return -fake.float().mean()


def average_lead(ahead: Tensor, behind: Tensor, cost: Cost) -> Tensor:
    """Relativistic average loss (Jolicoeur-Martineau 2019, arXiv 1807.00734).

    The cost of each picture's lead over the mean of those behind, and of the mean's lead over each
    of them; the mean of both, where the paper has the sum.
    """
    ahead, behind = ahead.float(), behind.float()
    return (cost(ahead - behind.mean()).mean() + cost(ahead.mean() - behind).mean()) / 2


def paired_lead(ahead: Tensor, behind: Tensor, cost: Cost) -> Tensor:
    """Relativistic paired loss, of the same paper: the cost of leads row by row.

    As many on either side; in a conditional network both pictures of a row have one breed. With
    penalties R1 and R2 it is that of R3GAN (Huang et al. 2025, arXiv 2501.05441).
    """
    return cost(ahead.float() - behind.float()).mean()


def _logistic(lead: Tensor) -> Tensor:
    return softplus(-lead)


def _square(lead: Tensor) -> Tensor:
    return (lead - 1).square()


def _hinge(lead: Tensor) -> Tensor:
    return relu(1 - lead)


def _relativistic(lead: Callable[[Tensor, Tensor, Cost], Tensor], cost: Cost) -> Loss:
    """The discriminator wants real pictures ahead, the generator fakes."""
    return Loss(
        discriminator=lambda real, fake: lead(real, fake, cost),
        generator=lambda real, fake: lead(fake, real, cost),
        absolute=False,
        compares=True,
    )


LOSSES = {
    "bce": Loss(bce_d, bce_g),
    "hinge": Loss(hinge_d, wasserstein_g),
    "lsgan": Loss(lsgan_d, lsgan_g),
    "wgan": Loss(wasserstein_d, wasserstein_g, absolute=False),
    "rabce": _relativistic(average_lead, _logistic),
    "ralsgan": _relativistic(average_lead, _square),
    "rahinge": _relativistic(average_lead, _hinge),
    "rpgan": _relativistic(paired_lead, _logistic),
}


def of(recipe: Recipe) -> Loss:
    """The recipe's loss, with its label smoothing and its margin."""
    loss = LOSSES[recipe.loss]
    if not recipe.smoothing and recipe.margin == 1:
        return loss
    smooth = partial(bce_d, smoothing=recipe.smoothing, margin=recipe.margin)
    return replace(loss, discriminator=smooth)


def _share(right: Tensor) -> Tensor:
    return right.float().mean()
