"""What a step reports, read without making the device wait."""

from collections import deque

import torch
from torch import Tensor

LAG = 2  # steps that a GPU may have waiting; enough to keep it busy


class Pace:
    """Hands out each step's numbers once they are there, and holds the host back by that.

    A GPU works through a queue: reading a number of the newest step would drain it. Reading those
    of a step `lag` earlier costs nothing, and bounds how far the clock's idea of a step can be from
    the device's.
    """

    def __init__(self, device: torch.device) -> None:
        self.lag = LAG if device.type == "cuda" else 0
        self._waiting: deque[tuple[Tensor, torch.cuda.Event | None]] = deque()

    def push(self, numbers: Tensor) -> list[float] | None:
        """Takes a step's numbers; returns those of `lag` steps ago, None while there are none."""
        on_host, arrived = numbers, None
        if numbers.is_cuda:
            on_host = torch.empty_like(numbers, device="cpu", pin_memory=True)
            on_host.copy_(numbers, non_blocking=True)
            arrived = torch.cuda.Event()
            arrived.record()
        self._waiting.append((on_host, arrived))
        return self._pop() if len(self._waiting) > self.lag else None

    def peek(self) -> list[list[float]]:
        """Waits for the device, and shows what is left."""
        return [_read(*waiting) for waiting in self._waiting]

    def rest(self) -> list[list[float]]:
        """Waits for the device, and hands out what is left."""
        return [self._pop() for _ in range(len(self._waiting))]

    def _pop(self) -> list[float]:
        return _read(*self._waiting.popleft())


def _read(numbers: Tensor, arrived: torch.cuda.Event | None) -> list[float]:
    if arrived is not None:
        arrived.synchronize()
    values: list[float] = numbers.tolist()
    return values
