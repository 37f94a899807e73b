"""Pictures in motion, as GIF or WebP through Pillow; both play in a loop by themselves."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from PIL import Image

UNITS = {".gif": 10, ".webp": 1}  # milliseconds: a picture stays for a whole number of them
WEBP: dict[str, Any] = {"quality": 85, "method": 4}


def stay(kind: str, fps: float) -> int:
    """Milliseconds that a picture stays: the nearest that the kind can have."""
    unit = UNITS[kind]
    return max(1, round(1000 / fps / unit)) * unit


def write(file: Path | BinaryIO, kind: str, frames: Iterable[np.ndarray], fps: float) -> None:
    """Writes a loop.

    Args:
        file: where to.
        kind: one of UNITS.
        frames: pictures (H, W, 3) uint8 of one size, at least one; taken one by one.
        fps: pictures a second, of which `stay` makes what the kind can have.
    """
    pictures = (_with_palette(frame) if kind == ".gif" else _picture(frame) for frame in frames)
    first = next(pictures)
    first.save(
        file,
        kind.removeprefix("."),
        save_all=True,
        append_images=pictures,
        duration=stay(kind, fps),
        loop=0,
        **(WEBP if kind == ".webp" else {}),
    )


def _picture(frame: np.ndarray) -> Image.Image:
    return Image.fromarray(frame)


def _with_palette(frame: np.ndarray) -> Image.Image:
    """In its own 256 colours, not dithered: dots that change from picture to picture flicker."""
    return _picture(frame).quantize(256, dither=Image.Dither.NONE)
