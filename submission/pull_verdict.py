"""What a version's output holds: its archive, what the run said of itself, and what is wrong."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from submission import archive
from submission.archive import IMAGES
from submission.ledger_rows import digest
from submission.printed import last_line, printed
from submission.words import some

# Kaggle's own files, which it lays beside what a kernel leaves.
OWN, OWN_PREFIX = ("custom.css",), "__"


@dataclass(frozen=True)
class Output:
    """The output of one version.

    Attributes:
        images: what the archive holds; None: no valid one is there.
        sha256: of the archive, valid or not; None: none is there.
        result: the kernel's last line; empty where the log does not end with it.
        failures: what a submission of it would fail for, one line each.
        warnings: what is worth a look.
    """

    images: archive.Summary | None
    sha256: str | None
    result: dict[str, Any]
    failures: list[str]
    warnings: list[str]


def read(folder: Path, slug: str, count: int) -> Output:
    """Reads a folder as Kaggle's client leaves it.

    Args:
        folder: with the output and the log.
        slug: of the kernel, by which the log is named.
        count: pictures that the archive must hold.
    """
    file = folder / IMAGES
    log = f"{slug}.log"
    result = last_line(printed(folder / log)) or {}
    images, failures = None, []
    try:
        images = archive.check(file, count)
    except archive.ArchiveError as error:
        failures.append(f"{IMAGES}: {str(error).removeprefix(f'{file}: ')}")
    size, said = file.stat().st_size if file.is_file() else 0, result.get("zip_bytes")
    if isinstance(said, int) and size != said:
        failures.append(f"{IMAGES} has {size:,} bytes, and the kernel's log says {said:,}")
    if extra := beside(folder, log):
        failures.append(f"the output must hold {IMAGES} alone, and has {some(extra)}")
    return Output(
        images, digest(file) if file.is_file() else None, result, failures, _warnings(result)
    )


def beside(folder: Path, log: str) -> list[str]:
    """What a kernel left beside its archive."""
    names = sorted(path.name for path in folder.iterdir())
    ours = (IMAGES, log, *OWN)
    return [name for name in names if name not in ours and not name.startswith(OWN_PREFIX)]


def _warnings(result: dict[str, Any]) -> list[str]:
    if not result:
        return ["the log does not end with the kernel's result"]
    return [f"the run ended before its time: {result['stopped']}"] if result.get("stopped") else []
