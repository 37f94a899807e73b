"""Pictures, their boxes and their classes, in whatever layout they came.

Known: the competition's folder or one archive of it, `all-dogs.zip` and `Annotation.zip` beside
each other or nested in one archive, Kaggle's mounts; Stanford Dogs' `images.tar` and
`annotation.tar` likewise; torchvision's folders and archives; any pictures in folders named after
their class. They are told by looking: a picture is a file with a picture's suffix, an annotation a
file without one (or with `.xml`) below a folder named `Annotation`.
"""

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from local.data.archives import is_archive
from local.data.files import DiskFile, File, inner_listing, listing, read
from local.data.torchvision_sets import CIFAR10_ARCHIVE, find_sets
from local.errors import InputError

PICTURE_SUFFIXES = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"}
ANNOTATION_LIMIT = 2**20  # bytes; real ones have about one thousand
WNID = re.compile(r"(n\d+)_")

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


@dataclass(frozen=True)
class Picture:
    """One picture, and the annotation of the same name where there is one."""

    file: File
    annotation: File | None

    @property
    def name(self) -> str:
        """Its path below the data's root."""
        return str(self.file.path)

    @property
    def breed(self) -> str:
        """The wnid before the `_` of the name; otherwise the name of the folder."""
        wnid = WNID.match(self.file.path.name)
        return wnid[1] if wnid else self.file.path.parent.name or "unknown"

    def boxes(self) -> list[Box] | None:
        """Boxes of all dogs; None without an annotation.

        Raises:
            ValueError: the annotation cannot be read.
        """
        return None if self.annotation is None else parse_boxes(read(self.annotation))


@dataclass(frozen=True)
class Collection:
    """All pictures of a data set, in order of their paths."""

    pictures: list[Picture]
    breed_names: dict[str, str]  # wnid -> name, as far as the folders tell
    annotations_without_picture: int

    def names(self, breeds: list[str]) -> list[str]:
        """Readable names of the breeds, the wnid itself where no name is known."""
        return [self.breed_names.get(breed, breed) for breed in breeds]


def parse_boxes(xml: bytes) -> list[Box]:
    """Boxes of a PASCAL-VOC annotation, as they stand there.

    Raises:
        ValueError: not such an annotation.
    """
    if len(xml) > ANNOTATION_LIMIT:
        raise ValueError(f"an annotation of {len(xml):,} bytes")
    try:
        boxes = [
            tuple(float(box.findtext(side, "")) for side in ("xmin", "ymin", "xmax", "ymax"))
            for box in ET.fromstring(xml).iter("bndbox")
        ]
    except (ET.ParseError, LookupError) as error:  # an encoding nobody knows is a LookupError
        raise ValueError(str(error)) from error
    if not boxes or not all(math.isfinite(side) for box in boxes for side in box):
        raise ValueError("no box, or one that is no number")
    return boxes  # type: ignore[return-value]


def find(path: Path) -> Collection:
    """Looks through a folder or archive for pictures and their annotations.

    What lies open goes before what lies in archives: who unpacks a download often keeps it.

    Raises:
        InputError: there are no pictures, there are several sets of them, or an archive is broken
            or unsafe.
    """
    files = listing(path)
    opened = _source(path, str(path), files)
    pictures, annotations = opened.pictures, opened.annotations
    if not (pictures and annotations):
        archives = _inner_archives(path, files)
        if pictures and not _has_dogs(pictures):
            archives = [f for f in archives if "annotation" in f.path.name.lower()]
        packed = [_source(path, f.path.name.lower(), inner_listing(f)) for f in archives]
        if not pictures and (chosen := _choose(path, packed)):
            pictures = chosen.pictures
            annotations = annotations or chosen.annotations
        annotations = annotations or [f for source in packed for f in source.annotations]
    if not pictures:
        raise InputError(
            f"{path}: no pictures found ({len(files)} files looked at); "
            "name the folder or archive that holds them"
        )
    return _match(_only_dogs(pictures), annotations)


def write_kaggle_layout(path: Path, folder: Path) -> int:
    """Writes the data at `path` as Kaggle mounts it, and returns the number of pictures.

    `folder` gets `all-dogs/all-dogs/*.jpg` and `annotation/Annotation/<wnid>-<Breed>/*`.

    Raises:
        InputError: as `find`; or two pictures have one name, which Kaggle's layout cannot hold.
    """
    collection = find(path)
    dogs = folder / "all-dogs" / "all-dogs"
    dogs.mkdir(parents=True)
    (folder / "annotation" / "Annotation").mkdir(parents=True)
    for picture in collection.pictures:
        name = picture.file.path.name
        if (dogs / name).exists():
            raise InputError(f"{path}: two pictures are named {name}; Kaggle's layout has one")
        _copy(picture.file, dogs / name)
        if picture.annotation:
            place = folder / "annotation" / "Annotation" / picture.annotation.path.parent.name
            place.mkdir(exist_ok=True)
            _copy(picture.annotation, place / picture.annotation.path.name)
    return len(collection.pictures)


def _copy(file: File, to: Path) -> None:
    try:
        to.write_bytes(read(file))
    except OSError:
        to.write_bytes(b"")  # damaged: mounted all the same, as a file that does not decode


def _is_picture(path: PurePosixPath) -> bool:
    return path.suffix.lower() in PICTURE_SUFFIXES


def _is_annotation(path: PurePosixPath) -> bool:
    folders = {part.lower() for part in path.parts[:-1]}
    return path.suffix in ("", ".xml") and not folders.isdisjoint({"annotation", "annotations"})


@dataclass(frozen=True)
class _Source:
    """What one listing holds."""

    name: str
    pictures: list[File]
    annotations: list[File]


def _source(path: Path, name: str, files: list[File]) -> _Source:
    return _Source(name, _pictures(path, files), [f for f in files if _is_annotation(f.path)])


def _pictures(path: Path, files: list[File]) -> list[File]:
    """Pictures of one listing: files themselves, or those of a set in torchvision's layout."""
    pictures = [f for f in files if _is_picture(f.path)]
    sets = find_sets(files)
    if not sets or _has_dogs(pictures):
        return pictures
    places = [str(stored.folder) for stored in sets]
    places += [f.path.name for f in files if is_archive(f.path) and f.path.name != CIFAR10_ARCHIVE]
    places += sorted({str(f.path.parent) for f in pictures})
    _refuse_several(path, places)
    return sets[0].pictures()


def _choose(path: Path, packed: list[_Source]) -> _Source | None:
    """The archive with the competition's pictures; otherwise only one may hold pictures."""
    holding = [source for source in packed if source.pictures]
    for source in holding:
        if source.name in PARTS or _has_dogs(source.pictures):
            return source
    _refuse_several(path, sorted({source.name for source in holding}))
    return holding[0] if holding else None


def _refuse_several(path: Path, places: list[str]) -> None:
    if len(places) > 1:
        names = ", ".join(places[:4]) + (", ..." if len(places) > 4 else "")
        raise InputError(f"{path}: holds several sets of pictures ({names}); name one of them")


def _inner_archives(path: Path, files: list[File]) -> list[File]:
    """Archives among the files; for one of a pair named alone, also the other beside it."""
    inner = [f for f in files if is_archive(f.path)]
    if path.is_file() and path.name.lower() in PARTS:
        beside = (p for p in sorted(path.parent.iterdir()) if p.name.lower() in PARTS)
        inner += [DiskFile(PurePosixPath(p.name), str(p)) for p in beside if p.name != path.name]
    return inner


# The competition's own two archives and Stanford's, in lower case.
PARTS = {"all-dogs.zip", "annotation.zip", "images.tar", "annotation.tar"}


def _has_dogs(pictures: list[File]) -> bool:
    return any("all-dogs" in f.path.parts[:-1] for f in pictures)


def _only_dogs(pictures: list[File]) -> list[File]:
    """Where a folder `all-dogs` exists, the pictures in it, each name once.

    Other pictures beside it are somebody's screenshots, and Kaggle may mount the set twice.
    """
    dogs = [f for f in pictures if "all-dogs" in f.path.parts[:-1]]
    return list({f.path.name: f for f in reversed(dogs)}.values())[::-1] if dogs else pictures


def _match(pictures: list[File], annotations: list[File]) -> Collection:
    by_name = {f.path.name.removesuffix(".xml"): f for f in annotations}
    found = [Picture(f, by_name.get(f.path.stem)) for f in pictures]
    matched = sum(picture.annotation is not None for picture in found)
    names = {}
    for file in (*pictures, *annotations):
        wnid, _, name = file.path.parent.name.partition("-")
        if name and WNID.match(f"{wnid}_"):
            names[wnid] = name
    return Collection(found, names, annotations_without_picture=len(by_name) - matched)
