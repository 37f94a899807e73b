"""Counts, sizes, aspects and boxes of what was seen."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from local.data.competition import Collection
from local.explore.scan import SIDE, Seen

Numbers = dict[str, float]
QUANTILES = {"min": 0.0, "5%": 0.05, "median": 0.5, "95%": 0.95, "max": 1.0}


@dataclass(frozen=True)
class Breed:
    """How many pictures a breed has."""

    breed: str  # wnid or folder
    name: str
    pictures: int


@dataclass(frozen=True)
class Sizes:
    """Of the pictures whose header can be read."""

    width: np.ndarray  # (N,) pixels
    height: np.ndarray
    kilobytes: np.ndarray

    @property
    def aspect(self) -> np.ndarray:
        """Width over height."""
        return self.width / self.height

    def common(self, count: int = 8) -> list[tuple[int, int, int]]:
        """The sizes met most often: width, height, pictures."""
        sizes = Counter(zip(self.width.tolist(), self.height.tolist(), strict=True))
        return [(*size, number) for size, number in sizes.most_common(count)]

    def numbers(self) -> dict[str, Numbers]:
        """Quantiles and means by name."""
        return {
            "width (pixels)": describe(self.width),
            "height (pixels)": describe(self.height),
            "aspect (width / height)": describe(self.aspect),
            "file (kB)": describe(self.kilobytes),
        }


@dataclass(frozen=True)
class Boxes:
    """All dogs' boxes, cut at the edges of their pictures; boxes of no area are left out."""

    pictures: int  # with an annotation that can be read
    dogs: dict[int, int]  # boxes in a picture -> pictures
    width: np.ndarray  # (M,) pixels
    height: np.ndarray
    share: np.ndarray  # of the picture's area, 0..1
    cover: np.ndarray  # (SIDE, SIDE) share of the boxes that cover this place of the picture

    @property
    def aspect(self) -> np.ndarray:
        """Width over height."""
        return self.width / self.height

    @property
    def short_side(self) -> np.ndarray:
        """The smaller of width and height, pixels."""
        return np.minimum(self.width, self.height)

    def numbers(self) -> dict[str, Numbers]:
        """Quantiles and means by name."""
        return {
            "width (pixels)": describe(self.width),
            "height (pixels)": describe(self.height),
            "shorter side (pixels)": describe(self.short_side),
            "aspect (width / height)": describe(self.aspect),
            "share of the picture": describe(self.share),
        }


def describe(values: np.ndarray) -> Numbers:
    """Quantiles and the mean; nothing of nothing."""
    if not len(values):
        return {}
    found = np.quantile(values, list(QUANTILES.values()))
    return {**dict(zip(QUANTILES, found.tolist(), strict=True)), "mean": float(values.mean())}


def breeds(collection: Collection) -> list[Breed]:
    """All breeds, the largest first."""
    counts = Counter(picture.breed for picture in collection.pictures)
    wnids = sorted(counts, key=lambda wnid: (-counts[wnid], wnid))
    names = (name.replace("_", " ") for name in collection.names(wnids))
    return [Breed(w, n, counts[w]) for w, n in zip(wnids, names, strict=True)]


def sizes(seen: list[Seen]) -> Sizes:
    """Sizes of the pictures and of their files."""
    rows = [(s.width, s.height, s.bytes / 1000) for s in seen if s.width and s.height]
    table = np.array(rows).reshape(-1, 3)
    return Sizes(table[:, 0].astype(int), table[:, 1].astype(int), table[:, 2])


def boxes(seen: list[Seen]) -> Boxes | None:
    """Statistics of the boxes; None where no picture has one."""
    annotated = [s for s in seen if s.boxes and s.width and s.height]
    clipped = [
        (*clip(box, s.width, s.height), s.width, s.height)
        for s in annotated
        for box in s.boxes or []
    ]
    table = np.array([row for row in clipped if row[2] > row[0] and row[3] > row[1]])
    if not len(table):
        return None
    left, top, right, bottom, picture_width, picture_height = table.T
    width, height = right - left, bottom - top
    return Boxes(
        pictures=len(annotated),
        dogs=dict(sorted(Counter(len(s.boxes or []) for s in annotated).items())),
        width=width,
        height=height,
        share=width * height / (picture_width * picture_height),
        cover=_cover(
            left / picture_width,
            right / picture_width,
            top / picture_height,
            bottom / picture_height,
        ),
    )


def clip(box: tuple[float, float, float, float], width: int, height: int) -> tuple[float, ...]:
    """The part of a box inside a picture, which may be nothing."""
    left, top, right, bottom = box
    return max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height))


def _cover(left: np.ndarray, right: np.ndarray, top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    centres = (np.arange(SIDE) + 0.5) / SIDE
    across = (left[:, None] <= centres) & (centres < right[:, None])
    down = (top[:, None] <= centres) & (centres < bottom[:, None])
    return down.T.astype(np.float32) @ across.astype(np.float32) / len(left)
