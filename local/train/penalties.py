"""Penalties on the discriminator's slope: gradients of gradients.

`PENALTIES[kind](critic, reals, fakes, mix)` gives a scalar, float32. The critic brings pictures
(N, 3, S, S) to logits (N,), without statistics that cross the batch, or a slope is not one
picture's; and it is not compiled, as compiled code has no gradients of gradients. No gradient
reaches the pictures, and so none the generator.

Slopes are taken in float32 whatever autocast says. They are gradients of plain logits by single
pixels, small enough to underflow in half precision, and no loss scale helps: it comes in with the
backward pass of the whole loss, after the slopes have been taken and squared. There, all that it
multiplies is float32 too, and cannot overflow. A penalty so costs a forward pass and two backward
ones in float32: `weight_at` is for paying that only now and then.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor], Tensor]


def gradient_penalty(critic: Critic, reals: Tensor, fakes: Tensor, mix: Tensor) -> Tensor:
    """Mean of (|slope| - 1)^2 between the sides (Gulrajani et al. 2017, arXiv 1704.00028).

    Args:
        critic: see above.
        reals: pictures (N, 3, S, S).
        fakes: as many.
        mix: share of each real picture (N, 1, 1, 1), 0..1, drawn evenly.
    """
    between = torch.lerp(fakes.float(), reals.float(), mix)
    return (_slopes(critic, between).norm(dim=1) - 1).square().mean()


def zero_centred(critic: Critic, pictures: Tensor) -> Tensor:
    """Half the mean of |slope|^2 (Mescheder et al. 2018, arXiv 1801.04406).

    On real pictures it is R1, on fakes R2. With the half, its weight is the papers' gamma.
    """
    return _slopes(critic, pictures).square().sum(dim=1).mean() / 2


# By the names that recipes call them. R1 and R2 together: R3GAN, arXiv 2501.05441.
PENALTIES: dict[str, Callable[[Critic, Tensor, Tensor, Tensor], Tensor]] = {
    "gp": gradient_penalty,
    "r1": lambda critic, reals, fakes, mix: zero_centred(critic, reals),
    "r2": lambda critic, reals, fakes, mix: zero_centred(critic, fakes),
    "r1r2": lambda critic, reals, fakes, mix: (
        zero_centred(critic, reals) + zero_centred(critic, fakes)
    ),
}


def weight_at(step: int, every: int) -> int:
    """Factor of a penalty's weight at a step, 0 where it need not be computed.

    Lazy regularisation (Karras et al. 2020, arXiv 1912.04958, section 3.1): at every so many steps
    that many times the weight. The first is step 0, so that what memory it needs is known at once.
    There, a penalty has a step of its own, which Adam's rate and betas are corrected for; here it
    joins the loss of an ordinary step.
    """
    return 0 if step % every else every


def _slopes(critic: Critic, pictures: Tensor) -> Tensor:
    """Gradients of each picture's logit by its values (N, 3*S*S) float32."""
    at = pictures.detach().float().requires_grad_(True)
    # The gradient too: its matrix products would be autocast like any others.
    with torch.autocast(at.device.type, enabled=False):
        (slopes,) = torch.autograd.grad(critic(at).sum(), at, create_graph=True)
    return slopes.flatten(1)
