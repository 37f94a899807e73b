"""Losses: each a function of the two sides' logits, (N,) each, where over 0 means real.

`D_LOSSES[name](real, fake)` and `G_LOSSES[name](fake)` give a scalar. Logits come in half
precision under autocast; losses are computed in float32.
"""

from collections.abc import Callable

from torch import Tensor
from torch.nn.functional import softplus


def bce_d(real: Tensor, fake: Tensor) -> Tensor:
    """Binary cross-entropy of the discriminator (Goodfellow et al. 2014, arXiv 1406.2661)."""
    return softplus(-real.float()).mean() + softplus(fake.float()).mean()


def bce_g(fake: Tensor) -> Tensor:
    """The generator's side, non-saturating as in section 3 of the same paper."""
    return softplus(-fake.float()).mean()


D_LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {"bce": bce_d}
G_LOSSES: dict[str, Callable[[Tensor], Tensor]] = {"bce": bce_g}
