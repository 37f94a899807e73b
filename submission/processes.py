"""A kernel's processes: all that it starts, found, measured and ended together."""

import contextlib
import os
import signal
import time

import psutil

GRACE = 2.0  # seconds for children to follow a kernel that has ended


class ProcessTree:
    """A process with all its descendants, those included whose parents have gone."""

    def __init__(self, leader: int) -> None:
        self.leader = leader
        self.peak_memory = 0
        self._seen = {psutil.Process(leader)}

    def alive(self) -> set[psutil.Process]:
        """Looks again, and returns the members that still run."""
        for pid in psutil.pids():  # orphans have another parent, but still the leader's session
            with contextlib.suppress(OSError, psutil.Error):
                if os.getsid(pid) == self.leader:
                    self._seen.add(psutil.Process(pid))
        for process in list(self._seen):
            with contextlib.suppress(psutil.Error):
                self._seen.update(process.children(recursive=True))
        self._seen = {process for process in self._seen if runs(process)}
        return self._seen

    def sample(self) -> int:
        """Adds up the resident memory of all members, in bytes, and keeps the highest sum."""
        total = 0
        for process in self.alive():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_memory = max(self.peak_memory, total)
        return total

    def kill(self) -> None:
        """Kills the leader's process group, and members that left it."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.leader, signal.SIGKILL)
        deadline = time.monotonic() + GRACE  # a process stuck in a driver cannot be killed
        while (members := self.alive()) and time.monotonic() < deadline:
            for process in members:
                with contextlib.suppress(psutil.Error):
                    process.kill()
            time.sleep(0.01)

    def survivors(self) -> int:
        """Counts the members that do not end by themselves soon after the leader has ended."""
        deadline = time.monotonic() + GRACE
        while (members := self.alive()) and time.monotonic() < deadline:
            time.sleep(0.05)
        return len(members)


def runs(process: psutil.Process) -> bool:
    """Whether a process is there, and not only waiting for its parent to notice its end."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
