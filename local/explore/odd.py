"""Files that are not what they seem, a kind each: what is told, and what it means for training."""

from collections.abc import Callable
from dataclasses import dataclass

from local.data.crops import LARGEST_ASPECT, SMALLEST_SIDE, regions
from local.explore.scan import SIDE, Seen
from local.explore.statistics import clip

FORMATS = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".webp": "WEBP",
    ".ppm": "PPM",
    ".pgm": "PPM",
    ".tif": "TIFF",
    ".tiff": "TIFF",
}
SMALL_DOG = 1 / 5  # of the picture's area


@dataclass(frozen=True)
class Kind:
    """One way to be odd. `tells` says what is odd about a picture, or nothing."""

    key: str
    title: str
    meaning: str
    tells: Callable[[Seen], str]


def find(seen: list[Seen]) -> dict[str, list[tuple[int, str]]]:
    """For each kind, in the order of `KINDS`: places in `seen`, and what is odd there."""
    annotated = any(s.picture.annotation for s in seen)
    found = {}
    for kind in KINDS:
        if kind.key == "no_annotation" and not annotated:
            continue  # data without any is not odd
        told = ((i, kind.tells(about)) for i, about in enumerate(seen))
        found[kind.key] = [(i, what) for i, what in told if what]
    return found


def _not_decoded(s: Seen) -> str:
    return s.problem


def _other_format(s: Seen) -> str:
    suffix = s.picture.file.path.suffix.lower()
    return s.format if s.format and s.format != FORMATS.get(suffix, s.format) else ""


def _not_rgb(s: Seen) -> str:
    names = {"L": "grey", "1": "black and white", "P": "palette", "RGBA": "RGB with alpha"}
    return names.get(s.mode, s.mode) if s.mode != "RGB" else ""


def _turned(s: Seen) -> str:
    return "turned by EXIF" if s.turned else ""


def _small(s: Seen) -> str:
    return f"{s.width}x{s.height}" if 0 < min(s.width, s.height) < SIDE else ""


def _no_annotation(s: Seen) -> str:
    return "no annotation" if s.picture.annotation is None else ""


def _annotation_not_read(s: Seen) -> str:
    return s.annotation_problem


def _wrong_size(s: Seen) -> str:
    if s.declared is None or not s.width or s.declared == (s.width, s.height):
        return ""
    return f"says {s.declared[0]}x{s.declared[1]}, is {s.width}x{s.height}"


def _outside(s: Seen) -> str:
    out = [b for b in s.boxes or [] if s.width and b != clip(b, s.width, s.height)]
    return f"{_box(out[0])} in {s.width}x{s.height}" if out else ""


def _several(s: Seen) -> str:
    return f"{len(s.boxes)} dogs" if s.boxes and len(s.boxes) > 1 else ""


def _small_dog(s: Seen) -> str:
    if not s.boxes or not s.width:
        return ""
    largest = max(_area(clip(box, s.width, s.height)) for box in s.boxes)
    share = largest / (s.width * s.height)
    return f"{share:.1%} of the picture" if share < SMALL_DOG else ""


def _no_crop(s: Seen) -> str:
    if not s.boxes or not s.width:
        return ""
    left_out = [b for b in s.boxes if not regions("box", s.width, s.height, [b])]
    if not left_out:
        return ""
    left, top, right, bottom = clip(left_out[0], s.width, s.height)
    return f"a box of {right - left:g}x{bottom - top:g}"


def _area(box: tuple[float, ...]) -> float:
    return max(box[2] - box[0], 0.0) * max(box[3] - box[1], 0.0)


def _box(box: tuple[float, ...]) -> str:
    return ", ".join(f"{side:g}" for side in box)


KINDS = (
    Kind(
        "not_decoded",
        "Does not decode",
        "Left out of training; one over Pillow's limit of pixels stops it.",
        _not_decoded,
    ),
    Kind(
        "other_format",
        "Another format than its name says",
        "Read by its content: no harm.",
        _other_format,
    ),
    Kind("not_rgb", "Not RGB", "Converted to RGB; grey stays grey in three channels.", _not_rgb),
    Kind("turned", "Turned by EXIF", "Trained as it is stored, not as it is shown.", _turned),
    Kind("small", f"A side under {SIDE} pixels", "Enlarged, so it is blurred.", _small),
    Kind("no_annotation", "No annotation", "crop=box takes the centre square.", _no_annotation),
    Kind(
        "annotation_not_read",
        "Annotation that cannot be read",
        "Treated as if it had none.",
        _annotation_not_read,
    ),
    Kind(
        "wrong_size",
        "Annotation of another size",
        "Its boxes may be in the wrong place.",
        _wrong_size,
    ),
    Kind("outside", "Box outside the picture", "Cut at the picture's edges.", _outside),
    Kind("several", "Several dogs", "crop=box gives a crop for each.", _several),
    Kind(
        "small_dog",
        "Dogs under 1/5 of the picture",
        "Whole pictures show mostly background.",
        _small_dog,
    ),
    Kind(
        "no_crop",
        "Box that crop=box leaves out",
        f"Under {SMALLEST_SIDE} pixels a side, or beyond 1:{LARGEST_ASPECT}.",
        _no_crop,
    ),
)
