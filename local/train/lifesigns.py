"""Whether the other processes of a cluster are still there."""

import os
from contextlib import suppress
from itertools import count
from threading import Event, Thread
from time import monotonic

from torch.distributed.distributed_c10d import Store

from local.errors import reason
from local.progress import say
from local.train.place import Place

BEAT = 5.0  # seconds between two signs of life
SILENCE = 60.0  # seconds without one after which a process counts as gone
DONE, FAILED = "done", "failed"  # the last sign of life


class LifeSigns(Thread):
    """Ends this process when others are gone: it may wait for them in an endless exchange.

    The leader looks after all others, they after it; and each after torchrun's own process, which
    would start another in its place.
    """

    def __init__(self, place: Place, store: Store | None) -> None:
        super().__init__(daemon=True)
        self.place, self.agent = place, os.getppid()
        # A connection of its own: the other's may be waiting for an answer.
        self.store = store.clone() if store else None
        others = range(1, place.size) if place.rank == 0 else [0]
        self.heard = dict.fromkeys(others, ("", monotonic())) if store else {}
        self.over = Event()

    def run(self) -> None:
        """Beats and listens, until it is over."""
        try:
            for beat in count():
                self._beat(str(beat))
                self._listen()
                if self.over.wait(BEAT):
                    return
        except RuntimeError as error:
            self._leave(f"torchrun's store is gone ({reason(error)})")

    def end(self, last: str) -> None:
        """Stops watching, and says why to the others."""
        self.over.set()
        self.join(BEAT)
        with suppress(RuntimeError):  # nobody is there to be told
            self._beat(last)

    def _beat(self, value: str) -> None:
        if self.store:
            self.store.set(f"beat/{self.place.rank}", value)

    def _listen(self) -> None:
        if os.getppid() != self.agent:
            self._leave("torchrun is gone")
        now = monotonic()
        for other, (last, at) in list(self.heard.items()):
            key = f"beat/{other}"
            value = self.store.get(key).decode() if self.store and self.store.check([key]) else ""
            if value == DONE:
                del self.heard[other]
            elif value == FAILED:
                self._leave(f"process {other} has failed")
            elif value != last:
                self.heard[other] = (value, now)
            elif now - at > SILENCE:
                self._leave(f"process {other} gives no sign of life for {SILENCE:g} s")

    def _leave(self, why: str) -> None:
        if not self.over.is_set():
            say(f"process {self.place.rank} of {self.place.size} ends: {why}")
            os._exit(1)
