"""The averaged generator, from which pictures are sampled.

Averaging weights over the last steps removes the back and forth of adversarial training
(Yazici et al. 2018, https://arxiv.org/abs/1806.04498).
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


def decay(step: int, half_life: float) -> float:
    """The average's weight on itself at a step (1, 2, ...).

    The half-life is a share of the training so far, not a number of steps: the average always
    remembers the last few percent of a run, whether it lasts five minutes or nine hours.
    """
    return 0.5 ** (1 / (half_life * step)) if half_life > 0 else 0.0


@torch.no_grad()
def update(average: nn.Module, network: nn.Module, weight: float) -> None:
    """Moves the average's parameters towards the network's; buffers are copied as they are."""
    mine: list[Tensor] = list(average.parameters())
    theirs: list[Tensor] = list(network.parameters())
    torch._foreach_lerp_(mine, theirs, 1 - weight)
    for to, now in zip(average.buffers(), network.buffers(), strict=True):
        to.copy_(now)


@torch.no_grad()
def recalibrate(network: nn.Module, batches: Iterable[tuple[Tensor, ...]]) -> None:
    """Measures batch-norm statistics anew over batches of inputs, and leaves it in eval mode.

    Averaged weights never trained with the statistics of the current ones; without this step
    their pictures come out pale or dark.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over all batches
    network.train()
    for inputs in batches:
        network(*inputs)
    network.eval()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
