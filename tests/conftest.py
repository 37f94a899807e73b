"""Data that tests share: small dogs made here, and the real ones where they are."""

import os
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

# TensorFlow and Triton (which torch imports at an optimiser's first step) each bring LLVM, and
# the process aborts unless Triton's is loaded first.
with suppress(ImportError):
    import triton  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]
BREEDS = {"n00000001": "Red_dog", "n00000002": "Blue_dog"}


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


def voc(boxes: list[tuple[float, ...]]) -> str:
    objects = "".join(
        "<object><name>dog</name><bndbox>"
        + "".join(
            f"<{k}>{v}</{k}>" for k, v in zip(("xmin", "ymin", "xmax", "ymax"), b, strict=True)
        )
        + "</bndbox></object>"
        for b in boxes
    )
    return f"<annotation><size><width>100</width></size>{objects}</annotation>"


def noise(width: int, height: int, seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    return Image.fromarray(pixels)


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


def zip_folder(folder: Path, to: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return to
