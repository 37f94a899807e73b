"""Commands that clean up before a signal ends them."""

import contextlib
import signal
import sys
from collections.abc import Iterator
from types import FrameType

END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def ending_by_signal(what: str) -> Iterator[None]:
    """Within this context the first signal that asks for an end lets all be cleaned up.

    Those that follow are ignored, or they would break the cleaning up off. `what` has ended then.
    """
    usual = {number: signal.getsignal(number) for number in END_SIGNALS}

    def end(number: int, frame: FrameType | None) -> None:
        for each in usual:
            signal.signal(each, signal.SIG_IGN)
        print(f"submission: {what} ended by {signal.Signals(number).name}", file=sys.stderr)
        raise SystemExit(128 + number)

    for number, handler in usual.items():
        if handler != signal.SIG_IGN:  # as `nohup` asks for
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
