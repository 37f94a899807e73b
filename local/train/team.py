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
from datetime import timedelta
from io import BytesIO
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from local.errors import reason

# A member waits while the leader writes a submission or a score, and never longer than that.
PATIENCE = timedelta(minutes=30)


@dataclass(frozen=True)
class Team:
    """A member's place among `size`; member 0 leads: it keeps the clock and writes the files.

    here: members on this machine, which share its memory.
    """

    rank: int = 0
    size: int = 1
    here: int = 1

    @property
    def leads(self) -> bool:
        """Whether this member keeps the clock and writes the files."""
        return self.rank == 0

    def share(self, batch: Tensor) -> Tensor:
        """This member's rows of a batch that all have drawn."""
        return batch.tensor_split(self.size)[self.rank]

    def add_up(self, tensors: Sequence[Tensor]) -> None:
        """Adds each tensor up over all members, in place, by one exchange.

        Raises:
            ConnectionError: a member is gone.
        """
        if self.size == 1:
            return
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        try:
            dist.all_reduce(flat)
        except RuntimeError as error:
            raise _broken(error) from error
        sums = flat.split([tensor.numel() for tensor in tensors])
        for tensor, total in zip(tensors, sums, strict=True):
            tensor.copy_(total.view_as(tensor))

    def hand_out(self, state: Any, device: torch.device) -> Any:
        """The leader's state, in all members.

        Args:
            state: of tensors and plain values, as `torch.save` takes them; the others' is not
                looked at.
            device: on which exchanges are made, and where the tensors are to be.

        Raises:
            ConnectionError: a member is gone.
        """
        if self.size == 1:
            return state
        packed = BytesIO()
        if self.leads:
            torch.save(state, packed)
        length = torch.tensor([packed.tell()], device=device)
        try:
            dist.broadcast(length, 0)
            content = torch.empty(int(length), dtype=torch.uint8, device=device)
            if self.leads:
                content.copy_(torch.frombuffer(packed.getbuffer(), dtype=torch.uint8))
            dist.broadcast(content, 0)
        except RuntimeError as error:
            raise _broken(error) from error
        if self.leads:
            return state
        received = BytesIO(content.cpu().numpy().tobytes())
        return torch.load(received, map_location=device, weights_only=True)


def join(team: Team, device: torch.device, **meeting: Any) -> None:
    """Joins the other members; from here on they exchange.

    Args:
        team: this member's place.
        device: that it trains on.
        meeting: where members find each other: `init_method` or `store`.
    """
    on_gpu = device.type == "cuda"
    dist.init_process_group(
        "nccl" if on_gpu else "gloo",
        rank=team.rank,
        world_size=team.size,
        timeout=PATIENCE,
        device_id=device if on_gpu else None,
        **meeting,
    )


def _broken(error: RuntimeError) -> ConnectionError:
    return ConnectionError(f"an exchange of the team broke off ({reason(error)})")


ALONE = Team()
