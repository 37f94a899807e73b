"""The ledger: a row for each run, rehearsal and version on Kaggle, in one SQLite file.

Every write is one transaction that takes the file's lock at its start, so two processes lose
nothing of each other's, and one that is killed leaves what was there before. SQLite's usual journal
does that; its write-ahead log would too, but not on a network's disk.
"""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from local.errors import InputError, reason
from local.progress import say
from local.project import ROOT

FILE = Path(os.environ.get("DOGS_LEDGER") or ROOT / "runs" / "ledger.sqlite")
TRAIN, REHEARSAL, VERSION = "train", "rehearsal", "version"  # kinds of rows
PATIENCE = 30.0  # seconds that a process waits for another one's transaction
MARK = 0x444F4753  # SQLite's application_id: "DOGS"


@dataclass(frozen=True)
class Row:
    """What is remembered of a run; None: not known, or of no meaning for its kind."""

    number: int
    at: str  # when the row was added: UTC, ISO 8601
    kind: str
    ok: bool | None
    commit: str | None  # 40 hexadecimal digits
    dirty: bool | None  # whether files had changed since that commit
    recipe: str | None
    settings: dict[str, Any] | None  # all of the recipe
    kernel: str | None  # "owner/slug"
    version: int | None  # of the kernel, by Kaggle's count
    source_sha256: str | None  # of the built kernel: the bytes that were rehearsed or pushed
    staged: bool | None  # of a rehearsal: not a plain one, so it proves less
    device: str | None
    minutes: float | None  # of training
    kimg: float | None  # thousands of pictures shown
    images_sha256: str | None  # of its images.zip
    fid: float | None
    kid: float | None
    mifid: float | None
    distance: float | None  # memorization distance
    label: str | None  # what the four scores may be called
    public: float | None  # Kaggle's score
    private: float | None
    submission: str | None  # Kaggle's id of it
    state: str | None  # of a kernel's session, in Kaggle's words
    forced: str | None  # what was overridden at a push
    place: str | None  # folder or archive where its files lie
    note: str | None


COLUMNS = tuple(field.name for field in fields(Row))
FLAGS = ("ok", "dirty", "staged")  # SQLite keeps them as 0 and 1

# Step N takes a file from schema version N to N + 1. A step that was published is never changed,
# and a new one never drops or renames a column.
STEPS: list[Callable[[sqlite3.Connection], object]] = [
    lambda connection: connection.execute(
        """CREATE TABLE rows (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL,
        ok INTEGER, "commit" TEXT, dirty INTEGER, recipe TEXT, settings TEXT, kernel TEXT,
        version INTEGER, source_sha256 TEXT, staged INTEGER, device TEXT, minutes REAL, kimg REAL,
        images_sha256 TEXT, fid REAL, kid REAL, mifid REAL, distance REAL, label TEXT, public REAL,
        private REAL, submission TEXT, state TEXT, forced TEXT, place TEXT, note TEXT)"""
    ),
]


class Ledger:
    """The rows of one file, which is made at the first write.

    Every method raises InputError where the file is damaged, no ledger, of a newer version or out
    of reach, and OSError where another process holds it for too long or the disk is full; the file
    is left as it was.
    """

    def __init__(self, file: Path | None = None) -> None:
        self.file = file or FILE

    def add(self, kind: str, **values: Any) -> int:
        """Adds a row of a kind, with values by their names in `Row`; returns its number."""
        given = _packed({"at": datetime.now(UTC).isoformat(timespec="seconds")} | values)
        names, marks = _listed(["kind", *given]), ", ".join("?" * (len(given) + 1))
        with self._writing() as connection:
            added = connection.execute(
                f"INSERT INTO rows ({names}) VALUES ({marks})", [kind, *given.values()]
            )
        assert added.lastrowid is not None
        return added.lastrowid

    def update(self, number: int, **values: Any) -> None:
        """Changes these values of a row, and no others.

        Raises:
            InputError: there is no such row.
        """
        given = _packed(values)
        change = ", ".join(f'"{name}" = ?' for name in given)
        with self._writing() as connection:
            changed = connection.execute(
                f"UPDATE rows SET {change} WHERE number = ?", [*given.values(), number]
            )
            if not changed.rowcount:
                raise self._missing(number)

    def note(self, number: int, text: str) -> None:
        """Gives a row its note, in place of the one before.

        Raises:
            InputError: there is no such row.
        """
        self.update(number, note=text)

    def row(self, number: int) -> Row:
        """The row of a number.

        Raises:
            InputError: there is no such row.
        """
        found = self.find(number=number)
        if not found:
            raise self._missing(number)
        return found[0]

    def rows(self) -> list[Row]:
        """All rows, oldest first."""
        return self.find()

    def find(self, **values: Any) -> list[Row]:
        """The rows that have all these values, oldest first."""
        given = _packed(values)
        wanted = " AND ".join(["TRUE", *(f'"{name}" IS ?' for name in given)])
        query = f"SELECT {_listed(COLUMNS)} FROM rows WHERE {wanted} ORDER BY number"
        if not self.file.exists():
            return []
        with self._connected("rw") as connection:
            if not self._version(connection):
                return []  # another process is about to make it
            self._migrate(connection)
            return [self._row(found) for found in connection.execute(query, [*given.values()])]

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all of it is written at the end, or nothing."""
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(self._said("cannot be opened or written", error)) from None
        with self._connected("rwc") as connection:
            self._migrate(connection)
            with _transaction(connection):
                yield connection

    @contextmanager
    def _connected(self, mode: str) -> Iterator[sqlite3.Connection]:
        address = f"{self.file.absolute().as_uri()}?mode={mode}"
        try:
            with closing(
                sqlite3.connect(address, uri=True, timeout=PATIENCE, isolation_level=None)
            ) as connection:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != ("ok",):
                    raise InputError(self._said("is damaged", found[0]))
                yield connection
        except sqlite3.Error as error:
            raise self._explained(error) from None

    def _migrate(self, connection: sqlite3.Connection) -> None:
        """Brings the file to this version, all steps or none."""
        if self._version(connection) == len(STEPS):
            return
        with _transaction(connection):
            # Asked again under the lock: another process may have been faster.
            for step in STEPS[self._version(connection) :]:
                step(connection)
            connection.execute(f"PRAGMA application_id = {MARK}")
            connection.execute(f"PRAGMA user_version = {len(STEPS)}")

    def _version(self, connection: sqlite3.Connection) -> int:
        """The file's schema version; 0: it is empty. Refuses what this version cannot read."""
        # In one statement: another process may be making the file between two.
        mark, version, holds = connection.execute(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master)"
            " FROM pragma_application_id, pragma_user_version"
        ).fetchone()
        if mark != MARK and (holds or version):
            raise InputError(f"{self.file}: a database, but no ledger; name another, $DOGS_LEDGER")
        if version > len(STEPS):
            raise InputError(
                f"{self.file}: a ledger of version {version}, and this kit knows {len(STEPS)} at"
                " most; update the kit"
            )
        return int(version)

    def _row(self, found: tuple[Any, ...]) -> Row:
        values = dict(zip(COLUMNS, found, strict=True))
        for name in FLAGS:
            values[name] = None if values[name] is None else bool(values[name])
        try:
            values["settings"] = json.loads(values["settings"] or "null")
        except ValueError as error:
            raise InputError(self._said(f"is damaged in row {values['number']}", error)) from None
        return Row(**values)

    def _missing(self, number: int) -> InputError:
        return InputError(f"no row {number} in {self.file}; `python -m submission history` has all")

    def _explained(self, error: sqlite3.Error) -> InputError | OSError:
        """What SQLite's error means for who wants to use the file."""
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF  # the primary one
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
            return InputError(self._said("is damaged, or no ledger", error))
        if code in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM):
            return InputError(self._said("cannot be opened or written", error))
        return OSError(f"{self.file}: {error}")

    def _said(self, what: str, error: object) -> str:
        why = " ".join(str(error.strerror if isinstance(error, OSError) else error).split())
        return f"{self.file}: {what} ({why}); move it away, or name another, $DOGS_LEDGER"


@contextmanager
def sparing() -> Iterator[None]:
    """Lets the ledger's errors pass with a warning: hours of work must not fail for a row."""
    try:
        yield
    except (InputError, OSError) as error:
        say(f"warning: not in the ledger: {reason(error)}")


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _packed(values: dict[str, Any]) -> dict[str, Any]:
    """The values as SQLite keeps them."""
    unknown = values.keys() - set(COLUMNS)
    if unknown:
        raise TypeError(f"no column of the ledger: {', '.join(sorted(unknown))}")
    return {name: _pack(value) for name, value in values.items()}


def _pack(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True)
    if isinstance(value, Path | str):  # a file's name may hold what is no text
        return str(value).encode(errors="backslashreplace").decode()
    return value


def _listed(names: list[str] | tuple[str, ...]) -> str:
    return ", ".join(f'"{name}"' for name in names)
