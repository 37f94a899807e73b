"""The ledger's row of a version on Kaggle, whether it was pushed by this kit or not."""

from typing import Any

from submission import kernels
from submission.kernels import Session
from submission.ledger import VERSION, Ledger, Row, sparing


def row_of(kernel: str, version: int) -> Row | None:
    """The last row of a version; None: the ledger knows nothing of it.

    Raises:
        As `Ledger`.
    """
    rows = Ledger().find(kind=VERSION, kernel=kernel, version=version)
    return rows[-1] if rows else None


def remember(kernel: str, version: int, **values: Any) -> Row | None:
    """Notes values in a version's row, or in a new one; returns it.

    None after a warning: the ledger could not be written.
    """
    with sparing():
        ledger, before = Ledger(), row_of(kernel, version)
        if before is None:
            number = ledger.add(VERSION, kernel=kernel, version=version, **values)
        else:
            number = before.number
            ledger.update(number, **values)
        return ledger.row(number)
    return None


def note_session(row: Row | None, session: Session) -> None:
    """Notes a session's state in the row of its version; one that came to nothing is not ok."""
    if row:
        failed = session.ended and session.state != kernels.COMPLETE
        with sparing():
            Ledger().update(row.number, state=session.state, **({"ok": False} if failed else {}))
