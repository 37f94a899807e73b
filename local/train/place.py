"""A process's place among those that torchrun has started."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import torch.distributed as dist


@dataclass(frozen=True)
class Place:
    """A process's place; by default that of one that nobody else works with.

    Attributes:
        rank: among all processes. size: of them. local_rank, local_size: on this machine.
        machines: of all.
        launched: whether torchrun has started it.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    machines: int = 1
    launched: bool = False

    @classmethod
    def here(cls) -> "Place":
        """This process's."""
        if not dist.is_torchelastic_launched():
            return cls()
        names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "GROUP_WORLD_SIZE")
        rank, size, local_rank, local_size, machines = (int(os.environ[name]) for name in names)
        return cls(rank, size, local_rank, local_size, machines, launched=True)

    @property
    def first(self) -> bool:
        """Whether it is the first one of its machine."""
        return self.local_rank == 0

    @contextmanager
    def speaking(self) -> Iterator[None]:
        """Within this context only the first process of each machine says something."""
        with ExitStack() as around:
            if not self.first:
                nowhere = around.enter_context(Path(os.devnull).open("w"))
                around.enter_context(redirect_stdout(nowhere))
                around.enter_context(redirect_stderr(nowhere))
            yield
