"""One run a folder: the second one is told, and touches nothing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: no such lock, and no Kaggle either
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """Holds the folder itself, so that no file lies in it; the lock ends with the process.

    Where the file system has no locks, there is none.

    Raises:
        InputError: another process holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(
                f"{folder}: another run is at work there; wait for it, or stop it"
            ) from None
        except OSError:
            pass  # a file system without locks, which is no reason to stop
        yield
    finally:
        os.close(descriptor)
