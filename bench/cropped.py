"""Real pictures, whole and under each crop policy: the sets that `python -m bench floor` scores."""

import io
from collections.abc import Container
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from local.data import crops
from local.data.competition import Collection, Picture, find
from local.data.files import read
from local.data.prepared import crop_all
from local.errors import InputError
from mifid.pictures import evenly_spaced
from mifid.published import SIZE

# Every policy beside `squash` itself. `face` is for CelebA alone, and `box` for dogs.
POLICIES = tuple(p for p in crops.POLICIES if p not in ("squash", "face"))


def chosen(path: Path, limit: int | None, annotated: bool) -> Collection:
    """The pictures at `path` that are to be looked at, an even number; none is opened yet.

    Args:
        path: as for `prepare`.
        limit: twice as many are taken, evenly spaced in the order of their names; None takes all.
        annotated: take only pictures that have an annotation.

    Raises:
        InputError: as `find`, or there are fewer than 4.
    """
    collection = find(path)
    pictures = [p for p in collection.pictures if p.annotation or not annotated]
    half = min(limit or len(pictures), len(pictures) // 2)
    if half < 2:
        which = "pictures with an annotation" if annotated else "pictures"
        raise InputError(
            f"{path}: {half} of {len(pictures)} {which} a half, and a score needs 2; raise --limit"
            " or name a larger set"
        )
    taken = evenly_spaced(len(pictures), 2 * half)
    return replace(collection, pictures=[pictures[i] for i in taken])


def named(collection: Collection, names: Container[str]) -> Collection:
    """Only those of its pictures that have these names."""
    return replace(collection, pictures=[p for p in collection.pictures if p.name in names])


def whole(collection: Collection) -> tuple[list[str], np.ndarray]:
    """Names of the pictures that decode, an even number, and these squashed, (N, 64, 64, 3) uint8.

    Raises:
        InputError: as `prepare`, or there are fewer than 4.
    """
    dogs = crop_all(collection, SIZE, "squash")
    even = len(dogs) // 2 * 2
    if even < 4:
        raise InputError(
            f"{len(dogs)} of {len(collection.pictures)} pictures decode, and a score needs 2 a"
            " half; raise --limit or name a larger set"
        )
    return dogs.sources[:even], _channels_last(dogs.pictures[:even])


def cropped(collection: Collection, policy: str) -> tuple[list[str], np.ndarray]:
    """Crops (M, 64, 64, 3) uint8 of its pictures, as training has them, and whose each is.

    Raises:
        InputError: there are none.
    """
    try:
        dogs = crop_all(collection, SIZE, policy)
    except InputError as error:
        raise InputError(f"crop={policy}: {error}; raise --limit or name a larger set") from None
    return dogs.sources, _channels_last(dogs.pictures[:])


def coarse(collection: Collection, squashed: dict[str, np.ndarray]) -> np.ndarray:
    """Whole pictures with no more detail than their own box crops have, one for each such crop.

    A box of fewer than 64 pixels a side is enlarged, so that its crop is blurred. Beside the row of
    `box` this one tells how much of that is blur, which larger pictures of the same dogs would not
    have.

    Args:
        collection: with the pictures, of which only the sizes are read.
        squashed: these whole, (64, 64, 3) uint8 by name.
    """
    found: list[np.ndarray] = []
    for picture in collection.pictures:
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
