"""Real pictures, whole and under each crop policy: the sets that `python -m bench floor` scores."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from local.data import crops
from local.data.competition import Picture, find
from local.data.files import read
from local.data.prepared import prepare
from local.errors import InputError
from local.project import CACHE
from mifid.pictures import evenly_spaced
from mifid.published import SIZE

# Every policy that gives one kind of crop, beside `squash` itself. `face` is for CelebA alone, and
# `box` for dogs.
POLICIES = tuple(p for p in crops.POLICIES if p not in ("squash", "face") and "+" not in p)


def whole(path: Path, limit: int | None, annotated: bool) -> tuple[list[str], np.ndarray]:
    """Names of the pictures at `path`, an even number, and these squashed, (N, 64, 64, 3) uint8.

    Args:
        path: as for `prepare`.
        limit: twice as many are taken, evenly spaced in the order of their names; None takes all.
        annotated: take only pictures that have an annotation.

    Raises:
        InputError: as `prepare`, or there are fewer than 4.
    """
    dogs = prepare(path, SIZE, "squash", CACHE)
    rows = list(range(len(dogs)))
    if annotated:
        boxed = with_annotation(path)
        rows = [row for row in rows if dogs.sources[row] in boxed]
    half = min(limit or len(rows), len(rows) // 2)
    if half < 2:
        which = "pictures with an annotation" if annotated else "pictures"
        raise InputError(
            f"{path}: {half} of {len(rows)} {which} a half, and a score needs 2; raise --limit or"
            " name a larger set"
        )
    chosen = [rows[i] for i in evenly_spaced(len(rows), 2 * half)]
    return [dogs.sources[row] for row in chosen], _channels_last(dogs.pictures[chosen])


def with_annotation(path: Path) -> set[str]:
    """Names of the pictures that have one."""
    return {picture.name for picture in find(path).pictures if picture.annotation}


def cropped(path: Path, policy: str, names: set[str]) -> tuple[list[str], np.ndarray]:
    """Crops (M, 64, 64, 3) uint8 of the named pictures, as training has them, and whose each is."""
    dogs = prepare(path, SIZE, policy, CACHE)
    rows = [row for row, source in enumerate(dogs.sources) if source in names]
    return [dogs.sources[row] for row in rows], _channels_last(dogs.pictures[rows])


def coarse(path: Path, squashed: dict[str, np.ndarray]) -> np.ndarray:
    """Whole pictures with no more detail than their own box crops have, one for each such crop.

    A box of fewer than 64 pixels a side is enlarged, so that its crop is blurred. Beside the row of
    `box` this one tells how much of that is blur, which larger pictures of the same dogs would not
    have.

    Args:
        path: as for `prepare`.
        squashed: (64, 64, 3) uint8 by name.
    """
    found: list[np.ndarray] = []
    for picture in find(path).pictures:
        if picture.name in squashed:
            image = Image.fromarray(squashed[picture.name])
            found += [_through(image, side) for side in _sides(picture)]
    return np.array(found, np.uint8).reshape(-1, SIZE, SIZE, 3)


def _sides(picture: Picture) -> list[tuple[int, int]]:
    """Width and height of a picture's box crops, pixels, before they are resized."""
    try:
        boxes = picture.boxes()
    except (ValueError, OSError):  # as if there were none: so does `prepare`
        boxes = None
    with Image.open(io.BytesIO(read(picture.file))) as image:
        found = crops.regions("box", *image.size, boxes)
    return [(right - left, bottom - top) for left, top, right, bottom in found]


def _through(image: Image.Image, side: tuple[int, int]) -> np.ndarray:
    """The picture, made no larger than that and resized back."""
    small = image.resize((min(side[0], SIZE), min(side[1], SIZE)), Image.Resampling.LANCZOS)
    return np.asarray(small.resize((SIZE, SIZE), Image.Resampling.LANCZOS))


def _channels_last(pictures: torch.Tensor) -> np.ndarray:
    array: np.ndarray = pictures.permute(0, 2, 3, 1).contiguous().numpy()
    return array
