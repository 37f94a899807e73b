"""One run a folder: the second one is told, and touches nothing."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import InputError

try:
    import fcntl
except ImportError:  # Windows: no such lock, and no Kaggle either
    fcntl = None  # type: ignore[assignment]


@contextmanager
def exclusive(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Holds the folder itself, so that no file lies in it; the lock ends with the process.

    Where the file system has no locks, there is none.

    Args:
        folder: to hold.
        patience: seconds to wait for a process that holds it.

    Raises:
        InputError: another process holds it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        until = time.monotonic() + patience
        while not _held(descriptor):
            if time.monotonic() >= until:
                told = f"{folder}: another run is at work there; wait for it, or stop it"
                raise InputError(told)
            time.sleep(0.2)
        yield
    finally:
        os.close(descriptor)


def _held(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        pass  # a file system without locks, which is no reason to stop
    return True
