"""Runs an isolated script within limits, and reports what happened."""

import contextlib
import json
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO, Any, TextIO

from submission.faults import HAPPENED
from submission.processes import GRACE, ProcessTree
from submission.rehearsal_limits import Limits
from submission.rehearsal_staging import Staging
from submission.rehearsal_watch import Watch, retrieve

LAUNCHER = Path(__file__).with_name("isolation.py")
REPORT_BYTES = 65_536


@dataclass(frozen=True)
class Run:
    """What happened while the script ran."""

    exit_code: int  # negative: ended by that signal
    stopped: str | None  # why it was killed before its end, in words
    happened: list[str]  # faults that struck
    seconds: float  # of real time
    peak_memory: int  # bytes, all processes together
    survivors: int  # processes that outlived the script, and were killed
    isolation: dict[str, str]
    log: list[str]  # both streams, in order of arrival
    output: list[str]  # standard output alone
    errors: list[str]  # standard error alone


class Log:
    """Keeps a process's lines and shows them as they come."""

    def __init__(self, process: subprocess.Popen[str], echo: TextIO) -> None:
        self.lines: list[str] = []
        self.output: list[str] = []
        self.errors: list[str] = []
        self._echo = echo
        assert process.stdout and process.stderr
        self._threads = [
            Thread(target=self._follow, args=(process.stdout, self.output), daemon=True),
            Thread(target=self._follow, args=(process.stderr, self.errors), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def _follow(self, stream: IO[str], only: list[str]) -> None:
        for line in stream:
            self.lines.append(line.rstrip("\n"))
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
    python: Path,
    folder: Path,
    read_only: list[Path],
    environment: dict[str, str],
    limits: Limits,
    staging: Staging,
    networks: tuple[str, ...],
    echo: TextIO,
) -> Run:
    """Runs a script in `folder` within its limits, then ends all that is left of it.

    The time counts from the moment at which the interpreter starts that runs the script.

    Raises:
        OSError: this system cannot isolate the script as asked.
    """
    order = {
        "run": staging.command(script),
        "read_only": [str(path) for path in read_only],
        "networks": networks,
        "processors": limits.processors,
        "own_disk": staging.fills_disk(),
    }
    with contextlib.ExitStack() as at_end:
        process, report = launch(python, order, folder, environment)
        log = Log(process, echo)
        at_end.callback(log.finish)
        at_end.callback(process.wait)
        tree = ProcessTree(process.pid)
        at_end.callback(tree.kill)
        isolation, disk = read(report)
        watch = Watch(process, tree, limits, staging, disk)
        started = time.monotonic()
        watch.follow()
        seconds = time.monotonic() - started
        survivors = 0 if watch.stopped else tree.survivors()
    if disk is not None:
        retrieve(disk, folder)
    inside = [line.removeprefix(HAPPENED) for line in log.errors if line.startswith(HAPPENED)]
    return Run(
        exit_code=process.returncode,
        stopped=watch.stopped,
        happened=watch.happened + inside,
        seconds=seconds,
        peak_memory=tree.peak_memory,
        survivors=survivors,
        isolation=isolation,
        log=log.lines,
        output=log.output,
        errors=log.errors,
    )


def launch(
    python: Path, order: dict[str, Any], folder: Path, environment: dict[str, str]
) -> tuple[subprocess.Popen[str], socket.socket]:
    """Starts the launcher in a session of its own; returns it, and where it will report."""
    here, there = socket.socketpair()
    with there:
        order = {**order, "report": there.fileno()}
        process = subprocess.Popen(
            [str(python), "-I", "-u", str(LAUNCHER), json.dumps(order)],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            pass_fds=[there.fileno()],
            start_new_session=True,
        )
    return process, here


def read(report: socket.socket) -> tuple[dict[str, str], int | None]:
    """Waits for the launcher's report: how the script is isolated, and the root of its own disk.

    Raises:
        OSError: the launcher could not do as asked.
    """
    with report:
        data, disks, _, _ = socket.recv_fds(report, REPORT_BYTES, 1)
    isolation: dict[str, str] = json.loads(data or '{"refused": "the launcher failed"}')
    if reason := isolation.get("refused"):
        raise OSError(f"nothing was rehearsed: {reason}")
    return isolation, disks[0] if disks else None
