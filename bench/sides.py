"""Two sides timed in turn, because a shared machine is faster at one moment than at the next."""

import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Rates:
    """What a side did a second, in each round."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds)

    def __str__(self) -> str:
        low, high = min(self.rounds), max(self.rounds)
        return f"{self.name:28}{self.median:9.1f} img/s   ({low:.1f} to {high:.1f})"


def alternate(
    sides: dict[str, Callable[[], None]], images: int, rounds: int, sync: Callable[[], None]
) -> list[Rates]:
    """Times the sides round by round, after one round that does not count.

    Args:
        sides: by name; a call does the work of one round.
        images: that a call handles.
        rounds: to time.
        sync: waits until the device is done.
    """
    found: dict[str, list[float]] = {name: [] for name in sides}
    for i in range(rounds + 1):
        for name, work in sides.items():
            start = time.perf_counter()
            work()
            sync()
            if i:
                found[name].append(images / (time.perf_counter() - start))
    return [Rates(name, rates) for name, rates in found.items()]


def machine() -> str:
    """Processor, threads and versions, for the head of a table."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{platform.machine()} {capability}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}"
    )
