"""From pictures as they lie on a disk to crops of one size, in order, a few at a time."""

import io
import os
import sys
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

import numpy as np
from PIL import Image
from tqdm import tqdm

from local.data.competition import Collection, Picture
from local.data.crops import Region, left_out, regions
from local.data.files import read
from local.errors import InputError

TOGETHER = 16  # pictures of a task: handing one over costs a tenth of a small picture's decoding
AHEAD = 2  # tasks a thread that may wait for an earlier one; more would fill the memory
Crops = list[np.ndarray]  # (3, P, P) uint8 each
Given = TypeVar("Given")
Made = TypeVar("Made")


def cropped(
    collection: Collection, size: int, crop: str, crops: int
) -> Iterator[tuple[Picture, Crops, Counter[str]]]:
    """Each picture with its crops, and what to count: `not_decoded` and the like.

    Args:
        collection: whose pictures they are.
        size: side of a crop, pixels.
        crop, crops: as for `local.data.prepared.prepare`.

    Raises:
        InputError: a picture bomb.
    """
    pictures = collection.pictures
    # Pillow releases the interpreter's lock while it decodes and resizes: threads are enough.
    threads = os.cpu_count() or 1
    with (
        ThreadPoolExecutor(threads) as pool,
        warnings.catch_warnings(),
        tqdm(total=len(pictures), desc="pictures", disable=None, leave=False) as bar,
    ):
        warnings.simplefilter("ignore")  # about EXIF and palettes; bombs are refused below
        work = _in_order(
            pool,
            lambda some: [(picture, *_crops(picture, size, crop, crops)) for picture in some],
            (pictures[i : i + TOGETHER] for i in range(0, len(pictures), TOGETHER)),
            AHEAD * threads,
        )
        for done in work:
            yield from done
            bar.update(len(done))


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB: 16 bits of grey are scaled, where `convert` alone cuts them off."""
    if image.mode == "RGB":
        image.load()  # `convert` would copy it, too
        return image
    if image.mode.startswith("I;16"):
        image = image.point(lambda level: level / 256).convert("L")
    return image.convert("RGB")


def _in_order(
    pool: ThreadPoolExecutor, work: Callable[[Given], Made], items: Iterable[Given], ahead: int
) -> Iterator[Made]:
    """As `pool.map`, which would begin with all of them at once."""
    left = iter(items)
    begun: deque[Future[Made]] = deque(pool.submit(work, item) for item in islice(left, ahead))
    try:
        while begun:
            made = begun.popleft().result()
            begun.extend(pool.submit(work, item) for item in islice(left, 1))
            yield made
    finally:  # after an error nobody waits for the rest
        for future in begun:
            future.cancel()


def _crops(picture: Picture, size: int, crop: str, crops: int) -> tuple[Crops, Counter[str]]:
    notes: Counter[str] = Counter()
    try:
        boxes = picture.boxes()
    except (ValueError, OSError):
        boxes = None
        notes["annotations_not_read"] = 1
    try:
        image = _decode(picture)
    except InputError:
        raise
    except Exception:  # on damaged files Pillow raises nearly everything
        notes["not_decoded"] = 1
        return [], notes
    # By the name alone: Kaggle has the pictures in other folders, and should draw the same crops.
    found = regions(crop, *image.size, boxes, picture.file.path.name, crops)
    if missing := left_out(crop, *image.size, boxes):
        notes["boxes_left_out"] = missing
    return [_resize(_part(image, region), size) for region in found], notes


def _part(image: Image.Image, region: Region) -> Image.Image:
    """The region of the picture; the whole of it is no copy."""
    return image if region == (0, 0, *image.size) else image.crop(region)


def _resize(image: Image.Image, size: int) -> np.ndarray:
    resized = np.asarray(image.resize((size, size), Image.Resampling.LANCZOS))
    return np.ascontiguousarray(resized.transpose(2, 0, 1))


def _decode(picture: Picture) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS or sys.maxsize
    try:
        image: Image.Image = Image.open(io.BytesIO(read(picture.file)))
        is_bomb = image.width * image.height > limit  # where Pillow only warns
    except Image.DecompressionBombError:
        is_bomb = True
    if is_bomb:
        raise InputError(
            f"{picture.name}: over {limit:,} pixels, a picture bomb by Pillow's limit; remove it"
        )
    return to_rgb(image)
