"""Sides timed in turn, because a shared machine is faster at one moment than at the next."""

import platform
import statistics
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import PIL
import torch


@dataclass(frozen=True)
class Side:
    """What one side needed, or did a second, in each round."""

    name: str
    rounds: list[float]

    @property
    def median(self) -> float:
        """The middle round."""
        return statistics.median(self.rounds)


def alternate(
    sides: Mapping[str, Callable[[], object]],
    items: int,
    rounds: int,
    sync: Callable[[], None] = lambda: None,
) -> list[Side]:
    """Times the sides round by round, after one round that does not count: items a second.

    Args:
        sides: by name; a call does the work of one round.
        items: that a call handles.
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
                found[name].append(items / (time.perf_counter() - start))
    return [Side(name, rates) for name, rates in found.items()]


def ratios(side: Side, first: Side, lower: bool = False) -> list[float]:
    """How many times better than the first a side was, round by round.

    Two sides of one round had the same moment of the machine, so the ratio is taken there.

    Args:
        side: the one to rate.
        first: what it is held against.
        lower: whether less is better, as of seconds.
    """
    pairs = zip(side.rounds, first.rounds, strict=True)
    return [b / a if lower else a / b for a, b in pairs]


def machine() -> str:
    """Processor, threads and versions, for the head of a table."""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"{_processor()} {capability}, {torch.get_num_threads()} threads, "
        f"Python {platform.python_version()}, torch {torch.__version__}, Pillow {PIL.__version__}"
    )


def _processor() -> str:
    """Its maker's name, where the system tells it, and else its kind."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()
