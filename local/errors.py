"""The one error that a user can mend, errors in one line, and the exit codes of commands."""

import sys
from collections.abc import Callable


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
    """Runs a command and returns its exit code; what can go wrong takes one line, named `name`."""
    try:
        return command()
    except bad_input as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 2
    except failures as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
