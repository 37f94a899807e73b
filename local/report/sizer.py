"""Tells by its features how much of a picture the dogs take, and knows how well it tells.

Ridge regression, as in `local.report.breed_classifier`, on what the boxes of real pictures say. A
picture is as the metric takes it, squashed to a square, which changes no share of it.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from local.data.competition import Picture, find
from local.data.files import read
from local.report.breed_classifier import FEWEST, ridge

RIDGE = 1.0  # of the features' mean variance; from 0.1 to 10 little changes
WEAK = 0.25  # of the variance among unseen pictures told: less is no measure of single breeds
SIDE = 64  # places that a picture is looked at, a side


@dataclass(frozen=True)
class Sizer:
    """What tells the share of a picture that dogs' boxes cover.

    told: share of the variance among real pictures that it has not learned from that it tells
        (R squared). unseen: how many these are.
    """

    weights: np.ndarray
    mean: np.ndarray
    middle: float
    told: float
    unseen: int

    def shares(self, values: np.ndarray) -> np.ndarray:
        """The share (N,), 0..1 for the most part, of each row of features (N, D)."""
        found: np.ndarray = (values - self.mean) @ self.weights + self.middle
        return found

    @property
    def weak(self) -> bool:
        """Whether it tells too little to be believed."""
        return self.told < WEAK


def learned(values: np.ndarray, shares: np.ndarray, unseen: np.ndarray) -> Sizer | None:
    """A sizer; None where too few pictures have a box, or all dogs have one size.

    Args:
        values: features (N, D) of real pictures.
        shares: of them (N,), as of `covered`.
        unseen: which of them (N,) it is asked about, and does not learn from.
    """
    known = np.isfinite(shares)
    lessons, asked = known & ~unseen, known & unseen
    if min(lessons.sum(), asked.sum()) < FEWEST or not shares[asked].std():
        return None
    middle = float(shares[lessons].mean())
    weights, mean = ridge(values[lessons], shares[lessons] - middle, RIDGE)
    missed = (values[asked] - mean) @ weights + middle - shares[asked]
    told = 1 - float((missed**2).mean() / shares[asked].var())
    return Sizer(weights, mean, middle, told, int(asked.sum()))


def covered(data: Path, names: Sequence[str]) -> np.ndarray:
    """How much of each picture (N,) its dogs' boxes cover, 0..1; NaN where nothing says.

    Args:
        data: as for `local.data.competition.find`.
        names: of pictures in it.
    """
    pictures = {picture.name: picture for picture in find(data).pictures}
    return np.array([_covered(pictures[name]) for name in names])


def _covered(picture: Picture) -> float:
    try:
        boxes = picture.boxes()
        if not boxes:
            return np.nan
        with Image.open(io.BytesIO(read(picture.file))) as image:
            width, height = image.size
    except (ValueError, OSError):
        return np.nan
    centres = (np.arange(SIDE) + 0.5) / SIDE
    inside = np.zeros((SIDE, SIDE), bool)
    for left, top, right, bottom in boxes:
        across = (left <= centres * width) & (centres * width < right)
        down = (top <= centres * height) & (centres * height < bottom)
        inside |= down[:, None] & across
    return float(inside.mean())
