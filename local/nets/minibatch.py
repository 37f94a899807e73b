"""Mini-batch deviation (Karras et al. 2018, https://arxiv.org/abs/1710.10196, section 3)."""

import torch
from torch import Tensor, nn

FLOOR = 1e-8  # of a variance: the slope of a root has no bound at 0


class MinibatchDeviation(nn.Module):
    """(N, C, H, W) to (N, C + 1, H, W): one plane more, of how much pictures differ.

    Its value is the standard deviation within a group of pictures, place by place and channel by
    channel, and the mean of that over all of them. A discriminator so sees a generator that always
    draws the same. What it says of a picture depends on the rest of the group, and so does a slope.

    Args:
        group: pictures of a group. A batch that it does not divide gets the largest groups up to
            that size that divide it, or is one group.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        size = _group(len(x), self.group)
        # In float32: squares of small differences are 0 in half precision.
        groups = x.float().unflatten(0, (size, -1))  # (size, groups, C, H, W)
        deviations = (groups.var(dim=0, correction=0) + FLOOR).sqrt().mean(dim=(1, 2, 3))
        plane = deviations.to(x.dtype).repeat(size)[:, None, None, None]  # (N, 1, 1, 1)
        return torch.cat([x, plane.expand(-1, 1, *x.shape[2:])], dim=1)


def _group(pictures: int, most: int) -> int:
    return next((size for size in range(most, 1, -1) if pictures % size == 0), pictures)
