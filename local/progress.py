"""Lines of progress: on stderr, as stdout is for results; on a terminal or not."""

import sys


def say(line: str) -> None:
    """Prints a line at once."""
    print(line, file=sys.stderr, flush=True)
