"""Two rows of the ledger side by side: facts, settings, curves, pictures."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any
from zipfile import BadZipFile

import numpy as np

from local.errors import InputError, reason
from submission import archive, row_files
from submission.compare_curves import Curves, curves
from submission.history import differences, measured
from submission.ledger import VERSION, Row

FACTS = {  # of a row, with the format of a number
    "kind": "",
    "at": "",
    "ok": "",
    "commit": "",
    "dirty": "",
    "recipe": "",
    "kernel": "",
    "version": "d",
    "staged": "",
    "device": "",
    "minutes": ",.1f",
    "kimg": ",.1f",
    "fid": ".5g",
    "kid": ".5g",
    "mifid": ".5g",
    "distance": ".4f",
    "label": "",
    "public": ".5g",
    "private": ".5g",
    "state": "",
    "forced": "",
    "place": "",
    "note": "",
}
PICTURES = 64  # of each, on the page


@dataclass(frozen=True)
class Side:
    """A row, and what its files say.

    curves: of its log, empty where it has none.
    pictures: of its archive, (N, 64, 64, 3) uint8; None: there are none.
    missing: why there are no pictures.
    """

    row: Row
    curves: Curves
    pictures: np.ndarray | None
    missing: str

    def ends(self) -> dict[str, float]:
        """The last value of each curve."""
        return {name: points[-1][1] for name, points in self.curves.items()}


def side(row: Row) -> Side:
    """Reads what is left of a row's files."""
    try:
        if row.kind == VERSION and row.ok is False:  # what nobody has checked may be anything
            raise InputError(f"row {row.number}: what Kaggle gave was not valid")
        pictures, missing = archive.pixels(row_files.images(row), PICTURES), ""
    except InputError as error:
        pictures, missing = None, str(error)
    except (OSError, ValueError, BadZipFile) as error:
        pictures, missing = None, f"row {row.number}: its archive cannot be read ({reason(error)})"
    return Side(measured(row), curves(row), pictures, missing)


def as_dict(sides: Sequence[Side]) -> dict[str, Any]:
    """The comparison for JSON: what differs as lists of two."""
    a, b = (asdict(side.row) for side in sides)
    ends = [side.ends() for side in sides]
    return {
        "rows": [a, b],
        "settings": settings(sides),
        "remarks": remarks(sides),
        "curves": {name: [end.get(name) for end in ends] for name in {**ends[0], **ends[1]}},
    }


def settings(sides: Sequence[Side]) -> dict[str, tuple[Any, Any]]:
    """The settings that are not the same; none where a row has no settings."""
    a, b = (side.row.settings for side in sides)
    return differences(a, b) if a and b else {}


def remarks(sides: Sequence[Side]) -> list[str]:
    """What is to be minded, a sentence each."""
    found = []
    labels = [side.row.label for side in sides]
    if all(labels) and labels[0] != labels[1]:
        found.append("The scores measured here are of two kinds, and do not compare.")
    for row in (side.row for side in sides):
        if not row.settings:
            found.append(f"Row {row.number} does not know its settings.")
        if row.dirty:
            found.append(f"Row {row.number} is of files that had changed since its commit.")
        if row.staged:
            found.append(f"Row {row.number} is a staged rehearsal, which proves less.")
    return found + [f"Pictures: {side.missing}." for side in sides if side.missing]
