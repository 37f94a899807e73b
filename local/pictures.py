"""Pictures on their way out: rounded to bytes, and laid out on sheets."""

import io
import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from local.atomic import replacing
from submission import archive

GAP = 2  # pixels between the pictures of a sheet
QUALITY = 90  # of a JPEG: photographs are a fifth as large as in a PNG


def to_bytes(pictures: Tensor) -> np.ndarray:
    """Pictures (N, 3, H, W) in -1..1 to (N, H, W, 3) uint8, rounded to the nearest.

    Truncation would darken every picture by half a level, and the metric sees it.
    """
    levels = pictures.float().add(1).mul(127.5).round_().clamp_(0, 255)
    return levels.to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()


def submitted(batches: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Batches (N, H, W, 3) uint8 in the size that Kaggle takes, as the metric resizes real ones."""
    for batch in batches:
        if batch.shape[1] == archive.SIZE:
            yield batch
        else:
            yield np.stack([_resize(picture) for picture in batch])


def _resize(picture: np.ndarray) -> np.ndarray:
    size = (archive.SIZE, archive.SIZE)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def sheet(
    pictures: np.ndarray, columns: int | None = None, scale: int = 1, gap: str = "white"
) -> Image.Image:
    """Pictures (N, H, W, 3) uint8 side by side, row by row, GAP pixels of a colour between them."""
    count, height, width, _ = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    down, across = height + GAP, width + GAP
    image = Image.new("RGB", (columns * across - GAP, rows * down - GAP), gap)
    for i, picture in enumerate(pictures):
        image.paste(Image.fromarray(picture), (i % columns * across, i // columns * down))
    return image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)


def encoded(image: Image.Image, kind: str, quality: int = QUALITY) -> bytes:
    """The bytes of a PNG or a JPEG."""
    file = io.BytesIO()
    if kind == "JPEG":
        image.convert("RGB").save(file, format=kind, quality=quality, subsampling=0)
    else:
        image.save(file, format=kind)
    return file.getvalue()


def save_png(image: Image.Image, path: Path) -> None:
    """Writes a PNG by rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        image.save(partial, format="PNG")
