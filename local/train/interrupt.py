"""Ctrl-C and SIGTERM between two steps rather than in the middle of one."""

import signal
from types import FrameType


class Interrupt:
    """Within this context the first signal asks to stop; a second one is not held back.

    Call it to learn whether a signal came. Stopping between steps leaves weights and optimisers in
    agreement, so that a resumed run goes on as if it had never stopped.

    Attributes:
        holds: whether the first signal is held back too; else it raises KeyboardInterrupt at once.
        number: of the first signal that came; 0: none.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, holds: bool = True) -> None:
        self.holds = holds
        self.number = 0

    def __call__(self) -> bool:
        """Whether to stop."""
        return self.number != 0

    def __enter__(self) -> "Interrupt":
        self._before = {number: signal.signal(number, self._ask) for number in self.SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        held = self.holds and not self.number
        self.number = self.number or number
        if not held:
            raise KeyboardInterrupt
