"""Pictures on their way out: rounded to bytes, and laid out on sheets."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from local.atomic import replacing
from submission import archive


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


def sheet(pictures: np.ndarray, columns: int | None = None, scale: int = 1) -> Image.Image:
    """Pictures (N, H, W, 3) uint8 side by side, row by row, with a gap of two pixels."""
    count, height, width, _ = pictures.shape
    columns = columns or math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    image = np.full((rows * (height + 2) - 2, columns * (width + 2) - 2, 3), 255, np.uint8)
    for i, picture in enumerate(pictures):
        y, x = (i // columns) * (height + 2), (i % columns) * (width + 2)
        image[y : y + height, x : x + width] = picture
    result = Image.fromarray(image)
    return result.resize((result.width * scale, result.height * scale), Image.Resampling.NEAREST)


def save_png(image: Image.Image, path: Path) -> None:
    """Writes a PNG by rename."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as partial:
        image.save(partial, format="PNG")
