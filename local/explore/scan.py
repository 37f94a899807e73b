"""The one pass over all pictures: each is read and decoded once, and everything is taken from that.

A large JPEG is decoded at the smallest of its cheap scales (Pillow's `draft`) that is still twice
as large as the thumbnail, which is then, within a level or so, what the whole picture gives.
Colours, means and duplicates are those of pictures squashed to 64x64, which is how the metric sees
its real set; sizes are read from the header and boxes from the annotation.
"""

import hashlib
import io
import os
import sys
import warnings
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, UnidentifiedImageError
from tqdm import tqdm

from local.data.competition import Box, Collection, Picture
from local.data.cropping import to_rgb
from local.data.files import read
from local.errors import reason

SIDE = 64  # of a thumbnail, pixels: what is trained and scored
TINY = 16  # of the grey picture that duplicates are told by
ORIENTATION = 0x0112  # EXIF's tag; 1 is upright


@dataclass(frozen=True)
class Seen:
    """What one file told about itself; what could not be read is empty or 0, and says why."""

    picture: Picture
    bytes: int
    digest: str  # of the content
    format: str  # as the content says, whatever the name
    mode: str  # Pillow's: RGB, L, CMYK ...
    width: int  # pixels
    height: int
    turned: bool  # EXIF asks to show it otherwise than it is stored
    problem: str  # why there are no pixels
    boxes: list[Box] | None
    declared: tuple[int, int] | None  # width and height by the annotation
    annotation_problem: str


@dataclass
class Pixels:
    """Sums over the pictures of a breed."""

    pictures: int = 0
    total: np.ndarray = field(default_factory=lambda: np.zeros((SIDE, SIDE, 3)))
    squares: np.ndarray = field(default_factory=lambda: np.zeros((SIDE, SIDE, 3)))
    histogram: np.ndarray = field(default_factory=lambda: np.zeros((3, 256)))  # pixels a level

    def add(self, other: "Pixels") -> None:
        """Adds the sums of others."""
        self.pictures += other.pictures
        self.total += other.total
        self.squares += other.squares
        self.histogram += other.histogram


@dataclass(frozen=True)
class Scan:
    """All files in the collection's order, and the pixels of those that decode."""

    seen: list[Seen]
    breeds: dict[str, Pixels]
    tiny: np.ndarray  # (M, TINY, TINY) uint8 grey, of `decoded`
    decoded: list[int]  # M indices into `seen`


def scan(collection: Collection) -> Scan:
    """Looks at every picture once, in as many threads as there are processors."""
    seen: list[Seen] = []
    breeds: dict[str, Pixels] = defaultdict(Pixels)
    tiny, decoded = [], []
    for about, thumbnail in _looks(collection.pictures):
        if thumbnail is not None:
            pixels = np.asarray(thumbnail, np.float64)
            histogram = np.reshape(thumbnail.histogram(), (3, 256))
            breeds[about.picture.breed].add(Pixels(1, pixels, pixels**2, histogram))
            tiny.append(np.asarray(thumbnail.convert("L").reduce(SIDE // TINY)))
            decoded.append(len(seen))
        seen.append(about)
    stacked = np.stack(tiny) if tiny else np.zeros((0, TINY, TINY), np.uint8)
    return Scan(seen, dict(breeds), stacked, decoded)


def _looks(pictures: list[Picture]) -> Iterator[tuple[Seen, Image.Image | None]]:
    # Pillow releases the interpreter's lock while it decodes and resizes: threads are enough.
    with ThreadPoolExecutor(os.cpu_count()) as pool, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about EXIF, palettes and sizes: told as odd files
        work = pool.map(_look, pictures)
        try:
            yield from tqdm(
                work, "pictures", len(pictures), unit="picture", disable=None, leave=False
            )
        finally:
            pool.shutdown(wait=False, cancel_futures=True)  # an interrupt does not wait for all


def _look(picture: Picture) -> tuple[Seen, Image.Image | None]:
    boxes, declared, annotation_problem = _annotation(picture)
    content, format_, mode, size, turned, problem = b"", "", "", (0, 0), False, ""
    thumbnail = None
    try:
        content = read(picture.file)
        image = _open(content)
        format_, mode, size = image.format or "", image.mode, image.size
        turned = image.getexif().get(ORIENTATION, 1) != 1
        thumbnail = _thumbnail(image)
    except Exception as error:  # on damaged files Pillow raises nearly everything
        problem = reason(error)
    digest = hashlib.blake2b(content, digest_size=16).hexdigest()
    about = Seen(
        picture,
        len(content),
        digest,
        format_,
        mode,
        *size,
        turned,
        problem,
        boxes,
        declared,
        annotation_problem,
    )
    return about, thumbnail


def _open(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError:  # whose own words name an address in memory
        raise ValueError("no picture in any format known") from None


def _thumbnail(image: Image.Image) -> Image.Image:
    limit = Image.MAX_IMAGE_PIXELS or sys.maxsize
    if image.width * image.height > limit:  # where Pillow only warns
        raise ValueError(f"over {limit:,} pixels, a picture bomb by Pillow's limit")
    image.draft(None, (2 * SIDE, 2 * SIDE))
    return to_rgb(image).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def _annotation(picture: Picture) -> tuple[list[Box] | None, tuple[int, int] | None, str]:
    try:
        boxes = picture.boxes()
        declared = _declared_size(read(picture.annotation)) if picture.annotation else None
    except (ValueError, OSError) as error:
        return None, None, reason(error)
    return boxes, declared, ""


def _declared_size(xml: bytes) -> tuple[int, int] | None:
    """Width and height by a PASCAL-VOC annotation; None where it does not say."""
    try:
        size = ET.fromstring(xml).find("size")
        return None if size is None else (_side(size, "width"), _side(size, "height"))
    except (ET.ParseError, LookupError, ValueError):
        return None


def _side(size: ET.Element, name: str) -> int:
    return int(float(size.findtext(name, "")))
