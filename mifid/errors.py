"""The two ways in which a command of this package ends early, each with one line for people."""


class InputError(Exception):
    """Wrong use or bad input: the line says what is wrong, where, and what to do (exit code 2)."""


class WorkError(Exception):
    """The input was in order and the work failed all the same, a download say (exit code 1)."""
