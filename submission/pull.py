"""Brings a version's output home: fetched, checked, scored, and in the ledger."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from local.errors import InputError
from submission import archive, kernels, scoring
from submission.archive import IMAGES
from submission.ledger import Row
from submission.ledger_rows import SCORES, of_run
from submission.pull_fetch import Fetched, fetch
from submission.pull_verdict import Output, read
from submission.version_row import remember, row_of

PUSHED = ("commit", "dirty", "recipe", "settings")  # what a push has noted of its version


@dataclass(frozen=True)
class Pulled:
    """A version that lies here.

    Attributes:
        kernel: `owner/slug`.
        state: of its session, in Kaggle's words; None where nobody knows any more.
        folder: of the output, with the log.
        failures: what a submission of it would fail for, one line each.
        warnings: what is worth a look.
        images: what a valid archive holds, with the run's facts; None: there is none.
        result: the kernel's last line; empty where the log does not end with it.
        scores: FID, KID, MiFID, distance and their label; None: not scored.
        row: of the ledger; None where that could not be written.
    """

    kernel: str
    version: int
    state: str | None
    folder: str
    ok: bool
    failures: list[str]
    warnings: list[str]
    images: dict[str, Any] | None
    result: dict[str, Any]
    scores: dict[str, Any] | None
    row: int | None


def pull(
    kernel: str,
    version: int | None = None,
    out: Path | None = None,
    *,
    real: Path | None = None,
    graph: Path | None = None,
    seconds: float,
) -> Pulled:
    """Fetches a version's output, unless it lies here already; checks, scores and remembers it.

    Args:
        kernel: `owner/slug`.
        version: None: the latest, the only one whose output Kaggle gives out.
        out: folder that takes the output; None: `runs/kernels/OWNER/SLUG/vN`.
        real: the training pictures, or their features; None: it is not scored.
        graph: the network's file; None: as for `python -m mifid`.
        seconds: for one attempt at the download.

    Raises:
        InputError: the version runs, or is not the latest; a folder is in the way; pictures or
            graph cannot be used.
        OSError: the score is no number, or as `client.ask`.
    """
    _look(real, graph)
    fetched = fetch(kernel, version, out, seconds)
    output = read(fetched.folder, kernel.partition("/")[2], archive.COUNT)
    failures = output.failures
    if fetched.state not in (None, kernels.COMPLETE):
        failures = [f"its session on Kaggle ended as {fetched.state}", *failures]
    before = row_of(kernel, fetched.version)
    row = _note(kernel, fetched, output, not failures, before)
    scores = _known(row)
    if real and output.images:
        scores = scoring.score(fetched.folder / IMAGES, real, graph)
        remember(kernel, fetched.version, **scores)
    return Pulled(
        kernel=kernel,
        version=fetched.version,
        state=fetched.state,
        folder=str(fetched.folder),
        ok=not failures,
        failures=failures,
        warnings=output.warnings + _differences(before, output),
        images=asdict(output.images) if output.images else None,
        result=output.result,
        scores=scores,
        row=row.number if row else None,
    )


def _look(real: Path | None, graph: Path | None) -> None:
    """Finds out before the download what would be in the way of a score."""
    if graph and not real:
        raise InputError("--graph judges against real pictures: give --real PATH, too")
    for path in filter(None, (real, graph)):
        if not path.exists():
            raise InputError(f"{path}: not found")


def _note(
    kernel: str, fetched: Fetched, output: Output, ok: bool, before: Row | None
) -> Row | None:
    """Notes what came of a version in its row; None where the ledger could not be written."""
    comment = output.images.comment if output.images else {}
    values = of_run(output.result | comment) | {
        "ok": ok,
        "state": fetched.state,
        "place": fetched.folder,
        "images_sha256": output.sha256,
    }
    if before is None:
        values["source_sha256"] = fetched.source
    elif before.images_sha256 != output.sha256:  # scores of other pictures would be wrong
        values |= dict.fromkeys(SCORES)
    if before and before.commit:  # what the push has noted is of what was pushed
        known = {name for name in PUSHED if getattr(before, name) is not None}
        values = {name: value for name, value in values.items() if name not in known}
    return remember(kernel, fetched.version, **values)


def _differences(pushed: Row | None, output: Output) -> list[str]:
    """What the archive says of its run that is not so of the version that was pushed."""
    if pushed is None or pushed.commit is None or output.images is None:
        return []
    made = of_run(output.images.comment)
    return [
        f"{IMAGES} says another {name} than was pushed as version {pushed.version}"
        for name in ("commit", "recipe", "settings")
        if made.get(name) not in (None, getattr(pushed, name))
    ]


def _known(row: Row | None) -> dict[str, Any] | None:
    """The scores that a row has already."""
    if row is None or row.mifid is None:
        return None
    return {name: getattr(row, name) for name in SCORES}
