"""The one error that a user can mend."""


class InputError(Exception):
    """Bad input or wrong use: one line that says what, where and what to do. Exit code 2."""
