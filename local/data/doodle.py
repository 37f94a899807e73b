"""Drawn dogs: the data that the kit trains on when none is named.

Each picture is made of a seed and an index alone. `write` lays the pictures out as the
competition does, with boxes, so that the same loader reads both.
"""

import os
import tempfile
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from local.data.drawing.anatomy import POSES, Figure, build
from local.data.drawing.breeds import BREEDS, Breed
from local.data.drawing.coats import Array, Part
from local.data.drawing.painter import View, cast_shadow, paint, view_axes
from local.data.drawing.scenery import backdrop, tinted

Box = tuple[int, int, int, int]  # xmin, ymin, xmax, ymax in pixels; the last two are just outside

SIDES = (96, 160)  # of a picture, in pixels
SHORT = (54, 92)  # of a dog's shorter side, in pixels: loaders drop boxes under 32
LONG = 146  # at most, of all dogs together
DETAIL = 1.5  # a dog is painted this much larger than it is shown
EVEN = 2  # a multiple of which has whole pixels at either size
QUALITY = 92  # of a JPEG
FEW = 300  # pictures that are drawn sooner than processes are started

TURNS = {"alone": (-15, 90), "portrait": (35, 90), "pair": (45, 90)}  # degrees towards the eye
SHARES = (0.72, 0.22, 0.06)


@dataclass(frozen=True)
class Doodle:
    """One picture with what is known about it."""

    picture: Image.Image  # RGB
    breed: Breed
    boxes: list[Box]  # one a dog
    name: str  # <wnid>_<index>, without a suffix


def draw(index: int, seed: int = 0) -> Doodle:
    """Draws one picture, which depends on the two numbers only.

    Args:
        index: 0 or more; breeds take turns.
        seed: 0 or more.

    Raises:
        ValueError: a number is negative.
    """
    rng = np.random.default_rng([seed, index])
    breed = BREEDS[index % len(BREEDS)]
    shot = str(rng.choice(list(TURNS), p=SHARES))
    actors = [_pose(breed, shot, rng) for _ in range(2 if shot == "pair" else 1)]
    layout = _arrange(actors, shot == "portrait", rng)
    lamp = np.array([rng.choice((-1, 1)) * rng.uniform(0.3, 0.6), -0.7, 0.6])
    lamp /= np.linalg.norm(lamp)
    picture = backdrop(layout.size, layout.horizon, rng)
    for actor, view in zip(actors, layout.views, strict=True):
        cast_shadow(picture, actor.figure, view, lamp)
    boxes = [
        _show(picture, actor.figure, view, lamp, rng)
        for actor, view in zip(actors, layout.views, strict=True)
    ]
    return Doodle(tinted(picture, rng), breed, boxes, f"{breed.wnid}_{index}")


def write(folder: Path, count: int = 4000, seed: int = 0) -> None:
    """Draws pictures into `folder/all-dogs`, and their boxes into `folder/Annotation`.

    The folder appears when it is complete: nothing is left behind when drawing fails.

    Args:
        folder: where to; it may exist if it is empty.
        count: of pictures.
        seed: of all pictures; a smaller count gives the first of the same pictures.

    Raises:
        ValueError: a count below 1, or a negative seed.
        FileExistsError: the folder holds something, or is a file.
    """
    if count < 1 or seed < 0:
        raise ValueError(f"cannot draw {count} dogs with seed {seed}: at least 1, seed at least 0")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} exists and is not empty: name a new folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as scratch:
        draft = Path(scratch) / "draft"
        (draft / "all-dogs").mkdir(parents=True)
        for breed in BREEDS:
            _annotations(draft, breed).mkdir(parents=True)
        _save_all(draft, count, seed)
        if folder.exists():  # only POSIX renames onto an empty folder
            folder.rmdir()
        draft.rename(folder)


# How a picture is composed.


@dataclass(frozen=True)
class _Actor:
    """A figure, and the part of it that a picture has to show, at one pixel a unit."""

    figure: Figure
    axes: Array  # (3, 3), of its view
    low: Array  # (2,): left and top, from the figure's origin
    high: Array  # (2,): right and bottom

    @property
    def size(self) -> Array:
        return self.high - self.low


@dataclass(frozen=True)
class _Layout:
    size: tuple[int, int]  # width and height of the picture
    horizon: int  # pixels from the top
    views: list[View]  # one an actor


def _pose(breed: Breed, shot: str, rng: np.random.Generator) -> _Actor:
    turn = rng.uniform(*TURNS[shot])
    to_eye = rng.uniform(65, 90) - turn
    figure = build(
        breed,
        POSES[rng.integers(len(POSES))],
        turn=to_eye * rng.choice((0, 0.5, 1), p=(0.3, 0.2, 0.5)),
        nod=rng.uniform(-8, 8),
        wag=rng.uniform(-0.7, 0.7),
        pant=rng.random() < 0.35,
    )
    axes = view_axes(turn, rng.uniform(6, 18), int(rng.choice((-1, 1))))
    head = (Part.HEAD, Part.MUZZLE, Part.EAR, Part.NOSE)
    low, high = _bounds(figure, View(axes), *(head if shot == "portrait" else ()))
    if shot == "portrait":
        high[1] += rng.uniform(0.3, 0.9) * (high[1] - low[1])  # down to the chest
    return _Actor(figure, axes, low, high)


def _bounds(figure: Figure, view: View, *parts: Part) -> tuple[Array, Array]:
    """Left and top, right and bottom in pixels of the figure, or of some parts only."""
    joints = figure.joints(*parts)
    places = view.project(joints[:, :3])[:, :2]
    reach = (joints[:, 3:] + 1.5 * figure.breed.shag) * view.scale
    return (places - reach).min(axis=0), (places + reach).max(axis=0)


def _arrange(actors: list[_Actor], portrait: bool, rng: np.random.Generator) -> _Layout:
    """Fits a picture round dogs that are side by side, a little before one another."""
    widths, heights = zip(*(actor.size.tolist() for actor in actors), strict=True)
    lefts = [0.0, *accumulate(0.92 * width for width in widths)][: len(actors)]
    extent = np.array([lefts[-1] + widths[-1], max(heights)])
    scale = min(rng.uniform(*SHORT) / min(widths + heights), LONG / extent.max())
    frame = scale * extent
    sides = np.clip(frame * rng.uniform(1.06, 1.6, 2), *SIDES)
    width, height = (sides // EVEN * EVEN).astype(int).tolist()
    left = (width - frame[0]) * rng.uniform(0.2, 0.8)
    floor = height - (height - frame[1]) * (0 if portrait else rng.uniform(0.1, 0.5))
    depth = frame[1] * rng.uniform(0.4 if portrait else 0.25, 0.75)
    horizon = int(min(max(floor - depth, 0.2 * height), 0.75 * height))
    views = [
        View(a.axes, scale, (left + scale * (x - a.low[0]), floor - scale * a.high[1]))
        for a, x in zip(actors, lefts, strict=True)
    ]
    return _Layout((width, height), horizon, views)


def _show(
    picture: Image.Image, figure: Figure, view: View, lamp: Array, rng: np.random.Generator
) -> Box:
    """Paints a dog into the picture, and returns the box of what is seen of it."""
    low, high = _bounds(figure, view)
    left, top = (np.clip(low // EVEN * EVEN, 0, picture.size)).astype(int).tolist()
    right, bottom = (np.clip(-(-high // EVEN) * EVEN, 0, picture.size)).astype(int).tolist()
    size = int((right - left) * DETAIL), int((bottom - top) * DETAIL)
    dog = paint(figure, view.zoomed(DETAIL, left, top), size, lamp, rng)
    dog = dog.resize((right - left, bottom - top), Image.Resampling.HAMMING)
    picture.paste(dog, (left, top), dog)
    return _box(dog, left, top)


def _box(dog: Image.Image, left: int, top: int) -> Box:
    """The box of what is more dog than background, moved to where the dog is."""
    solid = dog.getchannel("A").point([0] * 128 + [255] * 128).getbbox()
    assert solid, "a dog outside of its picture"
    return solid[0] + left, solid[1] + top, solid[2] + left, solid[3] + top


# How pictures are written.

# Tabs and names as in the competition's files.
ANNOTATION = """<annotation>
	<folder>{folder}</folder>
	<filename>{name}</filename>
	<source>
		<database>Drawn dogs</database>
	</source>
	<size>
		<width>{width}</width>
		<height>{height}</height>
		<depth>3</depth>
	</size>
	<segment>0</segment>
{objects}</annotation>
"""
OBJECT = """	<object>
		<name>{breed}</name>
		<pose>Unspecified</pose>
		<truncated>{truncated:d}</truncated>
		<difficult>0</difficult>
		<bndbox>
			<xmin>{0}</xmin>
			<ymin>{1}</ymin>
			<xmax>{2}</xmax>
			<ymax>{3}</ymax>
		</bndbox>
	</object>
"""


def _save_all(folder: Path, count: int, seed: int) -> None:
    save = partial(_save, folder, seed)
    processes = _processes() if count > FEW else 1
    if processes == 1:
        _watch(map(save, range(count)), count)
        return
    with ProcessPoolExecutor(processes) as pool:
        _watch(pool.map(save, range(count), chunksize=32), count)


def _watch(saved: Iterable[None], count: int) -> None:
    for _ in tqdm(saved, "drawing dogs", count, unit="picture", disable=None):
        pass


def _processes() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _save(folder: Path, seed: int, index: int) -> None:
    doodle = draw(index, seed)
    doodle.picture.save(folder / "all-dogs" / f"{doodle.name}.jpg", quality=QUALITY)
    (_annotations(folder, doodle.breed) / doodle.name).write_text(_annotation(doodle))


def _annotations(folder: Path, breed: Breed) -> Path:
    return folder / "Annotation" / f"{breed.wnid}-{breed.name}"


def _annotation(doodle: Doodle) -> str:
    width, height = doodle.picture.size
    objects = [
        OBJECT.format(
            *box,
            breed=doodle.breed.name,
            truncated=min(box[:2]) == 0 or box[2] == width or box[3] == height,
        )
        for box in doodle.boxes
    ]
    return ANNOTATION.format(
        folder=doodle.breed.wnid.removeprefix("n"),
        name=doodle.name,
        width=width,
        height=height,
        objects="".join(objects),
    )
