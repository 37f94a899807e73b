"""Penalties on the discriminator's slope: gradients of gradients."""

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(
    discriminator: Callable[[Tensor], Tensor], reals: Tensor, fakes: Tensor, mix: Tensor
) -> Tensor:
    """Mean of (|slope| - 1)^2 between the sides (Gulrajani et al. 2017, arXiv 1704.00028).

    Args:
        discriminator: pictures (N, 3, S, S) to logits (N,); without statistics that cross the
            batch, or a slope is not one picture's.
        reals: pictures (N, 3, S, S) float32.
        fakes: as many; no gradient reaches the generator.
        mix: share of each real picture (N, 1, 1, 1), 0..1, drawn evenly.
    """
    between = torch.lerp(fakes.detach().float(), reals, mix).requires_grad_(True)
    logits = discriminator(between)
    (slopes,) = torch.autograd.grad(logits.float().sum(), between, create_graph=True)
    return (slopes.flatten(1).norm(dim=1) - 1).square().mean()
