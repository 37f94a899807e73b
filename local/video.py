"""Moving pictures: GIF and WebP through Pillow, MP4 through PyAV, each there whole or not at all.

GIF and WebP play in a loop by themselves; with an MP4 that is up to the player.
"""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Final

import numpy as np

from local import animation
from local.atomic import replacing
from local.errors import InputError

KINDS = (*animation.UNITS, ".mp4")
ENCODER: Final = "libx264"  # H.264, which every browser plays
FASTEST = 50  # pictures a second: browsers slow a GIF down that asks for more
H264 = {"crf": "18", "preset": "medium"}  # near what the eye tells from the original


def check(path: Path) -> None:
    """Whether a video of that name can be written, found out before the work.

    Raises:
        InputError: the ending names no kind, or the package that writes it is not there.
    """
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise InputError(f"{path}: no kind of video; end its name in {' or '.join(KINDS)}")
    if kind == ".mp4" and not _has_encoder():
        other = "pip install av, or write a .gif or a .webp"
        raise InputError(f"{path}: needs the package av with {ENCODER}; {other}")


def rate(path: Path, fps: float) -> float:
    """Pictures a second that a file of that kind plays when asked for `fps`, at most FASTEST."""
    kind = path.suffix.lower()
    return 1000 / animation.stay(kind, fps) if kind in animation.UNITS else fps


def write(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    """Writes a video; `check` first.

    Args:
        path: of the file, whose ending is one of KINDS.
        frames: pictures (H, W, 3) uint8 of one size, at least one; taken one by one.
        fps: pictures a second, from 1 to FASTEST.

    Raises:
        OSError: it cannot be written; what was there before still is.
    """
    with replacing(path) as partial:
        if path.suffix.lower() == ".mp4":
            _h264(partial, frames, fps)
        else:
            animation.write(partial, path.suffix.lower(), frames, fps)


def _h264(file: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    import av  # noqa: PLC0415  (an MP4 alone needs it)

    pictures: Iterator[np.ndarray] = map(_even, frames)
    first = next(pictures)
    # Its index goes to the front, so that a browser plays it before it has all.
    with av.open(str(file), "w", format="mp4", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(ENCODER, rate=fps, options=H264)
        stream.height, stream.width = first.shape[:2]
        stream.pix_fmt = "yuv420p"  # the one that every player knows
        for picture in chain([first], pictures):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())


def _even(frame: np.ndarray) -> np.ndarray:
    """Without the last row or column of an odd side: two places by two share a colour."""
    height, width = frame.shape[0] & ~1, frame.shape[1] & ~1
    return np.ascontiguousarray(frame[:height, :width])


def _has_encoder() -> bool:
    if find_spec("av") is None:
        return False
    import av  # noqa: PLC0415

    return ENCODER in av.codecs_available
