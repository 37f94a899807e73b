"""The way to Kaggle: its client run as a command, and what goes wrong said so that it helps.

The client is never imported: that prints help and makes folders. Its exit code is 0 even for a
refused push, and where Kaggle explains an error it prints the explanation without the status: what
it prints of its exchanges says more (`client_output`).
"""

import itertools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from local.errors import InputError
from local.progress import say
from submission.client_errors import (
    COMPETITION,
    INSTALL,
    RULES,
    Failed,
    Refused,
    Unreachable,
    permission,
    trouble,
)
from submission.client_output import Said, read

__all__ = [
    "COMPETITION",
    "RULES",
    "Failed",
    "Refused",
    "Said",
    "Unreachable",
    "ask",
    "once",
    "permission",
    "persist",
    "table",
]

T = TypeVar("T")

SECONDS = 120.0  # for a call that moves little; the client itself has no limit
TRIES = 6
FIRST_WAIT = 5.0  # seconds; doubled after each try
LONGEST_WAIT = 600.0  # seconds: when Kaggle asks for more, the user should know


def ask(*words: str, seconds: float | None = None) -> Said:
    """Runs `kaggle WORDS` once.

    Args:
        words: after `kaggle`.
        seconds: after which it is ended; default `SECONDS`.

    Raises:
        InputError: the client is missing or too old.
        Refused: credentials, rules, names: the user can mend it.
        Unreachable: it may be tried again.
        Failed: anything else.
    """
    limit = SECONDS if seconds is None else seconds
    said = read(*_run([str(executable()), "-W", *words], limit))
    if error := trouble(said, " ".join(["kaggle", *words]), limit):
        raise error
    return said


def table(*words: str) -> list[dict[str, Any]]:
    """Runs a listing command, again where that may help; returns its rows, perhaps none.

    Raises:
        As `ask`.
    """
    said = persist(lambda: ask(*words, "--format", "json"))
    start = said.text.find("[")
    try:
        return list(json.loads(said.text[start:])) if start >= 0 else []
    except ValueError:
        raise Failed(f"kaggle {' '.join(words)}: not JSON: {said.text[:80]!r}") from None


def persist(work: Callable[[], T], tries: int = TRIES) -> T:
    """Does a work again, after growing waits, while it fails as Unreachable.

    Only for what does no harm when it is done twice. Kaggle's Retry-After is obeyed.

    Raises:
        Unreachable: of the last try.
    """
    for number in itertools.count(1):
        try:
            return work()
        except Unreachable as error:
            if error.wait > LONGEST_WAIT:
                later = f"{error}; it asks for {error.wait / 60:.0f} minutes: try again then"
                raise Unreachable(later, error.status, error.wait) from None
            if number >= tries:
                raise
            wait = max(error.wait, FIRST_WAIT * 2 ** (number - 1))
            say(f"submission: {error}; try {number + 1} of {tries} in {wait:.0f} s")
            pause(wait)
    raise AssertionError


def once(create: Callable[[], T], taken: Callable[[], T | None]) -> T:
    """Does a work that must not be done twice, again where that may help.

    A try without an answer may have been taken all the same: that is asked before each new try, and
    after the last.

    Args:
        create: does it.
        taken: returns what Kaggle took without an answer; None: nothing.

    Raises:
        Unreachable: of the last try, which was not taken.
        As `create` and `taken`.
    """
    tries = 0

    def attempt() -> T:
        nonlocal tries
        tries += 1
        found = taken() if tries > 1 else None
        return create() if found is None else found

    try:
        return persist(attempt)
    except Unreachable:
        if (found := taken()) is not None:
            return found
        raise


def pause(seconds: float) -> None:
    """All waiting goes through here, so that tests need not wait."""
    time.sleep(seconds)


def executable() -> Path:
    """The client beside this interpreter, or else on PATH.

    Raises:
        InputError: it is not installed.
    """
    beside = shutil.which("kaggle", path=str(Path(sys.executable).parent))
    found = beside or shutil.which("kaggle")
    if not found:
        raise InputError(f"Kaggle's client is not installed: {INSTALL}")
    return Path(found)


def environment(verbose: bool = True) -> dict[str, str]:
    """What the client runs with: all that we run with, and whether it prints its exchanges."""
    return os.environ | {"VERBOSE": str(verbose).lower(), "PYTHONUTF8": "1"}


def _run(command: list[str], seconds: float) -> tuple[int | None, str, str]:
    """Exit code (None: out of time), stdout and stderr, as the client wrote them."""
    try:
        ran = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,  # nobody is there to answer a question
            timeout=seconds,
            check=False,
            encoding="utf-8",
            errors="replace",
            env=environment(),
        )
    except subprocess.TimeoutExpired as late:
        return None, _decoded(late.stdout), _decoded(late.stderr)
    return ran.returncode, ran.stdout, ran.stderr


def _decoded(output: str | bytes | None) -> str:
    """What was caught of a process that was ended: bytes, whatever was asked for."""
    return output.decode("utf-8", "replace") if isinstance(output, bytes) else output or ""
