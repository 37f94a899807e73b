"""Runs an isolated script under a time limit, and watches everything that it starts."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, TextIO

import psutil

LAUNCHER = Path(__file__).with_name("isolation.py")
SAMPLE_EVERY = 0.2  # seconds between two looks at the processes
GRACE = 2.0  # seconds for children to follow a kernel that has ended


@dataclass(frozen=True)
class Run:
    """What happened while the script ran."""

    exit_code: int  # negative: ended by that signal
    timed_out: bool
    seconds: float
    peak_memory: int  # bytes, all processes together
    survivors: int  # processes that outlived the script, and were killed
    isolation: dict[str, str]
    log: list[str]  # both streams, in order of arrival
    output: list[str]  # standard output alone


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

    def sample(self) -> None:
        """Adds up the resident memory of all members, and keeps the highest sum."""
        total = 0
        for process in self.alive():
            with contextlib.suppress(psutil.Error):
                total += process.memory_info().rss
        self.peak_memory = max(self.peak_memory, total)

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


def runs(process: psutil.Process) -> bool:
    """Whether a process is there, and not only waiting for its parent to notice its end."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


class Log:
    """Keeps a process's lines and shows them as they come."""

    def __init__(self, process: subprocess.Popen[str], echo: TextIO) -> None:
        self.lines: list[str] = []
        self.output: list[str] = []
        self._echo = echo
        assert process.stdout and process.stderr
        self._threads = [
            Thread(target=self._follow, args=(process.stdout, self.output), daemon=True),
            Thread(target=self._follow, args=(process.stderr, None), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _follow(self, stream: IO[str], only: list[str] | None) -> None:
        for line in stream:
            self.lines.append(line.rstrip("\n"))
            if only is not None:
                only.append(line.rstrip("\n"))
            with contextlib.suppress(OSError, ValueError):  # who watched may have gone
                self._echo.write(line)
                self._echo.flush()

    def finish(self) -> None:
        """Waits for the last lines; every process that could write more has ended."""
        for thread in self._threads:
            thread.join(GRACE)


def run(
    script: Path,
    *,
    folder: Path,
    read_only: list[Path],
    environment: dict[str, str],
    limit: float,
    networks: tuple[str, ...],
    echo: TextIO,
) -> Run:
    """Runs a script in `folder` for at most `limit` seconds, then ends all that is left of it.

    The limit counts from the moment at which the interpreter starts that runs the script.
    """
    receive, send = os.pipe()
    order = {
        "script": str(script),
        "read_only": [str(path) for path in read_only],
        "networks": networks,
        "report": send,
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-u", str(LAUNCHER), json.dumps(order)],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
        pass_fds=[send],
        start_new_session=True,
    )
    os.close(send)
    tree = ProcessTree(process.pid)
    log = Log(process, echo)
    try:
        with os.fdopen(receive, encoding="utf-8") as report:
            isolation = json.loads(report.read() or "{}")
        started = time.monotonic()
        timed_out = not wait(process, tree, started + limit)
        seconds = time.monotonic() - started
        survivors = 0 if timed_out else count_survivors(tree)
    finally:
        tree.kill()
        process.wait()
        log.finish()
    return Run(
        exit_code=process.returncode,
        timed_out=timed_out,
        seconds=seconds,
        peak_memory=tree.peak_memory,
        survivors=survivors,
        isolation=isolation,
        log=log.lines,
        output=log.output,
    )


def wait(process: subprocess.Popen[str], tree: ProcessTree, deadline: float) -> bool:
    """Samples memory until the process ends; False when the deadline came first."""
    while (left := deadline - time.monotonic()) > 0:
        tree.sample()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(min(SAMPLE_EVERY, left))
            return True
    return False


def count_survivors(tree: ProcessTree) -> int:
    """Counts the processes that do not end by themselves soon after the script has ended."""
    deadline = time.monotonic() + GRACE
    while (members := tree.alive()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return len(members)
