"""Folders of the cache that are there whole or not at all, whoever else makes the same ones."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

ATTEMPTS = 3  # to put a folder in its place, where others do the same
ABANDONED = 24 * 3600.0  # seconds after which what nobody has written to is a killed process's


@contextmanager
def appearing(
    folder: Path, check: Callable[[Path], object], damages: tuple[type[Exception], ...]
) -> Iterator[Path]:
    """Gives a folder to fill beside `folder`, and renames it there at the end.

    After an error nothing is left of it. Where another process has put a whole one in that place
    meanwhile, it stays; a damaged one is replaced.

    Args:
        folder: that is to appear, named KIND-KEY; its parents are made.
        check: raises one of `damages` for a folder that is not whole.
        damages: see there.

    Raises:
        OSError: the file system does not take it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    _clear(folder)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        draft = Path(scratch) / "draft"
        draft.mkdir()
        yield draft
        for attempt in range(ATTEMPTS):
            try:
                draft.rename(folder)
                return
            except OSError:  # something is there
                if attempt == ATTEMPTS - 1:
                    raise
            try:
                check(folder)
                return
            except damages:
                with suppress(OSError):  # others may see the same damage, and be faster
                    folder.rename(draft.with_name(f"damaged-{attempt}"))


def _clear(folder: Path) -> None:
    """Removes what killed processes have left half done of its kind; it may be very large."""
    kind = folder.name.partition("-")[0]
    for draft in folder.parent.glob(f".{kind}-*/draft"):
        scratch = draft.parent
        with suppress(OSError):
            newest = max(path.stat().st_mtime for path in [scratch, *scratch.rglob("*")])
            if time.time() - newest > ABANDONED:
                shutil.rmtree(scratch)
