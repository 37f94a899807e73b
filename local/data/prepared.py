"""Pictures, cropped and resized once, as ONE uint8 tensor that lives on the device.

This replaces a loader with workers: a whole training set of 64x64 is 250 MB, so batches are
gathered by random indices where the training runs.
"""

import hashlib
import io
import itertools
import json
import os
import sys
import warnings
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from tqdm import tqdm

from local.atomic import replacing
from local.data.classes import Classes
from local.data.competition import Collection, Picture, find
from local.data.crops import left_out, per_dog, regions
from local.data.files import File, read
from local.errors import InputError
from local.recipes import Recipe

CACHE_FORMAT = "2"  # raise it whenever the same settings would give other pixels
LARGEST = 4 * 2**30  # bytes that several crops a dog may take, in memory and on the device


@dataclass(frozen=True)
class Counts:
    """What was found, used and left out."""

    pictures: int
    crops: int
    not_decoded: int
    boxes_left_out: int
    without_annotation: int
    annotations_without_picture: int
    annotations_not_read: int

    def __str__(self) -> str:
        found = f"{self.pictures:,} pictures -> {self.crops:,} crops"
        rest = [
            f"{n:,} {name.replace('_', ' ')}" for name, n in list(asdict(self).items())[2:] if n
        ]
        return found + (f" ({', '.join(rest)})" if rest else "")


@dataclass(frozen=True)
class TrainingSet:
    """Pictures (N, 3, P, P) uint8, and labels (N,) int64 with the name of each."""

    pictures: torch.Tensor
    labels: torch.Tensor
    breeds: list[str]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def classes(self) -> Classes:
        """Its breeds, and how many pictures each has."""
        counts = torch.bincount(self.labels, minlength=len(self.breeds))
        return Classes(tuple(self.breeds), tuple(counts.tolist()))

    def on(self, device: torch.device) -> "TrainingSet":
        """The set in a device's memory."""
        return TrainingSet(self.pictures.to(device), self.labels.to(device), self.breeds)


@dataclass(frozen=True)
class Dogs(TrainingSet):
    """A training set, and where its pictures are from."""

    sources: list[str]  # path of each crop's picture below the data's root
    counts: Counts


def prepare(path: Path, size: int, crop: str, cache: Path | None = None, crops: int = 1) -> Dogs:
    """Reads the data at `path`, crops every dog and resizes it with LANCZOS.

    Args:
        path: folder or archive, in a layout that `competition.find` knows.
        size: side of the result, pixels.
        crop: a policy of `crops.POLICIES`, or several with + between.
        cache: folder where the result is kept, keyed by content and settings; None keeps nothing.
        crops: of each dog, for a policy that draws them (`crops.DRAWN`); of any other there is one.

    Raises:
        InputError: no pictures, none that gives a crop, a broken or unsafe archive, a picture bomb;
            or several crops a dog that together take more than 4 GB.
    """
    collection = find(path)
    _check_room(len(collection.pictures), size, crop, crops)
    if cache is None:
        return crop_all(collection, size, crop, crops)
    file = cache / f"dogs-{_key(collection, size, crop, crops)}.safetensors"
    if file.exists():
        try:
            return _load(file)
        except (SafetensorError, OSError, LookupError, TypeError, ValueError):
            pass  # damaged: it is prepared anew, and written over
    dogs = crop_all(collection, size, crop, crops)
    _save(dogs, file)
    return dogs


def prepare_for(recipe: Recipe, path: Path, cache: Path | None = None) -> Dogs:
    """The training set of a recipe; arguments and errors as of `prepare`.

    Raises:
        InputError: the data leave a setting without effect, too.
    """
    dogs = prepare(path, recipe.prepared_size, recipe.crop, cache, recipe.crops)
    recipe.check_breeds(len(dogs.breeds))
    return dogs


def _check_room(pictures: int, size: int, crop: str, crops: int) -> None:
    """Refuses what would not fit, before an hour of decoding (one crop a dog is always tried)."""
    each = per_dog(crop, crops)
    needed = pictures * each * 3 * size * size
    if each > 1 and needed > LARGEST:
        lower = "lower crops=" if crops > 1 else f"name fewer than crop={crop}"
        raise InputError(
            f"{each} crops of {size}x{size} of each of {pictures:,} pictures take"
            f" {needed / 2**30:.1f} GB, and {LARGEST // 2**30} are the most; {lower}"
        )


def crop_all(collection: Collection, size: int, crop: str, crops: int = 1) -> Dogs:
    """As `prepare`, of pictures that are found already; nothing is kept."""
    tally: Counter[str] = Counter()
    kept: list[np.ndarray] = []
    origins: list[Picture] = []
    # Pillow releases the interpreter's lock while it decodes and resizes: threads are enough.
    with (
        ThreadPoolExecutor(os.cpu_count()) as pool,
        warnings.catch_warnings(),
        tqdm(total=len(collection.pictures), desc="pictures", disable=None, leave=False) as bar,
    ):
        warnings.simplefilter("ignore")  # about EXIF and palettes; bombs are refused below
        work = pool.map(lambda picture: _crops(picture, size, crop, crops), collection.pictures)
        for picture, (found, notes) in zip(collection.pictures, work, strict=True):
            kept += found
            origins += [picture] * len(found)
            tally.update(notes)
            bar.update()
    if not kept:
        why = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in tally.items())
        raise InputError(f"none of {len(collection.pictures)} pictures gave a crop ({why})")
    wnids = sorted({picture.breed for picture in origins})
    index = {wnid: i for i, wnid in enumerate(wnids)}
    return Dogs(
        pictures=torch.from_numpy(np.stack(kept)),
        labels=torch.tensor([index[picture.breed] for picture in origins]),
        breeds=collection.names(wnids),
        sources=[picture.name for picture in origins],
        counts=Counts(
            pictures=len(collection.pictures),
            crops=len(kept),
            not_decoded=tally["not_decoded"],
            boxes_left_out=tally["boxes_left_out"],
            without_annotation=sum(p.annotation is None for p in collection.pictures),
            annotations_without_picture=collection.annotations_without_picture,
            annotations_not_read=tally["annotations_not_read"],
        ),
    )


def _crops(
    picture: Picture, size: int, crop: str, crops: int
) -> tuple[list[np.ndarray], Counter[str]]:
    """Crops of one picture, each (3, size, size) uint8, and what to count."""
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
    return [_resize(image.crop(region), size) for region in found], notes


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


def to_rgb(image: Image.Image) -> Image.Image:
    """The picture in RGB: 16 bits of grey are scaled, where `convert` alone cuts them off."""
    if image.mode.startswith("I;16"):
        image = image.point(lambda level: level / 256).convert("L")
    return image.convert("RGB")


def _key(collection: Collection, size: int, crop: str, crops: int) -> str:
    """A hash of the content and of every setting that decides a pixel."""
    used = [p.file for p in collection.pictures]
    used += [p.annotation for p in collection.pictures if p.annotation]
    threads = os.cpu_count() or 1
    with ThreadPoolExecutor(
        threads
    ) as pool:  # a share each: a task a file costs more than its hash
        shares = pool.map(_digests, (used[i::threads] for i in range(threads)))
    content = sorted(itertools.chain.from_iterable(shares))
    settings = [CACHE_FORMAT, PIL.__version__, size, crop, crops]
    settings += [collection.annotations_without_picture]
    key = json.dumps([settings, sorted(collection.breed_names.items()), content])
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _digests(files: list[File]) -> list[tuple[str, str]]:
    return [(str(file.path), file.digest()) for file in files]


def _save(dogs: Dogs, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    about = {"breeds": dogs.breeds, "sources": dogs.sources, "counts": asdict(dogs.counts)}
    tensors = {"pictures": dogs.pictures, "labels": dogs.labels}
    with replacing(file) as partial:
        save_file(tensors, partial, metadata={"about": json.dumps(about)})


def _load(file: Path) -> Dogs:
    with safe_open(file, framework="pt") as stored:
        about = json.loads(stored.metadata()["about"])
        return Dogs(
            pictures=stored.get_tensor("pictures"),
            labels=stored.get_tensor("labels"),
            breeds=about["breeds"],
            sources=about["sources"],
            counts=Counts(**about["counts"]),
        )
