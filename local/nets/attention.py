"""Self-attention over a picture's places (Zhang et al. 2019, https://arxiv.org/abs/1805.08318)."""

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from local.nets.blocks import bounded, orthogonal

ATTENDS_AT = 32  # places a side


def attends_at(size: int) -> int:
    """Side of the planes that attend, in a network for pictures of that size."""
    return min(ATTENDS_AT, size // 2)


class SelfAttention(nn.Module):
    """(N, C, H, W) to the same shape: each place looks at all others, halved in side.

    It starts as the identity: `gain` grows from 0.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        looked_at, seen = max(1, channels // 8), max(1, channels // 2)
        self.query = _bounded(channels, looked_at)
        self.key = _bounded(channels, looked_at)
        self.value = _bounded(channels, seen)
        self.out = _bounded(seen, channels)
        self.gain = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        query = self.query(x).flatten(2).transpose(1, 2)  # (N, HW, C/8)
        key = max_pool2d(self.key(x), 2).flatten(2)  # (N, C/8, HW/4)
        value = max_pool2d(self.value(x), 2).flatten(2)  # (N, C/2, HW/4)
        # Written out: the fused attention has no gradient of its gradient, which a penalty needs.
        looks = (query @ key).softmax(dim=-1)  # (N, HW, HW/4)
        seen = (value @ looks.transpose(1, 2)).unflatten(2, x.shape[2:])  # (N, C/2, H, W)
        return x + self.gain * self.out(seen)


def _bounded(inputs: int, outputs: int) -> nn.Module:
    return bounded(orthogonal(nn.Conv2d(inputs, outputs, 1, bias=False)))
