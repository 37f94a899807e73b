"""The one error that a user can mend, and errors in one line."""


class InputError(Exception):
    """Bad input or wrong use: one line that says what, where and what to do. Exit code 2."""


def reason(error: BaseException) -> str:
    """An error's first line, or its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
