"""The one error that a user can mend, errors in one line, and the exit codes of commands."""

import os
import select
import sys
from collections.abc import Callable

UNREAD = 128 + 13  # SIGPIPE's, as a shell says it of a command whose reader has left


class InputError(Exception):
    """Bad input or wrong use: one line that says what, where and what to do. Exit code 2."""


def reason(error: BaseException) -> str:
    """An error's first line, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def guarded(
    name: str,
    command: Callable[[], int],
    bad_input: tuple[type[Exception], ...] = (InputError,),
    failures: tuple[type[Exception], ...] = (OSError,),
) -> int:
    """Runs a command and returns its exit code; what can go wrong takes one line, named `name`.

    Where its results are not read to their end, as before `head`, it ends without a word.
    """
    try:
        code = _run(name, command, bad_input, failures)
    except SystemExit:  # argparse's own end, after its help
        if lost := _flush(name):
            return lost
        raise
    lost = _flush(name)
    return code or lost


def _run(
    name: str,
    command: Callable[[], int],
    bad_input: tuple[type[Exception], ...],
    failures: tuple[type[Exception], ...],
) -> int:
    try:
        return command()
    except bad_input as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except failures as error:
        if isinstance(error, BrokenPipeError) and _is_unread():
            return UNREAD
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _flush(name: str) -> int:
    """Writes what is only printed so far; returns 0, or the exit code where that does not work."""
    try:
        sys.stdout.flush()
        return 0
    except BrokenPipeError:
        code = UNREAD
    except OSError as error:
        print(f"{name}: results cannot be written: {error}", file=sys.stderr)
        code = 1
    # The interpreter would try again at its end, and complain where nobody can help it.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return code


def _is_unread() -> bool:
    """Whether it is the reader of stdout that has left, and not that of another pipe."""
    poll = select.poll()
    try:
        poll.register(sys.stdout, 0)
    except (OSError, ValueError):  # stdout is no file
        return False
    return bool(poll.poll(0))
