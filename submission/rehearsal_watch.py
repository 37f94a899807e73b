"""Watches a session: ends it at its limits, and lets faults strike at their moments."""

import contextlib
import math
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from submission.faults import FAULTS, Fault
from submission.processes import ProcessTree
from submission.rehearsal_limits import GIB, Limits
from submission.rehearsal_staging import Staging
from submission.words import moment

SAMPLE_EVERY = 0.2  # seconds of real time between two looks at the processes
LEAVING = (
    5.0  # seconds of real time for the end of the interpreter, which a faster clock leaves slow
)


class Watch:
    """Follows a process and all that it starts.

    Attributes:
        stopped: why it was killed, in words; None where it ended by itself or by a fault.
        happened: the faults that have struck.
    """

    def __init__(
        self,
        process: subprocess.Popen[str],
        tree: ProcessTree,
        limits: Limits,
        staging: Staging,
        disk: int | None,  # the open root of the working folder's own disk
    ) -> None:
        self.process = process
        self.tree = tree
        self.limits = limits
        self.speed = staging.speed
        unscaled = 0.0 if self.speed == 1 else LEAVING * self.speed
        self.last = limits.seconds + unscaled  # on the kernel's clock
        self.coming = staging.timed()
        self.disk = disk
        self.stopped: str | None = None
        self.happened: list[str] = []

    def follow(self) -> None:
        """Returns when the process has ended, or has reached a limit and must be killed."""
        started = time.monotonic()
        while True:
            now = (time.monotonic() - started) * self.speed  # on the kernel's clock
            if now >= self.last:
                self.stopped = "still running at the limit"
            elif self.tree.sample() > self.limits.memory * GIB:
                self.stopped = f"over {self.limits.memory:.3g} GiB of memory at {moment(now)}"
            if self.stopped:
                return
            while self.coming and self.coming[0].number <= now:
                self.strike(self.coming.pop(0))
            following = self.coming[0].number if self.coming else math.inf
            pause = (min(self.last, following) - now) / self.speed
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(min(SAMPLE_EVERY, pause))
                return

    def strike(self, fault: Fault) -> None:
        """Lets a fault happen now."""
        kind = FAULTS[fault.name]
        if kind.signal == signal.SIGKILL:
            self.tree.kill()  # as a session ends: all at once
        elif kind.signal:
            self.process.send_signal(kind.signal)
        elif self.disk is not None:
            fill(self.disk)
        self.happened.append(str(fault))


def fill(disk: int) -> None:
    """Writes until a disk is full, outside the part of it that is the working folder."""
    zeros = bytes(2**20)
    filler = Path(f"/proc/self/fd/{disk}/filler")
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as stream:
        while True:
            stream.write(zeros)


def retrieve(disk: int, folder: Path) -> None:
    """Copies what the kernel left on its own disk to where it would have left it, and lets go."""
    shutil.copytree(f"/proc/self/fd/{disk}/working", folder, symlinks=True, dirs_exist_ok=True)
    os.close(disk)
