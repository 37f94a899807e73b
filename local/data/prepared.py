"""Pictures, cropped and resized once: a training set, in memory or in the shards of a cache.

This replaces a loader with workers: a whole training set of 64x64 is 250 MB, so batches are
gathered by random indices where the training runs (`local.train.feed`, which also streams what is
larger than that place).
"""

import hashlib
import io
import itertools
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import torch
from safetensors import SafetensorError

from local.data import room
from local.data.classes import Classes
from local.data.competition import Collection, Picture, find
from local.data.cropping import cropped
from local.data.crops import per_dog
from local.data.files import File
from local.data.folders import appearing
from local.data.room import gigabytes
from local.data.shards import Pictures, ShardWriter, blocks, in_folder
from local.errors import InputError, reason
from local.recipes import Recipe

CACHE_FORMAT = "2"  # raise it whenever the same settings would give other pixels
ABOUT = "about.json"  # beside the shards: all that is no picture
DAMAGES = (SafetensorError, OSError, LookupError, TypeError, ValueError)


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

    pictures: Pictures
    labels: torch.Tensor
    breeds: list[str]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def classes(self) -> Classes:
        """Its breeds, and how many pictures each has."""
        counts = torch.bincount(self.labels, minlength=len(self.breeds))
        return Classes(tuple(self.breeds), tuple(counts.tolist()))

    @property
    def sha256(self) -> str:
        """Of all pictures and labels: the set's identity."""
        digest = hashlib.sha256()
        for block in blocks(self.pictures):
            digest.update(block.cpu().contiguous().numpy().data)
        digest.update(self.labels.cpu().numpy().data)
        return digest.hexdigest()

    def on(self, device: torch.device) -> "TrainingSet":
        """The set in a device's memory."""
        if isinstance(self.pictures, torch.Tensor):
            pictures = self.pictures.to(device)
        else:
            pictures = torch.empty(self.pictures.shape, dtype=torch.uint8, device=device)
            first = 0
            for block in blocks(self.pictures):
                pictures[first : first + len(block)] = block
                first += len(block)
        return TrainingSet(pictures, self.labels.to(device), self.breeds)

    def rows(self, rows: torch.Tensor) -> "TrainingSet":
        """Some of it: those of rows (B,) int64, in memory."""
        return TrainingSet(self.pictures[rows], self.labels[rows], self.breeds)


@dataclass(frozen=True)
class Dogs(TrainingSet):
    """A training set, and where its pictures are from."""

    sources: list[str]  # path of each crop's picture below the data's root
    counts: Counts
    digest: str = ""  # as it was counted while the set was written; else it is not known yet

    @property
    def sha256(self) -> str:
        """Of all pictures and labels: the set's identity."""
        return self.digest or super().sha256


def prepare(path: Path, size: int, crop: str, cache: Path | None = None, crops: int = 1) -> Dogs:
    """Reads the data at `path`, crops every dog and resizes it with LANCZOS.

    Args:
        path: folder or archive, in a layout that `competition.find` knows.
        size: side of the result, pixels.
        crop: a policy of `crops.POLICIES`, or several with + between.
        cache: folder where the result is kept, keyed by content and settings, and read from as it
            is needed; None keeps nothing, and the result is in memory.
        crops: of each dog, for a policy that draws them (`crops.DRAWN`); of any other there is one.

    Raises:
        InputError: no pictures, none that gives a crop, a broken or unsafe archive, a picture bomb;
            or the disk, or without a cache the memory, has no room for the result.
        OSError: the cache cannot be written.
    """
    collection = find(path)
    if cache is None:
        has = room.host_memory(), "this machine's memory", "free some"
        _check_room(len(collection.pictures), size, crop, crops, *has)
        return crop_all(collection, size, crop, crops)
    folder = cache / f"dogs-{_key(collection, size, crop, crops)}"
    try:
        return load(folder)
    except DAMAGES:
        pass  # not there, or damaged: it is prepared anew, and put in its place
    try:
        _keep(collection, size, crop, crops, folder)
        return load(folder)
    except OSError as error:
        told = f"{cache}: the prepared pictures cannot be kept there"
        instead = "name another folder with DOGS_CACHE"
        raise OSError(f"{told} ({error.strerror or reason(error)}); {instead}") from error


def prepare_for(recipe: Recipe, path: Path, cache: Path | None = None) -> Dogs:
    """The training set of a recipe; arguments and errors as of `prepare`.

    Raises:
        InputError: the data leave a setting without effect, too.
    """
    dogs = prepare(path, recipe.prepared_size, recipe.crop, cache, recipe.crops)
    recipe.check_breeds(len(dogs.breeds))
    return dogs


def crop_all(collection: Collection, size: int, crop: str, crops: int = 1) -> Dogs:
    """As `prepare`, of pictures that are found already; in memory, and nothing is kept."""
    memory = io.BytesIO()
    origins, counts = _crop_all(collection, size, crop, crops, lambda one: memory.write(one.data))
    pictures = torch.frombuffer(memory.getbuffer(), dtype=torch.uint8).view(-1, 3, size, size)
    labels, breeds = _breeds(collection, origins)
    sources = [picture.name for picture in origins]
    return Dogs(pictures, torch.tensor(labels), breeds, sources, counts)


def load(folder: Path) -> Dogs:
    """A set of the cache, of which hardly anything is read yet.

    Raises:
        one of DAMAGES: there is none, or it is damaged.
    """
    about = json.loads((folder / ABOUT).read_text())
    pictures, labels = in_folder(folder), torch.tensor(about["labels"])
    sources, counts = about["sources"], Counts(**about["counts"])
    if not len(pictures) == len(labels) == len(sources):
        raise ValueError(f"{folder}: {len(pictures):,} pictures and {len(labels):,} labels")
    return Dogs(pictures, labels, about["breeds"], sources, counts, about["sha256"])


def kept(cache: Path) -> Iterator[Dogs]:
    """Every set of a cache; what is damaged is passed over, as `prepare` makes it anew."""
    for folder in sorted(cache.glob("dogs-*")):
        try:
            dogs = load(folder)
        except DAMAGES:
            continue
        yield dogs


def _check_room(
    pictures: int, size: int, crop: str, crops: int, free: int, place: str, first: str
) -> None:
    """Refuses what would not fit, before an hour of decoding.

    Args:
        pictures, size, crop, crops: of the set. A picture may show several dogs, or none that can
            be used: what is needed is an estimate.
        free: bytes that it may take.
        place, first: where that is, and what to do there, in words.
    """
    each = per_dog(crop, crops)
    needed = pictures * each * 3 * size * size
    if needed > free:
        several = f"{each} crops of {size}x{size} of each" if each > 1 else f"{size}x{size} crops"
        lower = "lower crops=" if crops > 1 else f"name fewer than crop={crop}"
        raise InputError(
            f"{several} of {pictures:,} pictures take {gigabytes(needed)}, and {place} has"
            f" {gigabytes(free)} left; {first}, {lower if each > 1 else 'or lower size='}"
        )


def _crop_all(
    collection: Collection,
    size: int,
    crop: str,
    crops: int,
    write: Callable[[np.ndarray], object],
) -> tuple[list[Picture], Counts]:
    """Writes every crop (3, P, P) uint8 in order; returns each one's picture, and the counts."""
    tally: Counter[str] = Counter()
    origins: list[Picture] = []
    for picture, found, notes in cropped(collection, size, crop, crops):
        for one in found:
            write(one)
        origins += [picture] * len(found)
        tally.update(notes)
    if not origins:
        why = ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in tally.items())
        raise InputError(f"none of {len(collection.pictures)} pictures gave a crop ({why})")
    return origins, Counts(
        pictures=len(collection.pictures),
        crops=len(origins),
        not_decoded=tally["not_decoded"],
        boxes_left_out=tally["boxes_left_out"],
        without_annotation=sum(p.annotation is None for p in collection.pictures),
        annotations_without_picture=collection.annotations_without_picture,
        annotations_not_read=tally["annotations_not_read"],
    )


def _breeds(collection: Collection, origins: list[Picture]) -> tuple[list[int], list[str]]:
    """The label of each crop, and the labels' names."""
    wnids = sorted({picture.breed for picture in origins})
    index = {wnid: i for i, wnid in enumerate(wnids)}
    return [index[picture.breed] for picture in origins], collection.names(wnids)


def _keep(collection: Collection, size: int, crop: str, crops: int, folder: Path) -> None:
    """Prepares into a folder of the cache, which appears when it is complete."""
    cache = folder.parent
    with appearing(folder, load, DAMAGES) as draft:
        disk = room.on_disk(cache), f"the disk of {cache}", "name another with DOGS_CACHE"
        _check_room(len(collection.pictures), size, crop, crops, *disk)
        about = _write(collection, size, crop, crops, draft)
        (draft / ABOUT).write_text(json.dumps(about))


def _write(collection: Collection, size: int, crop: str, crops: int, draft: Path) -> dict[str, Any]:
    """Writes the shards, picture by picture; returns all else that is known."""
    digest = hashlib.sha256()
    with ShardWriter(draft, size) as shards:

        def write(picture: np.ndarray) -> None:
            shards.write(picture)
            digest.update(picture.data)

        origins, counts = _crop_all(collection, size, crop, crops, write)
    labels, breeds = _breeds(collection, origins)
    digest.update(np.array(labels, np.int64).data)
    return {
        "breeds": breeds,
        "counts": asdict(counts),
        "sha256": digest.hexdigest(),
        "labels": labels,
        "sources": [picture.name for picture in origins],
    }


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
