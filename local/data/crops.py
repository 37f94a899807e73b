"""Which part of a picture becomes a training picture.

The metric's real set is whole pictures squashed to a square, while most winners trained on the
dogs' boxes; so the policy is a setting (`crop`) that moves the score before any training.
"""

from local.data.competition import Box

Region = tuple[int, int, int, int]  # left, top, right, bottom in whole pixels
POLICIES = ("box", "centre", "squash", "face")
ALIGNED = (178, 218)  # pixels; CelebA's aligned pictures, with the eyes in the same two places
# The 108 pixels in their middle, as DCGAN-tensorflow (`--input_height=108 --crop`) takes them.
FACE = (35, 55, 143, 163)
SMALLEST_SIDE = 32  # pixels; a smaller dog holds less detail than a picture of 64 shows
LARGEST_ASPECT = 4  # beyond it the square around the box holds mostly background


def regions(policy: str, width: int, height: int, boxes: list[Box] | None) -> list[Region]:
    """Regions of a picture to crop, each inside it, in whole pixels.

    Args:
        policy: `box` gives one region a dog (each box that is large enough and not too long, padded
            to a square and clamped), and the centre without an annotation; `centre` the largest
            square in the middle; `squash` the whole picture; `face` the face of a picture that
            CelebA aligned, and as `box` of any other.
        width: of the picture, pixels.
        height: of the picture, pixels.
        boxes: of the dogs; None without an annotation.
    """
    if policy == "squash":
        return [(0, 0, width, height)]
    if policy == "face" and boxes is None and (width, height) == ALIGNED:
        return [FACE]
    if policy == "centre" or boxes is None:
        return [_centre(width, height)]
    inside = (_clamp(box, width, height) for box in boxes)
    return [_square(box, width, height) for box in inside if _is_usable(box)]


def _centre(width: int, height: int) -> Region:
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return (left, top, left + side, top + side)


def _clamp(box: Box, width: int, height: int) -> Box:
    left, top, right, bottom = box
    return (max(left, 0), max(top, 0), min(right, width), min(bottom, height))


def _is_usable(box: Box) -> bool:
    width, height = box[2] - box[0], box[3] - box[1]
    short, long = min(width, height), max(width, height)
    return short >= SMALLEST_SIDE and long <= LARGEST_ASPECT * short


def _square(box: Box, width: int, height: int) -> Region:
    """The square around the box, moved into the picture where it fits, else cut at its edges."""
    side = max(box[2] - box[0], box[3] - box[1])
    left, right = _span((box[0] + box[2]) / 2, side, width)
    top, bottom = _span((box[1] + box[3]) / 2, side, height)
    return (left, top, right, bottom)


def _span(middle: float, side: float, limit: int) -> tuple[int, int]:
    side = round(side)
    start = min(max(round(middle - side / 2), 0), max(limit - side, 0))
    return start, min(start + side, limit)
