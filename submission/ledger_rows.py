"""What a training run leaves in the ledger, and what of any run becomes values of a row."""

import hashlib
import re
from pathlib import Path
from typing import Any

from local.quick import Quick
from mifid.score import label_for, layer_of
from submission.ledger import TRAIN, Ledger, Row, sparing
from submission.printed import is_duration

SCORES = ("fid", "kid", "mifid", "distance", "label")  # by one's own measurement


def of_run(about: dict[str, Any]) -> dict[str, Any]:
    """What a run says of itself, as values of a row.

    Args:
        about: an archive's comment, the last line of a kernel, or its BUILD. It comes from outside,
            so that what is missing or of another type is left out.
    """
    values: dict[str, Any] = {}
    settings, seconds, commit = about.get("recipe"), about.get("seconds"), about.get("commit")
    if isinstance(settings, dict) and isinstance(settings.get("name"), str):
        values |= {"recipe": settings["name"], "settings": settings}
    if isinstance(commit, str) and re.fullmatch(r"[0-9a-f]{40}\+?", commit):
        values["commit"] = commit[:40]
        dirty = commit.endswith("+") or about.get("dirty")
        if isinstance(dirty, bool):  # without a sign of it an archive's comment may be of either
            values["dirty"] = dirty
    if isinstance(about.get("device"), str):
        values["device"] = about["device"]
    minutes = about.get("minutes")
    if minutes is None and isinstance(seconds, dict) and is_duration(seconds.get("train")):
        minutes = seconds["train"] / 60
    numbers = {"minutes": minutes, "kimg": about.get("kimg")}
    return values | {name: number for name, number in numbers.items() if is_duration(number)}


def digest(images: Path) -> str:
    """The SHA-256 of an archive, by which a row knows its own."""
    with images.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember_training(
    folder: Path,
    comment: dict[str, Any],
    *,
    ok: bool | None,
    images: Path | None,
    quick: Quick | None,
    resumed: bool,
) -> None:
    """Adds a run's row, or brings that of a resumed one up to date; warns where it cannot.

    Args:
        folder: of the run.
        comment: its facts, as in its archive's comment.
        ok: whether it went well; None: it was interrupted.
        images: the archive that it wrote in the end; None: none.
        quick: its quick scores.
        resumed: whether it went on from a snapshot.
    """
    place = str(folder.resolve())
    dirty = str(comment["commit"]).endswith("+")
    with sparing():
        values = of_run(comment | {"dirty": dirty}) | {
            "ok": ok,
            "images_sha256": digest(images) if images else None,
        }
        ledger = Ledger()
        before = ledger.find(kind=TRAIN, place=place) if resumed else []
        scores = _quick_score(quick, comment["recipe"]["quick_images"])
        if not before:
            ledger.add(TRAIN, place=place, **values, **scores)
        elif _is_scored(before[-1], values["images_sha256"]):
            ledger.update(before[-1].number, **values)
        else:  # scores of pictures that it no longer has would be wrong
            ledger.update(before[-1].number, **values | dict.fromkeys(SCORES) | scores)


def _is_scored(row: Row, images_sha256: str | None) -> bool:
    """Whether its scores are of these very pictures."""
    return row.mifid is not None and row.images_sha256 == images_sha256 is not None


def _quick_score(quick: Quick | None, images: int) -> dict[str, Any]:
    """The best quick score, whose label says that it is of a few pictures."""
    if quick is None or quick.fid == float("inf"):
        return {}
    reals, network = len(quick.reals.values), quick.network
    label, _ = label_for(network.name, images, reals, None, layer_of(network.identity))
    return {"fid": quick.fid, "label": f"best quick score of {images:,} pictures: {label}"}
