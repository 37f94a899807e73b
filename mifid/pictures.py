"""Reads pictures from a folder or a zip, in place, as batches of (N, 64, 64, 3) uint8.

The metric treats its two sides differently, and so does this file:

generated: must be a submission: every file a PNG of exactly 64x64 in RGB, as Kaggle demands.
real: the whole picture, squashed to 64x64 with Lanczos, no crop, aspect not kept. What cannot be
    decoded is left out and counted.
"""

import io
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Literal, Self

import numpy as np
from PIL import Image, UnidentifiedImageError

from mifid.errors import InputError
from mifid.finding import SUFFIXES, Entry, Found, find, place
from mifid.published import SIZE

Side = Literal["generated", "real"]

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
MAX_PIXELS = 50_000_000  # the competition's largest picture has 8 million
KAGGLES_RULE = f"Kaggle takes only images of size {SIZE}x{SIZE}, RGB, PNG"
PNG_DEPTH = 24  # the byte of a PNG that holds its bits per channel

ANIMATED = "are animated: only the first frame counts"
DEEP = "have 16 bits a channel: read as 8"
TRANSPARENT = "have a transparent colour: taken as it is, without transparency"


@dataclass
class Pictures:
    """Pictures that have been found and not yet decoded, sorted by name. Close after use.

    remarks: on what was found, a sentence each. skipped, odd: names of those that could not be
        decoded, and by peculiarity of those that could; known once the batches are through.
    """

    path: Path
    side: Side
    entries: list[Entry]
    remarks: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    odd: dict[str, list[str]] = field(default_factory=dict)
    archives: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.archives.close()

    def __len__(self) -> int:
        return len(self.entries)

    def part(self, stretch: slice) -> "Pictures":
        """Return some of the pictures, with ``skipped`` and ``odd`` of their own."""
        return replace(self, entries=self.entries[stretch], skipped=[], odd={})

    def add(self, skipped: Sequence[str], odd: Mapping[str, list[str]]) -> None:
        """Note what was found out about a part."""
        self.skipped += skipped
        for peculiarity, names in odd.items():
            self.odd.setdefault(peculiarity, []).extend(names)

    def decoded(self) -> list[str]:
        """Return the names of those that could be decoded; known once the batches are through."""
        skipped = set(self.skipped)
        return [entry.name for entry in self.entries if entry.name not in skipped]

    def notes(self) -> tuple[str, ...]:
        """Return what is to be minded, a sentence each; whole once the batches are through."""
        notes = list(self.remarks)
        if self.skipped:
            notes.append(
                f"{len(self.skipped):,} {self.side} pictures could not be decoded: left out"
                f" ({some(self.skipped)})"
            )
        for peculiarity, names in sorted(self.odd.items()):
            notes.append(
                f"{len(names):,} {self.side} pictures {peculiarity} ({some(sorted(names))})"
            )
        return tuple(notes)

    def batches(self, size: int) -> Iterator[np.ndarray]:
        """Yield (size, 64, 64, 3) uint8, the last batch smaller, decoded ahead in threads.

        Each is of ``size`` neighbours in the order of names, less those that cannot be decoded:
        whoever reads a part that begins with a batch gets the batches that one reader would.
        Never more than two batches wait, so the memory stays the same for any number of pictures.
        Raises InputError at the first generated picture that Kaggle would refuse.
        """
        todo = iter(self.entries)
        pending: deque[tuple[Entry, Future[np.ndarray | None]]] = deque()
        ready: list[np.ndarray] = []
        seen = 0
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            try:
                for entry in islice(todo, 2 * size):
                    pending.append((entry, pool.submit(self._decode, entry)))
                while pending:
                    done, future = pending.popleft()
                    picture = future.result()
                    for entry in islice(todo, 1):
                        pending.append((entry, pool.submit(self._decode, entry)))
                    seen += 1
                    if picture is None:
                        self.skipped.append(done.name)
                    else:
                        ready.append(picture)
                    if ready and (seen % size == 0 or not pending):
                        yield np.stack(ready)
                        ready = []
            finally:
                pool.shutdown(cancel_futures=True)

    def _decode(self, entry: Entry) -> np.ndarray | None:
        """Return (64, 64, 3) uint8, or None for a real picture that cannot be decoded."""
        try:
            data = entry.read()
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise self._refusal(entry, f"has {image.width} x {image.height} pixels")
                if self.side == "generated":
                    self._check_submission(entry, image)
                    picture = np.asarray(image)
                    for peculiarity in _peculiarities(data, image):
                        self.odd.setdefault(peculiarity, []).append(entry.name)
                    return picture
                whole = _as_rgb(image).resize((SIZE, SIZE), Image.Resampling.LANCZOS)
                return np.asarray(whole)
        except InputError:
            raise
        except Image.DecompressionBombError as error:
            raise self._refusal(entry, "has far too many pixels") from error
        except Exception as error:  # Pillow and zipfile raise a dozen kinds for a damaged file
            if self.side == "real":
                return None
            # Pillow's own line would name an object at an address in memory.
            unknown = isinstance(error, UnidentifiedImageError)
            reason = "is no picture" if unknown else f"cannot be decoded ({error})"
            raise InputError(
                f"{self.path}: {entry.name} {reason}: {KAGGLES_RULE}; write it again or remove it"
            ) from error

    def _check_submission(self, entry: Entry, image: Image.Image) -> None:
        """Hold a generated picture to the competition's own checks."""
        found = f"{image.width}x{image.height} {image.mode} {image.format}"
        if found != f"{SIZE}x{SIZE} RGB PNG":
            raise InputError(f"{self.path}: {entry.name} is {found}: {KAGGLES_RULE}; write it so")

    def _refusal(self, entry: Entry, what: str) -> InputError:
        return InputError(f"{self.path}: {entry.name} {what}; no picture for this, remove it")


def open_pictures(path: str | Path, side: Side, limit: int | None = None) -> Pictures:
    """Find the pictures of a folder (recursively) or a zip, in the order of their names.

    Hidden files and ``__MACOSX`` are not looked at, nor what ``finding.find`` says beyond them.
    ``limit`` takes that many, evenly spaced, so that a set sorted by label keeps its mixture.
    Raises InputError when there is nothing to read, something too large to be a picture, or a
    generated archive that Kaggle would not count as it is.
    """
    path = Path(path)
    pictures = Pictures(path, side, [])
    try:
        found = find(path, pictures.archives, submission=side == "generated")
        if not found.entries:
            kinds = " ".join(sorted(SUFFIXES))
            raise InputError(f"{path}: no pictures in it ({kinds}); give a folder or zip of them")
        pictures.remarks += _on_real(found) if side == "real" else _on_submission(path, found)
        entries = sorted(found.entries, key=lambda entry: entry.name)
        pictures.entries += [entries[i] for i in evenly_spaced(len(entries), limit)]
    except BaseException:
        pictures.archives.close()
        raise
    return pictures


def evenly_spaced(count: int, limit: int | None) -> list[int]:
    """Return ``limit`` of the indices 0..count-1, evenly spaced, or all of them."""
    if limit is None or limit >= count:
        return list(range(count))
    return [i * count // limit for i in range(limit)]


def some(names: Sequence[str], shown: int = 3) -> str:
    """Return the first names, and how many there are beyond them."""
    rest = [f"and {len(names) - shown:,} more"] if len(names) > shown else []
    return ", ".join([*names[:shown], *rest])


def _on_real(found: Found) -> list[str]:
    if not found.overwritten:
        return []
    return [
        f"{len(found.overwritten):,} names stand in the real archive more than once: the last of"
        f" each counts ({some(found.overwritten)})"
    ]


def _on_submission(path: Path, found: Found) -> list[str]:
    """Say what Kaggle would mind about a whole submission; raise where pictures would be lost."""
    if found.overwritten:
        raise InputError(
            f"{path}: {found.overwritten[0]} stands in it more than once: unpacked, as Kaggle does"
            f" it, one overwrites the other and {len(found.entries):,} pictures are left; give"
            " every picture a name of its own"
        )
    remarks = []
    names = [entry.name for entry in found.entries]
    folders = [name for name in names if "/" in place(name)]
    if found.zipped and folders:
        remarks.append(
            f"{len(folders):,} generated pictures lie in folders within the archive, and the"
            f" competition asks for PNG files only; put them at its top ({some(folders)})"
        )
    unlike = [name for name in names if PurePosixPath(name).suffix.lower() != ".png"]
    if unlike:
        remarks.append(
            f"the names of {len(unlike):,} generated pictures do not end in .png, and the"
            f" competition asks for PNG files ({some(unlike)})"
        )
    if found.others:
        remarks.append(
            f"{len(found.others):,} files beside the generated pictures are not looked at, and the"
            f" competition asks for PNG files only ({some(found.others)})"
        )
    return remarks


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):  # Pillow would cut 16 bits off at 255, to nearly white
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the same colours, without Pillow's warning
    return image.convert("RGB")


def _peculiarities(data: bytes, image: Image.Image) -> list[str]:
    """Return what a PNG that Kaggle takes has beyond 64x64 pixels of RGB in 8 bits."""
    found = {
        ANIMATED: getattr(image, "is_animated", False),
        DEEP: data[PNG_DEPTH] == 16,
        TRANSPARENT: "transparency" in image.info,
    }
    return [peculiarity for peculiarity, has_it in found.items() if has_it]
