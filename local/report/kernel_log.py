"""A kernel's log, as Kaggle or a rehearsal leaves it beside the pictures: its last line tells."""

from pathlib import Path
from typing import Any

from submission.printed import printed, result

ENDINGS = (".log", ".txt", ".json")
LARGEST = 50_000_000  # bytes; a kernel of nine hours prints a hundredth of that


def last_line(folder: Path) -> dict[str, Any]:
    """What the kernel says about itself in the end; empty where no log of one is there.

    A log may have any name, and may go on behind that line: with a rehearsal's own words.
    """
    for file in sorted(folder.glob("*")):
        if file.suffix not in ENDINGS or not file.is_file() or file.stat().st_size > LARGEST:
            continue
        for line in reversed(printed(file)):
            found = result(line) if line.startswith("{") else None  # most lines are progress
            if found and "recipe" in found:
                return found
    return {}
