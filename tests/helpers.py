"""What several test files use: the project's root, and small dogs made here."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]


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


def zip_folder(folder: Path, to: Path, prefix: str = "") -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            archive.write(file, prefix + file.relative_to(folder).as_posix())
    return to


def refused(words: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Bad input of `python -m local`: exit code 2, and one line that says what is wrong."""
    from local.__main__ import main  # here: conftest.py chooses what is loaded first

    capsys.readouterr()
    try:
        code = main(words)
    except SystemExit as error:  # argparse's own
        code = error.code
    told = capsys.readouterr()
    assert code == 2 and told.out == ""
    assert says in told.err and len(told.err.strip().splitlines()) == 1


def damage_member(archive: Path, name: str) -> None:
    """Changes a byte of a member's content, so that its checksum is wrong."""
    with zipfile.ZipFile(archive) as opened:
        offset = opened.getinfo(name).header_offset
    data = bytearray(archive.read_bytes())
    data[offset + 200] ^= 0xFF
    archive.write_bytes(data)
