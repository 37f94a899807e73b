"""The ledger as a history: each row beside the one before it, and what its score is worth."""

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from local.recipes.text import readable
from mifid import published, standing
from submission.kernels import FINAL
from submission.ledger import COLUMNS, TRAIN, Row

AS_KAGGLE = "by the published network, all real pictures"
FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what one begins with, in some spreadsheet
MANY = 6  # settings; more are counted and not listed
# Columns beside the ledger's own.
MORE = ("changes", "margin_public", "margin_private", "superseded_by")


@dataclass(frozen=True)
class Line:
    """A row among the others.

    Attributes:
        before: the row before it that has settings too; None: there is none.
        later: the newest version of its kernel, where that is a newer one.
    """

    row: Row
    before: Row | None
    later: int | None

    @property
    def changes(self) -> dict[str, tuple[Any, Any]] | None:
        """The settings that changed, as `differences`; None where there is no row before."""
        if not self.before:
            return None
        return differences(self.before.settings or {}, self.row.settings or {})

    @property
    def what(self) -> list[str]:
        """What kind of row it is, and how it ended, in words."""
        row = self.row
        ends = {True: [], False: ["failed"], None: [self.state] if self.state else []}
        unfinished = ["interrupted"] if row.kind == TRAIN and row.ok is None else []
        return [row.kind, *["staged"] * bool(row.staged), *unfinished, *ends[row.ok]]

    @property
    def state(self) -> str:
        """The session's state in words; empty where it has none.

        Kaggle answers for a kernel's newest version only: what an older one was last seen in, it
        may be in no longer.
        """
        state = (self.row.state or "").lower()
        if state and self.later and self.row.state not in FINAL:
            return f"last seen {state} before v{self.later}"
        return state

    @property
    def kernel(self) -> str:
        """The kernel and its version; empty where it has none."""
        version = f"v{self.row.version}" if self.row.version is not None else ""
        return f"{self.row.kernel or ''} {version}".strip()

    @property
    def commit(self) -> str:
        """The commit's first digits, and whether files had changed since; empty without one."""
        return self.row.commit[:7] + " dirty" * bool(self.row.dirty) if self.row.commit else ""

    @property
    def margin(self) -> float | None:
        """How far the distance is above the public threshold; the private one is not measured."""
        if self.row.distance is None:
            return None
        return float(standing.margins(self.row.distance)["public"])

    def changed(self) -> str:
        """The difference to the row before, in words; empty where there is nothing to say."""
        changes = self.changes
        if self.before is None or changes is None:
            return ""
        other = self.before.recipe != self.row.recipe
        if not changes and not other:
            return f"as row {self.before.number}"
        if len(changes) > MANY:
            return f"{len(changes)} settings differ from row {self.before.number}"
        told = " ".join(f"{name}={setting(new)}" for name, (_, new) in changes.items())
        if other:
            return f"another recipe than row {self.before.number}{': ' * bool(told)}{told}"
        return told

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        margins = standing.margins(self.row.distance) if self.row.distance is not None else {}
        return asdict(self.row) | {
            "compared_with": self.before and self.before.number,
            "changes": self.changes,
            "margin_public": margins.get("public"),
            "margin_private": margins.get("private"),
            "superseded_by": self.later,
        }


def lines(rows: Sequence[Row]) -> list[Line]:
    """The rows in their order, each with the one before."""
    return list(_lines([measured(row) for row in rows]))


def measured(row: Row) -> Row:
    """The row, whose local score is not called Kaggle's: beside Kaggle's own that would mislead."""
    return replace(row, label=AS_KAGGLE) if row.label == published.SCORE else row


def _lines(rows: Sequence[Row]) -> Iterator[Line]:
    newest: dict[str | None, int] = {}
    for row in rows:
        newest[row.kernel] = max(row.version or 0, newest.get(row.kernel, 0))
    before = None
    for row in rows:
        last = newest[row.kernel]
        later = last if row.version and row.version < last else None
        yield Line(row, before if row.settings else None, later)
        before = row if row.settings else before


def differences(old: dict[str, Any], new: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """The settings that are not the same, as (old, new); None: it has no such setting.

    The recipe's name is none of them.
    """
    names = [name for name in {**old, **new} if name != "name"]
    return {
        name: (old.get(name), new.get(name)) for name in names if old.get(name) != new.get(name)
    }


def setting(value: Any) -> str:
    """A setting's value for people."""
    return "none" if value is None else readable(value)


def plain(text: object) -> str:
    """Text for one line of a terminal: what would move its cursor is replaced."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))


def as_csv(found: Sequence[Line]) -> str:
    """All columns of all rows; what is not known is empty, settings are JSON.

    It is for spreadsheets: text that one would take for a formula gets an apostrophe before it.
    """
    file = io.StringIO()
    writer = csv.DictWriter(file, [*COLUMNS, *MORE], extrasaction="ignore")
    writer.writeheader()
    for line in found:
        settings = line.row.settings and json.dumps(line.row.settings)
        about = line.as_dict() | {"settings": settings, "changes": line.changed()}
        writer.writerow({name: _cell(value) for name, value in about.items()})
    return file.getvalue()


def _cell(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
