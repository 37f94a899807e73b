"""Coats of drawn dogs: each mark is a function from points on the skin to a weight.

A coat is a list of marks with colours, painted one over the other. A mark knows the skin in
frames that move with the body, so that a saddle stays on the back whichever way the dog sits.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.floating[Any]]
Flags = npt.NDArray[np.bool_]


class Part(IntEnum):
    """What a point of a dog belongs to."""

    BODY = 0
    LEG = 1
    HEAD = 2
    MUZZLE = 3
    EAR = 4
    TAIL = 5
    NOSE = 6
    TONGUE = 7


@dataclass(frozen=True)
class Frame:
    """A place on a dog to measure from, in directions and units of its own."""

    origin: Array  # (3,)
    axes: Array  # (3, 3): rows are directions
    units: Array  # (3,): lengths along them

    def local(self, places: Array) -> Array:
        """Places (n, 3) as this frame sees them."""
        matrix = (self.axes / self.units[:, None]).T
        return places @ matrix.astype(places.dtype) - (self.origin @ matrix).astype(places.dtype)

    def world(self, points: Array) -> Array:
        """The inverse of `local`."""
        return self.origin + points * self.units @ self.axes


@dataclass(frozen=True)
class Skin:
    """Points on a dog."""

    part: npt.NDArray[np.int8]  # (n,)
    place: Array  # (n, 3)
    torso: Frame
    head: Frame
    tail_end: Array  # (3,)
    phase: float  # 0..1, makes each dog's marks its own

    @cached_property
    def body(self) -> Array:
        """From the hip (0) to the chest (1), above the spine, and sideways. (n, 3)"""
        return self.torso.local(self.place)

    @cached_property
    def face(self) -> Array:
        """Forwards, up and sideways from the skull's centre, in skull radii. (n, 3)"""
        return self.head.local(self.place)

    @cached_property
    def drift(self) -> Array:
        """Smooth noise that makes the edges of marks irregular. (n,)"""
        return self.ripple(2.2)

    def ripple(self, frequency: float) -> Array:
        """Smooth noise, -1..1: warped sines, far cheaper than noise on a lattice. (n,)"""
        x, y, z = self.place.T * frequency
        p = 6.3 * self.phase
        first = np.sin(1.7 * x + p + 1.3 * np.sin(1.1 * y + 2 * p))
        second = np.sin(1.9 * y + 2 * p + 1.1 * np.sin(1.3 * z + p))
        third = np.sin(2.1 * z + 3 * p + 1.2 * np.sin(1.2 * x + p))
        return (first + second + third) / 3

    def on(self, *parts: Part) -> Flags:
        """Whether a point belongs to one of the parts. (n,)"""
        return np.isin(self.part, parts)

    @property
    def on_head(self) -> Flags:
        """Whether a point belongs to the head without its ears. (n,)"""
        return self.on(Part.HEAD, Part.MUZZLE)


Mark = Callable[[Skin], Array]  # how much of its colour each point has, 0..1, (n,)


def _within(distance: Array, softness: float = 0.12) -> Array:
    """1 inside an edge (distance > 0), 0 outside, and soft between."""
    return np.clip(distance / softness + 0.5, 0, 1)


def all_over(skin: Skin) -> Array:
    """The ground colour."""
    return np.ones(len(skin.part), np.float32)


def saddle(skin: Skin) -> Array:
    """Back, flanks and tail."""
    along, above, _ = skin.body.T
    back = _within(above - 0.05 + 0.25 * skin.drift) * _within(1 - along, 0.2)
    return np.where(skin.on(Part.BODY, Part.LEG), back, skin.on(Part.TAIL))


def mask(skin: Skin) -> Array:
    """A dark muzzle that fades out below the eyes."""
    forward, up, _ = skin.face.T
    return skin.on_head * _within(forward - 0.78 - 0.7 * np.maximum(up + 0.1, 0), 0.3)


def ears(skin: Skin) -> Array:
    """Both ears."""
    return skin.on(Part.EAR).astype(np.float32)


def belly(skin: Skin) -> Array:
    """Underside, front of the chest, and jaw."""
    along, above, _ = skin.body.T
    under = _within(0.35 * (along - 0.5) - above - 0.38 + 0.2 * skin.drift, 0.4)
    jaw = skin.on_head * _within(-0.42 - skin.face[:, 1], 0.3)
    return np.where(skin.on(Part.BODY), under, jaw)


def front(skin: Skin) -> Array:
    """All before the middle."""
    before = _within(skin.body[:, 0] - 0.6 + 0.12 * skin.drift)
    return np.where(skin.on(Part.TAIL), 0, np.maximum(before, skin.face[:, 0] > -1.3))


def collar(skin: Skin) -> Array:
    """A ring round the neck."""
    return skin.on(Part.BODY) * _within(0.3 - abs(skin.body[:, 0] - 1.02) + 0.06 * skin.drift)


def bib(skin: Skin) -> Array:
    """A spot on the breast."""
    along, _, side = skin.body.T
    return skin.on(Part.BODY) * _within(along - 1.08) * _within(0.4 - abs(side))


def socks(skin: Skin) -> Array:
    """Paws and what is just above them."""
    return skin.on(Part.LEG) * _within(0.55 - skin.place[:, 1] + 0.06 * skin.drift)


def brows(skin: Skin) -> Array:
    """A dot above each eye."""
    forward, up, side = skin.face.T
    dots = _within(0.2 - np.hypot(up - 0.55, abs(side) - 0.4))
    return skin.on_head * dots * (forward > 0.4)


def points(skin: Skin) -> Array:
    """Brows, cheeks, breast and socks, as on a black-and-tan dog."""
    forward, up, _ = skin.face.T
    along, above, _ = skin.body.T
    cheek = skin.on_head * _within(forward - 0.75 - 0.9 * (up + 0.2), 0.2)
    breast = skin.on(Part.BODY) * _within(along - 1) * _within(0.2 - above)
    return np.stack([brows(skin), socks(skin), cheek, breast]).max(axis=0)


def cheeks(skin: Skin) -> Array:
    """A pale lower face with brows, as on a spitz."""
    _, up, side = skin.face.T
    lower = skin.on_head * _within(0.25 * abs(side) - 0.12 - up + 0.05 * skin.drift, 0.2)
    return np.maximum(lower, brows(skin))


def blaze(skin: Skin) -> Array:
    """A stripe between the eyes that widens over the muzzle."""
    forward, _, side = skin.face.T
    stripe = _within(0.17 + 0.5 * np.maximum(forward - 0.8, 0) - abs(side), 0.1)
    return skin.on_head * stripe * (forward > 0.1)


def tip(skin: Skin) -> Array:
    """The tail's end."""
    distance = np.linalg.norm(skin.place - skin.tail_end.astype(skin.place.dtype), axis=1)
    return skin.on(Part.TAIL) * _within(0.55 - distance)


def patches(skin: Skin) -> Array:
    """A few large patches on body and tail."""
    return skin.on(Part.BODY, Part.TAIL) * _within(skin.ripple(1.15) - 0.3, 0.1)


def eye_patch(skin: Skin) -> Array:
    """A patch round one eye."""
    _, up, side = skin.face.T
    return skin.on_head * _within(0.62 - np.hypot(up - 0.35, side - 0.65), 0.1)


def brindle(skin: Skin) -> Array:
    """Thin, broken, upright stripes."""
    x, y, _ = skin.place.T
    waves = np.sin(21 * x + 5 * skin.drift + 3 * y) + 0.9 * skin.ripple(5)
    return np.where(skin.on_head, 0.25, 0.6) * _within(waves, 1.6)


def merle(skin: Skin) -> Array:
    """Small torn patches all over."""
    return _within(skin.ripple(2.6) + 0.35 * skin.ripple(7) - 0.22, 0.15)


def spots(skin: Skin) -> Array:
    """Round spots: the skin cuts balls that hang at jittered places of a lattice."""
    cells = 2.1 * np.where(skin.on_head, 1.3 * skin.face.T, skin.place.T)  # smaller on the head
    corner = np.floor(cells)
    lottery = np.random.default_rng(int(skin.phase * 2**16)).random((4, 8, 8, 8), np.float32)
    *jitter, size = lottery[:, *(corner.astype(np.int8) % 8)]
    offset = cells - corner - 0.5 - 0.4 * (np.stack(jitter) - 0.5)
    return _within(0.12 + 0.3 * size - np.sqrt((offset * offset).sum(0)), 0.08)
