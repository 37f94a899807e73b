"""Watches a kernel's session on Kaggle to its end, at a pace that Kaggle likes."""

import contextlib
import hashlib
import subprocess
import threading
from collections import deque
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import build_kernel
from local.progress import say
from submission import client, credentials, kernels
from submission.kernels import Session
from submission.ledger import Row, sparing
from submission.pace import Pace, TimedOut
from submission.push_checks import head
from submission.version_row import note_session, row_of
from submission.words import moment

TAIL = 10  # lines of a failed session's log
ATTEMPTS = 3  # at a live log that gives nothing


@dataclass(frozen=True)
class Watched:
    """How a session ended.

    Attributes:
        version: None where Kaggle does not say.
        seconds: since the push; None where this ledger knows nothing of it.
        log: the last lines of a session that failed.
    """

    kernel: str
    version: int | None
    state: str
    failure: str
    seconds: float | None
    log: list[str]

    @property
    def ok(self) -> bool:
        """Whether it left its output."""
        return self.state == kernels.COMPLETE


def watch(root: Path, kernel: str, seconds: float, version: int | None = None) -> Watched:
    """Returns when the session of a kernel's latest version has ended.

    Args:
        root: of the project, whose built kernel tells the deadline.
        kernel: `owner/slug`.
        seconds: after which it gives up.
        version: that was just pushed, and that Kaggle may not show yet.

    Raises:
        TimedOut: the session goes on.
        As `client.ask`, but for a lost network.
    """
    pace, seen = Pace(seconds), "out of sight"
    found: Found | None = None
    with contextlib.closing(LiveLog(kernel)) as live:
        while True:
            try:
                found = found or find(root, kernel, version)
                session = kernels.session(kernel)
            except client.Unreachable as error:
                say(f"submission: {error}; the session on Kaggle goes on, and so does this watch")
                pace.lost(error)
            else:
                changed = session.state != seen
                pace.seen(changed=changed)
                seen = session.state
                if changed:
                    note_session(found.row, session)
                if session.ended:
                    return ending(kernel, found, session)
                if session.state == "RUNNING":
                    live.look()
                say(line(session, found, live.last))
            if not pace.wait():
                raise TimedOut(
                    f"{kernel} is still {seen} after {moment(seconds)}: watch it again, or stop it "
                    f"at {kernels.page(kernel)}"
                )


@dataclass(frozen=True)
class Found:
    """What is known of a kernel's latest version before its session is looked at.

    Attributes:
        version: None where Kaggle does not say.
        row: of the ledger; None where it was pushed from elsewhere.
        limit: seconds that the kernel takes at most; None where it is not known.
    """

    version: int | None
    row: Row | None
    limit: float | None


def find(root: Path, kernel: str, pushed: int | None = None) -> Found:
    """Looks a kernel's latest version up.

    Raises:
        InputError: Kaggle shows no such kernel.
        client.Unreachable: Kaggle does not show the version yet that was pushed.
        As `client.ask`.
    """
    latest = kernels.latest(kernel)
    if latest is None and not pushed:
        raise kernels.unknown(kernel)
    version = latest.version if latest else 0
    if pushed and (pushed if version is None else version) < pushed:
        # The state would be that of the one before.
        raise client.Unreachable(f"Kaggle does not show version {pushed} yet")
    row: Row | None = None
    if version:
        with sparing():
            row = row_of(kernel, version)
    return Found(version, row, seconds_given(root, row) if row else None)


def ending(kernel: str, found: Found, session: Session) -> Watched:
    """What can be said of a session that has ended; of a failed one the log's end too."""
    log: list[str] = []
    if session.state != kernels.COMPLETE:
        try:
            log = client.persist(lambda: kernels.log(kernel))[-TAIL:]
        except (client.Failed, client.Refused) as error:
            say(f"warning: no log: {error}")
    seconds = since(found.row)
    return Watched(kernel, found.version, session.state, session.failure, seconds, log)


def line(session: Session, found: Found, last: str) -> str:
    """One line: state, time since the push, about the time left, and the log's last line."""
    words = [f"{session.state:9}"]
    elapsed = since(found.row)
    if elapsed is not None:
        words.append(f"{moment(elapsed)} since the push")
        if found.limit is not None and session.state == "RUNNING":
            words.append(f"about {moment(max(found.limit - elapsed, 0))} left")
    return "  ".join([*words, last]).rstrip()


def since(row: Row | None) -> float | None:
    """Seconds since a push."""
    if row is None:
        return None
    return (datetime.now(UTC) - datetime.fromisoformat(row.at)).total_seconds()


def seconds_given(root: Path, row: Row) -> float | None:
    """The deadline of a pushed kernel, where the built one is still that."""
    for file in (root / build_kernel.KERNEL, root / build_kernel.NOTEBOOK):
        with contextlib.suppress(OSError):
            source = file.read_bytes()
            if hashlib.sha256(source).hexdigest() == row.source_sha256:
                return float(head(file, source)["hours"]) * 3600
    return None


class LiveLog:
    """The log of a running session as it is written: the client in the background.

    `last` is the last line so far; empty where there is no log to be had.
    """

    def __init__(self, kernel: str) -> None:
        self.kernel = kernel
        self.lines: deque[str] = deque(maxlen=1)
        self._process: subprocess.Popen[str] | None = None
        self._failed = 0

    @property
    def last(self) -> str:
        """The last line that is not empty."""
        return credentials.hidden(self.lines[-1]) if self.lines else ""

    def look(self) -> None:
        """Starts to follow; again after an end, unless nothing ever came."""
        if self._process and self._process.poll() is None:
            return
        if self._process:
            self._failed = 0 if self.lines else self._failed + 1
        if self._failed < ATTEMPTS:
            self._process = subprocess.Popen(
                [str(client.executable()), "-W", "kernels", "logs", "-f", self.kernel],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                errors="replace",
                env=client.environment(verbose=False),
            )
            assert self._process.stdout
            threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for text in stream:
                if text.strip():
                    self.lines.append(text.strip())

    def close(self) -> None:
        """Ends the client."""
        if self._process:
            self._process.kill()
            self._process.wait()
