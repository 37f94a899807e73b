"""Several processes that score together, on one machine or several, as torchrun starts them.

Each holds the features of its share of the pictures. What they tell each other is small (counts,
moments, names, pairs) or passes block by block, so that a process's memory does not depend on how
many features the others hold. All of it runs on the hosts, by gloo; a GPU only runs the network.

The first that fails says why, in one line, and the others end with its exit code.
"""

import os
import socket
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
import torch.distributed as dist

from mifid.errors import InputError, WorkError

T = TypeVar("T")

START = timedelta(minutes=10)  # that the processes may take to find each other
# One may wait for hours for a slower one. Whoever dies is known by its closed connection; this is
# for machines that lose their power, which close none.
PATIENCE = timedelta(days=1)
FAILURE = "failure"  # where the first to fail leaves its exit code


class Gone(Exception):
    """Another process has failed or died; the work that it had a part in cannot go on."""


@dataclass(frozen=True)
class Team:
    """A process's place among ``size``; what it shares with them, in the order of their ranks.

    All must call the same methods in the same order. They raise Gone where a process is missing.
    store: the torch.distributed.Store at which they have met; None for a process alone.
    """

    rank: int = 0
    size: int = 1
    store: Any = None

    @property
    def leads(self) -> bool:
        """Whether this is the process that prints and writes files."""
        return self.rank == 0

    def share(self, count: int, unit: int = 1) -> slice:
        """Return this process's stretch of ``count`` things, cut only at multiples of ``unit``."""
        units = -(-count // unit)
        first, end = (units * rank // self.size * unit for rank in (self.rank, self.rank + 1))
        return slice(min(first, count), min(end, count))

    def gather(self, value: T) -> list[T]:
        """Return every process's value, on all of them."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        with _in_contact():
            dist.all_gather_object(values, value)
        return values

    def add_up(self, array: np.ndarray) -> np.ndarray:
        """Return the sum of every process's array, on all of them."""
        if self.size == 1:
            return array
        total = torch.from_numpy(array.copy())
        with _in_contact():
            dist.all_reduce(total)
        return total.numpy()

    def relay(self, blocks: Iterable[T]) -> Iterator[T]:
        """Give every process's blocks to all of them, one at a time; None is no block.

        Each must take all of them. An error of ours that arises in one's blocks is raised in all.
        """
        if self.size == 1:
            yield from blocks
            return
        own = iter(blocks)
        for owner in range(self.size):
            while True:
                item = [_following(own) if owner == self.rank else None]
                with _in_contact():
                    dist.broadcast_object_list(item, src=owner)
                (block,) = item
                if block is None:
                    break
                if isinstance(block, Exception):
                    raise block
                yield block

    def heeding(self, blocks: Iterable[T]) -> Iterator[T]:
        """Give the blocks, and stop (Gone) as soon as another process has failed."""
        for block in blocks:
            if self.store is not None:
                with _in_contact():
                    if self.store.check([FAILURE]):
                        raise Gone("another process has failed")
            yield block

    def agree(self, facts: Mapping[str, str]) -> None:
        """Raise InputError where a process finds something else under a name than the first one."""
        found = self.gather((socket.gethostname(), dict(facts)))
        for rank, (host, others) in enumerate(found):
            for name, first in found[0][1].items():
                if others[name] != first:
                    raise InputError(
                        f"{name}: process {rank} on {host} finds {others[name]}, the first one"
                        f" {first}; give all machines the same files and options"
                    )

    def fail(self, code: int, line: str) -> int:
        """Say the line, unless another process failed before; return the exit code of the first."""
        mine = f"{code} {self.rank}"
        first = mine
        if self.store is not None:
            try:
                first = self.store.compare_set(FAILURE, "", mine).decode()
            except RuntimeError:  # it was with the first process, which has failed, and said why
                return code
        if first == mine:
            print(line, file=sys.stderr, flush=True)
        return int(first.split()[0])


ALONE = Team()


@contextmanager
def joined() -> Iterator[Team]:
    """Meet the processes that were started with this one, and wait for them at the end.

    They are known by RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, as torchrun sets them; without
    these it is ALONE. Within, only the first process is heard. Raises WorkError when they do not
    find each other.
    """
    size = os.environ.get("WORLD_SIZE", "")
    if "RANK" not in os.environ or not size.isdecimal() or int(size) < 2:
        yield ALONE
        return
    from torch.distributed.rendezvous import rendezvous  # noqa: PLC0415 - some builds have none

    try:
        store, rank, count = next(rendezvous("env://", timeout=START))
        dist.init_process_group("gloo", store=store, rank=rank, world_size=count, timeout=PATIENCE)
    except (RuntimeError, ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise WorkError(f"the {size} processes do not find each other ({reason})") from error
    team = Team(rank, count, store)
    if team.leads:
        yield team
    else:
        with Path(os.devnull).open("w") as nobody, redirect_stdout(nobody), redirect_stderr(nobody):
            yield team
    team.gather(None)  # whoever starts them would take it for a fault if most were long gone
    dist.destroy_process_group()


@contextmanager
def _in_contact() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # all that torch raises for a connection
        raise Gone(
            "another process has ended before its time; is it out of memory, or was it killed?"
        ) from error


def _following(blocks: Iterator[T]) -> T | Exception | None:
    try:
        return next(blocks, None)
    except (InputError, WorkError) as error:
        return error
