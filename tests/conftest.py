"""Data that tests share: small dogs made here, and the real ones where they are."""

import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

# Of small matrices; its threads spin while they wait. Before SciPy is loaded, which reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from helpers import ROOT, noise, voc

# TensorFlow and Triton (which torch imports at an optimiser's first step) each bring LLVM, and
# the process aborts unless Triton's is loaded first.
with suppress(ImportError):
    import triton  # noqa: F401

BREEDS = {"n00000001": "Red_dog", "n00000002": "Blue_dog"}


def pytest_configure(config: pytest.Config) -> None:
    """Keeps tests, and the processes that they start, out of the project's own ledger.

    What a script starts in the background ignores Ctrl-C, and hands that on; tests send one.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    folder = tempfile.mkdtemp(prefix="ledger-")
    os.environ["DOGS_LEDGER"] = str(Path(folder) / "ledger.sqlite")  # read at an import
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real pictures and graphs; without it the test is skipped."""
    folder = Path(os.environ.get("DOGS_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip(f"needs the shared data, and {folder} is not there (or set DOGS_SHARED)")
    return folder


@pytest.fixture(scope="session")
def real_dogs(shared: Path) -> Path:
    return shared / "data" / "generative-dog-images.zip"


@pytest.fixture
def make_dogs(tmp_path: Path) -> Callable[..., Path]:
    """Makes a folder with `all-dogs` and `Annotation`: 100x80 noise, each with one box."""

    def make(count: int = 6, name: str = "dogs") -> Path:
        root = tmp_path / name
        (root / "all-dogs").mkdir(parents=True)
        for i in range(count):
            wnid = list(BREEDS)[i % 2]
            noise(100, 80, i).save(root / "all-dogs" / f"{wnid}_{i}.jpg", quality=95)
            folder = root / "Annotation" / f"{wnid}-{BREEDS[wnid]}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{wnid}_{i}").write_text(voc([(10, 10, 60, 70)]))
        return root

    return make
