"""What a kernel prints: the lines of its log, and the last one of them, its result."""

import json
import math
from pathlib import Path
from typing import Any


def printed(log: Path) -> list[str]:
    """The lines that a kernel printed, by its log's file; none where that cannot be read.

    Of Kaggle's log without those on standard error.
    """
    try:
        text = log.read_text("utf-8", errors="replace")
    except OSError:
        return []
    return parse_events(text, "stdout")


def parse_events(text: str, stream: str | None = None) -> list[str]:
    """The lines of a log, in Kaggle's form or a plain one.

    Kaggle keeps a log as a list of events, each with a part of what was written: several lines, or
    less than one. How the list itself is broken into lines is of no meaning.

    Args:
        text: of the log.
        stream: `stdout` or `stderr`, of Kaggle's log, which knows them; None: both. A plain log is
            of one stream.
    """
    try:
        events = json.loads(text)
        parts = [str(e["data"]) for e in events if stream is None or e["stream_name"] == stream]
    except (ValueError, TypeError, KeyError, RecursionError):
        return text.splitlines()
    return "".join(parts).splitlines()


def last_line(lines: list[str]) -> dict[str, Any] | None:
    """The kernel's last line as the object that it must be, or None."""
    filled = [line for line in lines if line.strip()]
    return result(filled[-1]) if filled else None


def result(line: str) -> dict[str, Any] | None:
    """A line as a kernel's result; None where it is none.

    It has `images`, and `seconds`: a number for each phase.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or "images" not in found:
        return None
    seconds = found.get("seconds")
    if not isinstance(seconds, dict) or not all(map(is_duration, seconds.values())):
        return None
    return found


def is_duration(value: object) -> bool:
    """Whether a value read from JSON can be a number of seconds."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and 0 <= value < math.inf  # type: ignore[operator]
