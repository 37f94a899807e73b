"""Several processes that train one model, each on a device of its own.

Every member draws the same batch from the same seed and works on its share of it; gradients are
added up by ONE all-reduce of a flat vector. DistributedDataParallel would hook into the backward
pass instead, which does not fit penalties: gradients of gradients.

Statistics that cross the batch (batch norm, and losses that compare the two sides' means) are taken
over a member's share alone, as in "split" or "ghost" batch norm (Hoffer et al. 2017, arXiv
1705.08741). So a team of two equals one process that works through the batch in two splits
(`Trainer.splits`), which is the reference that the tests hold it to; but for spectral norm, which
looks for the largest gain once in each split.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor


@dataclass(frozen=True)
class Team:
    """A member's place among `size`; member 0 leads: it keeps the clock and writes the files."""

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this member keeps the clock and writes the files."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This member's rows of a batch that all have drawn."""
        return batch.tensor_split(self.size)[self.rank]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Adds each tensor up over all members, in place, by one exchange."""
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        dist.all_reduce(flat)
        sums = flat.split([tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, sums, strict=True):
            tensor.copy_(total.view_as(tensor))


ALONE = Team()
