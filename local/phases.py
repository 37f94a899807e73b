"""Where a run's time goes."""

import time


class Phases:
    """Seconds by phase; one begins where another ends.

    Args:
        started: `time.monotonic()` at the beginning of the first, "start".
    """

    def __init__(self, started: float) -> None:
        self._started = self._begun = started
        self._name = "start"
        self._ended: dict[str, float] = {}

    def begin(self, name: str) -> None:
        """Ends the phase that goes on, and begins another."""
        self._ended = self.seconds()
        self._name, self._begun = name, time.monotonic()

    def seconds(self) -> dict[str, float]:
        """Seconds by phase, the one that goes on included."""
        return self._ended | {self._name: round(time.monotonic() - self._begun, 2)}

    def total(self) -> float:
        """Seconds of all phases."""
        return round(time.monotonic() - self._started, 2)
