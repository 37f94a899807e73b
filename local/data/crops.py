"""Which part of a picture becomes a training picture.

The metric's real set is whole pictures squashed to a square, while most winners trained on the
dogs' boxes; so the policy is a setting (`crop`) that moves the score before any training. By how
much, `python -m bench floor` measures.
"""

import itertools
import random

from local.data.competition import Box
from local.errors import InputError

Region = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels
POLICIES = ("box", "centre", "squash", "face", "tight", "jitter", "fill")
DRAWN = ("jitter",)  # of these one dog may give several crops, all different
WHOLE = ("centre", "squash")  # these look at no box
MOST_CROPS = 8  # of one dog: 20,580 dogs at 64x64 are then 2 GB
ALIGNED = (178, 218)  # pixels; CelebA's aligned pictures, with the eyes in the same two places
# The 108 pixels in their middle, as DCGAN-tensorflow (`--input_height=108 --crop`) takes them.
FACE = (35, 55, 143, 163)
SMALLEST_SIDE = 32  # pixels; a smaller dog holds less detail than a picture of 64 shows
LARGEST_ASPECT = 4  # beyond it the square around the box holds mostly background
# A jittered square is larger than its box by up to that share of the longer side, where it fits.
MARGIN = 0.5
FILLS = 0.75  # share of the picture's short side from which on a box "fills" it (third place)


def checked_crop(crop: str) -> str:
    """A policy, or several with + between, as it stands.

    Raises:
        InputError: there is no such policy, or it is named twice.
    """
    names = crop.split("+")
    for name in names:
        if name not in POLICIES:
            listed = f"{', '.join(POLICIES)}, or several as in box+squash"
            raise InputError(f"crop={name}: crop must be one of {listed}")
    if len(set(names)) < len(names):
        raise InputError(f"crop={crop}: names a policy twice")
    return crop


def is_drawn(crop: str) -> bool:
    """Whether a policy, or one of several, gives other crops of the same dog each time."""
    return not set(DRAWN).isdisjoint(crop.split("+"))


def per_dog(crop: str, crops: int) -> int:
    """Crops that a dog gives at most."""
    return sum(crops if name in DRAWN else 1 for name in crop.split("+"))


def regions(
    policy: str,
    width: int,
    height: int,
    boxes: list[Box] | None,
    key: str = "",
    crops: int = 1,
) -> list[Region]:
    """Regions of a picture to crop, each inside it, in whole pixels.

    Args:
        policy: of a picture with boxes, each of these gives one region for every box that is large
            enough and not too long, clamped to the picture; without an annotation the largest
            square in the middle stands for the box.
            `box`: padded to a square, moved inside where it fits and else cut at the edges.
            `tight`: the box itself, so that its aspect is lost.
            `jitter`: a square up to 1.5 times as large, but no larger than the picture's short
            side, with the box at a random place in it and moved as by `box`; a box that is itself
            longer than the short side is cut as by `box`. The same square is given once.
            `fill`: the largest square in the middle where the box's longer side is at least 0.75 of
            the picture's short side, else as `box`; the same square is given once.
            These look at no box: `centre` is the largest square in the middle, `squash` the whole
            picture. `face` is the face of a picture that CelebA aligned, and as `box` of any other.
            Names joined by `+` give what each of them gives, and the same region once.
        width: of the picture, pixels.
        height: of the picture, pixels.
        boxes: of the dogs; None without an annotation.
        key: what the random policies draw by: the same key gives the same regions everywhere.
        crops: regions that a random policy draws for each dog; what fewer would give is among
            them. Of a dog that leaves no room it gives fewer.
    """
    if "+" in policy:
        parts = (regions(p, width, height, boxes, key, crops) for p in policy.split("+"))
        return list(dict.fromkeys(itertools.chain.from_iterable(parts)))
    if policy == "squash":
        return [(0, 0, width, height)]
    if policy == "face" and boxes is None and (width, height) == ALIGNED:
        return [FACE]
    middle = _centre(width, height)
    if policy == "centre":
        return [middle]
    usable: list[Box] = [middle] if boxes is None else _usable(boxes, width, height)
    if policy == "jitter":
        drawn = (
            # Only `random()` itself is promised to give the same numbers in every Python.
            _jittered(box, width, height, random.Random(f"{key} {dog} {i}"))
            for dog, box in enumerate(usable)
            for i in range(crops)
        )
        return list(dict.fromkeys(drawn))
    return _one_each(policy, width, height, usable)


def left_out(policy: str, width: int, height: int, boxes: list[Box] | None) -> int:
    """How many boxes give no crop of their own: they are too small or too long, or lie outside."""
    if boxes is None or set(policy.split("+")) <= set(WHOLE):
        return 0
    return len(boxes) - len(_usable(boxes, width, height))


def _centre(width: int, height: int) -> Region:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return (left, top, left + side, top + side)


def _one_each(policy: str, width: int, height: int, usable: list[Box]) -> list[Region]:
    if policy == "tight":
        return [_whole_pixels(box) for box in usable]
    squares = [_square(box, width, height) for box in usable]
    if policy != "fill":
        return squares
    middle = _centre(width, height)
    pairs = zip(usable, squares, strict=True)
    # Two dogs that fill one picture share their crop.
    return list(dict.fromkeys(middle if _fills(b, width, height) else s for b, s in pairs))


def _usable(boxes: list[Box], width: int, height: int) -> list[Box]:
    inside = (_clamp(box, width, height) for box in boxes)
    return [box for box in inside if _is_usable(box)]


def _clamp(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return (max(left, 0), max(top, 0), min(right, width), min(bottom, height))


def _is_usable(box: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    short, long = min(width, height), max(width, height)
    return short >= SMALLEST_SIDE and long <= LARGEST_ASPECT * short


def _whole_pixels(box: Box) -> Region:
    left, top, right, bottom = map(round, box)
    return (left, top, right, bottom)


def _longer_side(box: Box) -> float:
    return max(box[2] - box[0], box[3] - box[1])


def _fills(box: Box, width: int, height: int) -> bool:
    return _longer_side(box) >= FILLS * min(width, height)


def _square(box: Box, width: int, height: int) -> Region:
    """The square around the box, moved into the picture where it fits, else cut at its edges."""
    side = _longer_side(box)
    left, right = _span((box[0] + box[2]) / 2, side, width)
    top, bottom = _span((box[1] + box[3]) / 2, side, height)
    return (left, top, right, bottom)


def _jittered(box: Box, width: int, height: int, draws: random.Random) -> Region:
    """A square that holds the box, moved and cut likewise."""
    least = _longer_side(box)
    # A square beyond the short side would be cut at both edges, and stretched when it is resized.
    most = max(least, min(least * (1 + MARGIN), width, height))
    side = least + (most - least) * draws.random()
    left, right = _around(box[0], box[2], side, width, draws.random())
    top, bottom = _around(box[1], box[3], side, height, draws.random())
    return (left, top, right, bottom)


def _around(low: float, high: float, side: float, limit: int, place: float) -> tuple[int, int]:
    """A span from `high - side` to `high` at place 0, from `low` to `low + side` at place 1."""
    spare = side - (high - low)
    return _span(low + side / 2 - spare * (1 - place), side, limit)


def _span(middle: float, side: float, limit: int) -> tuple[int, int]:
    side = round(side)
    start = min(max(round(middle - side / 2), 0), max(limit - side, 0))
    return start, min(start + side, limit)
