"""When to look at Kaggle again: calmly, more rarely without a network, and not for ever."""

import time

from submission import client

FASTEST, SLOWEST = 30.0, 60.0  # seconds between two looks while all is well
LOST = 300.0  # the same after a long time without a network
SLOWER = 1.25


class TimedOut(OSError):
    """What is waited for did not happen in the time that the user gives it."""


class Pace:
    """The waits between looks, and the end of the user's patience.

    Args:
        seconds: from now, after which there is no further look.
    """

    def __init__(self, seconds: float) -> None:
        self._until = clock() + seconds
        self._pause = FASTEST

    def seen(self, *, changed: bool) -> None:
        """After a look; where something has changed there may soon be more."""
        self._pause = FASTEST if changed else min(self._pause * SLOWER, SLOWEST)

    def lost(self, error: client.Unreachable) -> None:
        """After a look that failed. Kaggle's Retry-After is obeyed."""
        self._pause = max(min(self._pause * 2, LOST), error.wait)

    def wait(self) -> bool:
        """Waits for the next look, the last of which is at the very end; False: it is over."""
        left = self._until - clock()
        if left <= 0:
            return False
        client.pause(min(self._pause, left))
        return True


def clock() -> float:
    """Seconds, of which only differences matter; tests that do not wait have their own."""
    return time.monotonic()
