"""Sets that torchvision downloads, kept in the cache, for whoever names one in place of a path."""

import os
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

from local.errors import InputError, reason

# name -> torchvision's class, what it is asked for, and the files that stand for a download
SETS: dict[str, tuple[str, dict[str, str], str]] = {
    "mnist": ("MNIST", {}, "train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz"),
    "cifar10": ("CIFAR10", {}, "cifar-10-python.tar.gz"),
    "celeba": ("CelebA", {"split": "all"}, "img_align_celeba.zip"),
}
TIMEOUT = 30  # seconds without an answer; torchvision's own downloads would wait for ever


def downloaded(name: str, cache: Path) -> Path:
    """The folder of a set in `cache`, downloaded where it is not there yet.

    Args:
        name: of `SETS`.
        cache: the set becomes its folder `name`, which appears when it is complete.

    Raises:
        InputError: it cannot be downloaded.
    """
    folder = cache / name
    if folder.exists():
        return folder
    from torchvision import datasets  # noqa: PLC0415  (it takes a second, and is rarely needed)

    kind, arguments, files = SETS[name]
    print(f"downloading {name} to {folder}", file=sys.stderr, flush=True)
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=cache) as scratch:
        draft = Path(scratch) / "draft"
        draft.mkdir()
        try:
            with _bars_for_people_only(), _time_limit():
                getattr(datasets, kind)(draft, download=True, **arguments)
        except Exception as error:  # torchvision, urllib and gdown raise nearly everything
            raise InputError(
                f"--data {name}: cannot be downloaded ({reason(error).rstrip(':.')}); where there "
                f"is no network, name a folder that holds {files}: --data PATH"
            ) from None
        draft.rename(folder)
    return folder


@contextmanager
def _bars_for_people_only() -> Iterator[None]:
    """What the downloads print goes to stderr if that is a terminal, and otherwise nowhere."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        seen = sys.stderr if sys.stderr.isatty() else nowhere
        with redirect_stdout(seen), redirect_stderr(seen):
            yield


@contextmanager
def _time_limit() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
