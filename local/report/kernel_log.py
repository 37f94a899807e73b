"""A kernel's log, as Kaggle or a rehearsal leaves it beside the pictures: its last line tells."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ENDINGS = (".log", ".txt", ".json")
LARGEST = 50_000_000  # bytes; a kernel of nine hours prints a hundredth of that
TOLD = {"images", "seconds", "recipe"}  # what the kernel's last line has


def last_line(folder: Path) -> dict[str, Any]:
    """What the kernel says about itself in the end; empty where no log of one is there.

    Kaggle's log is a list of JSON objects with the text in `data`; a rehearsal's is plain text.
    """
    for file in sorted(folder.glob("*")):
        if file.suffix not in ENDINGS or not file.is_file() or file.stat().st_size > LARGEST:
            continue
        for line in reversed(list(_lines(file.read_text(errors="replace")))):
            found = _object(line)
            if found.keys() >= TOLD:
                return found
    return {}


def _lines(text: str) -> Iterator[str]:
    for line in text.splitlines():
        wrapped = _object(line.strip().lstrip("[,").rstrip(",]")).get("data")
        yield from wrapped.splitlines() if isinstance(wrapped, str) else [line]


def _object(line: str) -> dict[str, Any]:
    if not line.startswith("{"):
        return {}
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
