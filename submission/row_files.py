"""A row's archive, where it is still there and still its own."""

from pathlib import Path

from local.errors import InputError
from submission.archive import IMAGES
from submission.ledger import Row
from submission.ledger_rows import digest


def images(row: Row) -> Path:
    """The row's archive.

    Raises:
        InputError: it is gone, or holds other pictures by now.
    """
    if row.place is None or row.images_sha256 is None:
        raise InputError(f"row {row.number}: no {IMAGES} was kept of it")
    place = Path(row.place)
    file = place / IMAGES if place.is_dir() else place
    try:
        same = digest(file) == row.images_sha256
    except OSError as error:
        raise InputError(f"row {row.number}: {file} is gone ({error.strerror})") from None
    if not same:
        raise InputError(f"row {row.number}: {file} has changed since, its pictures are others")
    return file
