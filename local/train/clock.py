"""The budget of a run, and the clock that spends it.

A run may have several limits; its progress, 0 to 1, is the largest share spent of any. Schedules
are functions of the progress, so that one recipe is right for five minutes and for nine hours.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

MARGIN = 1.3  # a measured duration is reserved this many times: machines are shared
END_SECONDS = 3.0  # kept on top of it, for the end of the process itself


@dataclass(frozen=True)
class Budget:
    """Limits of a run; None is no limit. At least one is needed."""

    seconds: float | None = None  # of training, over all resumed runs
    steps: int | None = None
    deadline: float | None = None  # on the clock's own scale; a kernel's last moment


def reserved(seconds: float) -> float:
    """What is kept free for work that seems to take so many seconds, and for the process's end."""
    return MARGIN * seconds + END_SECONDS


class Clock:
    """Says how far a run is, and whether one more step fits.

    Args:
        budget: the limits.
        spent: seconds that earlier runs of the same folder have trained.
        now: a monotonic clock in seconds; tests bring their own.
    """

    def __init__(
        self, budget: Budget, spent: float = 0.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        if budget == Budget():
            raise ValueError("a run needs a budget: seconds, steps or a deadline")
        self.budget = budget
        self.now = now
        self.reserve = 0.0  # seconds kept before the deadline for what comes after training
        self.lag = 0  # steps that a device may have waiting beyond the one that was seen last
        self._started = now() - spent
        self._step_seconds = 0.0
        self._last_step = now()

    @property
    def seconds(self) -> float:
        """Seconds of training so far, earlier runs included."""
        return self.now() - self._started

    def keep(self, seconds: float) -> None:
        """Reserves time before the deadline: `seconds` as measured, with a margin on top.

        The largest reserve counts: taken back, it would let progress fall.
        """
        self.reserve = max(self.reserve, reserved(seconds))

    def stepped(self) -> None:
        """Call after each step: the slowest of late says whether another one fits."""
        now = self.now()
        # A slow step is forgotten in time, or one stall would cost the end of every run.
        self._step_seconds = max(now - self._last_step, 0.95 * self._step_seconds)
        self._last_step = now

    def paused(self) -> None:
        """Call after work that is no step (a snapshot), so that it does not count as one."""
        self._last_step = self.now()

    def progress(self, step: int) -> float:
        """Share of the budget spent after `step` steps, 0 to 1."""
        return min(max((share for share, _ in self._shares(step)), default=0.0), 1.0)

    def fits(self, step: int) -> bool:
        """Whether one more step after `step` steps stays within every limit."""
        if self.budget.steps is not None and step >= self.budget.steps:
            return False
        ends = self.now() + (1 + self.lag) * self._step_seconds
        return all(ends < end for end in self._ends())

    @property
    def whole(self) -> float:
        """Seconds from the start of training to its first moment that is set; or infinity."""
        return min(self._ends(), default=float("inf")) - self._started

    def left(self, step: int) -> float:
        """Seconds until the first limit, as far as the pace so far tells."""
        return max(min((left for _, left in self._shares(step)), default=0.0), 0.0)

    def _ends(self) -> list[float]:
        """Moments at which training must be over."""
        ends = []
        if self.budget.seconds is not None:
            ends.append(self._started + self.budget.seconds)
        if self.budget.deadline is not None:
            ends.append(self.budget.deadline - self.reserve)
        return ends

    def _shares(self, step: int) -> list[tuple[float, float]]:
        """For each limit the share spent and the seconds left."""
        shares = []
        for end in self._ends():
            whole = end - self._started
            share = self.seconds / whole if whole > 0 else 1.0
            shares.append((share, end - self.now()))
        if self.budget.steps is not None:
            share = step / self.budget.steps
            left = self.seconds * (1 - share) / share if share else float("inf")
            shares.append((share, left))
        return shares
