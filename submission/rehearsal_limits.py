"""What a session gives a kernel: time, memory, processors."""

import math
import os
from dataclasses import dataclass

import psutil

from local.errors import InputError

GIB = 2**30
KAGGLE_MEMORY = 30.0  # GiB, about
KAGGLE_PROCESSORS = 4


@dataclass(frozen=True)
class Limits:
    """Limits of a rehearsal."""

    seconds: float  # which the kernel is told, and after which it is killed
    memory: float  # GiB, resident, all processes together; beyond it they are killed
    processors: int  # that they may use

    @classmethod
    def of(cls, seconds: float, memory: float | None, processors: int | None) -> "Limits":
        """The limits that were asked for; None: Kaggle's, or less where this machine has less.

        Raises:
            InputError: a limit is none, or this machine has fewer processors.
        """
        for name, value, unit in (("limit", seconds, "seconds"), ("memory limit", memory, "GiB")):
            if value is not None and not 0 < value < math.inf:
                raise InputError(f"a {name} of {value:g} {unit}: give a positive number")
        there = processors_here()
        if processors is not None and not 0 < processors <= there:
            raise InputError(f"{processors} processors: give 1 to {there}, which this machine has")
        if memory is None:
            memory = min(KAGGLE_MEMORY, psutil.virtual_memory().total / GIB)
        return cls(seconds, memory, processors or min(KAGGLE_PROCESSORS, there))


def processors_here() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
