"""Drawn dogs as geometry: `build` puts a breed into a pose.

A figure is a handful of limbs, and a limb is a chain of balls. A dog looks along x, y points up
from the ground at 0, and z to its side, so that one figure can be seen from the side, from the
front, or from anywhere between. Lengths are in chest radii of a middling dog.
"""

import math
from dataclasses import dataclass

import numpy as np

from local.data.drawing.breeds import Breed, Colour, Shape
from local.data.drawing.coats import Array, Frame, Part


@dataclass(frozen=True)
class Limb:
    """A chain of balls: one rounded, tapering piece."""

    part: Part
    joints: Array  # (n, 4): x, y, z, radius


@dataclass(frozen=True)
class Ink:
    """A line drawn on the head."""

    points: Shape  # (x, y, z) in the head's frame
    radius: float  # in skull radii
    colour: Colour
    strength: float = 1.0


@dataclass(frozen=True)
class Figure:
    """A dog of one breed in one pose."""

    breed: Breed
    limbs: list[Limb]
    ink: list[Ink]
    torso: Frame  # from the hip: along the spine, up and sideways
    head: Frame  # from the skull's centre: to the nose, up and sideways

    def joints(self, *parts: Part) -> Array:
        """All joints (n, 4), or those of some parts only."""
        return np.vstack([limb.joints for limb in self.limbs if limb.part in parts or not parts])


@dataclass(frozen=True)
class Pose:
    """A body's attitude; heights run from 0, lying, to 1, standing."""

    chest: float
    hip: float
    # Paws of the near and the far side: (forward, lifted), in leg lengths from the joint above.
    fore: tuple[tuple[float, float], tuple[float, float]]
    hind: tuple[tuple[float, float], tuple[float, float]]
    neck: float = 50  # degrees over the horizon
    nose: float = -8  # the same, of the nose
    hock: float = 65  # degrees between the hind foot's long bone and the ground


POSES: tuple[Pose, ...] = (
    Pose(1, 1, ((0, 0), (0.12, 0)), ((-0.1, 0), (0.12, 0))),  # stand
    Pose(1, 1, ((0.42, 0.25), (-0.3, 0)), ((-0.5, 0.05), (0.3, 0)), neck=40, hock=50),  # trot
    Pose(1.1, 0, ((0, 0), (0.1, 0)), ((0.42, 0), (0.5, 0)), neck=65, hock=6),  # sit
    Pose(0, 0, ((0.8, 0), (0.7, 0)), ((0.5, 0), (0.6, 0)), neck=60, hock=4),  # lie
    Pose(0.05, 1, ((0.8, 0), (0.7, 0)), ((-0.1, 0), (0.1, 0)), neck=60),  # invite to play
    Pose(0.95, 1, ((0.15, 0), (-0.05, 0)), ((-0.1, 0), (0.1, 0)), neck=-8, nose=-38),  # sniff
    Pose(1.1, 0, ((0, 0), (0.1, 0)), ((0.42, 0), (0.5, 0)), neck=70, nose=14, hock=6),  # look up
)


def build(
    breed: Breed, pose: Pose, *, turn: float = 0, nod: float = 0, wag: float = 0, pant: bool = False
) -> Figure:
    """A dog on the ground, its middle over the origin.

    Args:
        breed: the measures.
        pose: the attitude.
        turn: of the head towards +z, in degrees.
        nod: of the nose upwards, in degrees on top of the pose's.
        wag: of the tail's end towards +z, in chest radii.
        pant: whether the tongue is out.
    """
    stance = _stand(breed, pose)
    torso = Frame(
        stance.hip,
        np.array([stance.spine, stance.up, (0, 0, 1)]),
        np.array([breed.body, breed.girth, 1]),
    )
    head = Frame(stance.skull, _turned(turn, pose.nose + nod), np.full(3, breed.skull))
    limbs = [_torso(stance), _tail(stance, wag)]
    for side, fore, hind in zip((1, -1), pose.fore, pose.hind, strict=True):
        limbs += [_foreleg(stance, side, fore), _hindleg(stance, side, hind)]
    for limb in _head(breed, pant):
        places, radii = head.world(limb.joints[:, :3]), breed.skull * limb.joints[:, 3]
        limbs.append(Limb(limb.part, np.column_stack([places, radii])))
    return Figure(breed, limbs, _features(breed), torso, head)


@dataclass(frozen=True)
class _Stance:
    """Where a breed's body is in a pose."""

    breed: Breed
    pose: Pose
    tall: float  # height of a standing dog's hip
    hip: Array
    spine: Array  # a unit vector from the hip to the chest

    @property
    def up(self) -> Array:
        return _across(self.spine)

    @property
    def chest(self) -> Array:
        return self.hip + self.breed.body * self.spine

    @property
    def withers(self) -> Array:
        """Where the neck leaves the chest."""
        return self.chest + self.breed.girth * (0.2 * self.spine + 0.35 * self.up)

    @property
    def skull(self) -> Array:
        angle = math.radians(self.pose.neck)
        neck = self.breed.neck * np.array([math.cos(angle), math.sin(angle), 0])
        return self.withers + 0.95 * neck + np.array([0.1, 0.1, 0])


def _stand(breed: Breed, pose: Pose) -> _Stance:
    tall = breed.leg + 0.9 * breed.girth
    lying = np.array([0.72, 0.78]) * breed.girth
    hip, chest = lying + (tall - lying) * (pose.hip, pose.chest)
    rise = min(max(chest - hip, -0.8 * breed.body), 0.82 * breed.body)  # no spine is upright
    run = math.sqrt(breed.body**2 - rise**2)
    spine = np.array([run, rise, 0]) / breed.body
    return _Stance(breed, pose, tall, np.array([-run / 2, hip, 0]), spine)


def _across(direction: Array) -> Array:
    """The direction turned upwards by a quarter in the body's plane."""
    return np.array([-direction[1], direction[0], 0])


def _turned(turn: float, rise: float) -> Array:
    """Rows: a direction that is turned sideways and raised (degrees), its up, and its side."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    cr, sr = math.cos(math.radians(rise)), math.sin(math.radians(rise))
    return np.array([[cr * c, sr, cr * s], [-sr * c, cr, -sr * s], [-s, 0, c]])


def _limb(part: Part, *joints: tuple[float, ...]) -> Limb:
    return Limb(part, np.array(joints))


def _torso(stance: _Stance) -> Limb:
    breed, withers, skull = stance.breed, stance.withers, stance.skull
    waist = breed.girth * breed.waist
    # The belly is tucked up and the back stays level: a narrow waist sits higher.
    loin = stance.hip + 0.45 * breed.body * stance.spine + (breed.girth - waist) / 2 * stance.up
    return _limb(
        Part.BODY,
        (*stance.hip, 0.86 * breed.girth),
        (*loin, waist),
        (*stance.chest, breed.girth),
        (*(0.65 * withers + 0.35 * skull), 0.37 * (breed.girth + breed.skull)),
        (*(0.2 * withers + 0.8 * skull), 0.72 * breed.skull),
    )


def _foreleg(stance: _Stance, side: int, paw: tuple[float, float]) -> Limb:
    girth, bone, tall = stance.breed.girth, stance.breed.bone, stance.tall
    shoulder = stance.chest + girth * np.array([0.12, -0.22, 0.5 * side])
    x, y, z = shoulder[0] + paw[0] * tall, 1.1 * bone + paw[1] * tall, shoulder[2]
    elbow = _joint(shoulder, np.array([x, y, z]), tall / 2, tall / 2, -1)
    return _limb(
        Part.LEG,
        (*shoulder, 0.5 * girth),
        (elbow[0], max(elbow[1], bone), elbow[2], 1.15 * bone),
        (x, y, z, 0.85 * bone),
        (x + 0.8 * bone, y - 0.2 * bone, z, 0.9 * bone),
    )


def _hindleg(stance: _Stance, side: int, paw: tuple[float, float]) -> Limb:
    girth, bone, tall = stance.breed.girth, stance.breed.bone, stance.tall
    hip = stance.hip + girth * np.array([0, 0, 0.42 * side])
    # A folded thigh lies beside the belly, not under it.
    spread = side * girth * (0.38 if stance.pose.hip < 0.5 else 0.03)
    x, y, z = hip[0] + paw[0] * tall, bone + paw[1] * tall, hip[2] + spread
    hock = math.radians(stance.pose.hock)
    heel = np.array([x - 0.32 * tall * math.cos(hock), y + 0.32 * tall * math.sin(hock), z])
    knee = _joint(hip, heel, 0.45 * tall, 0.42 * tall, 1)
    return _limb(
        Part.LEG,
        (*hip, 0.66 * girth),
        (knee[0], knee[1], z, 0.36 * girth + 0.3 * bone),
        (*heel, 0.95 * bone),
        (x, y, z, 0.85 * bone),
        (x + 0.8 * bone, y - 0.1 * bone, z, 0.92 * bone),
    )


def _joint(start: Array, end: Array, upper: float, lower: float, bend: int) -> Array:
    """Where a knee goes between two ends (two-bone inverse kinematics in the body's plane).

    It bends forwards for +1 and backwards for -1; bones that do not reach are stretched.
    """
    line = (end - start) * (1, 1, 0)
    reach = math.hypot(line[0], line[1]) + 1e-6
    span = min(max(reach, 1.001 * abs(upper - lower)), 0.999 * (upper + lower))
    forth = (upper**2 - lower**2 + span**2) / (2 * span)
    aside = math.sqrt(upper**2 - forth**2)
    return start + (forth * line + bend * aside * _across(line)) / reach


def _tail(stance: _Stance, wag: float) -> Limb:
    girth = stance.breed.girth
    x, y, radius = _smooth(np.array(stance.breed.tail)).T * girth
    # A tail follows half of the body's tilt, and lies on the ground rather than in it.
    axis = stance.spine + np.array([1, 0, 0])
    axis /= np.linalg.norm(axis)
    root = stance.hip + girth * (0.42 * stance.up - 0.72 * stance.spine)
    places = root + np.outer(x, axis) + np.outer(y, _across(axis))
    places[:, 1] = np.maximum(places[:, 1], radius)
    places[:, 2] = wag * np.linspace(0, 1, len(x)) ** 1.5
    return Limb(Part.TAIL, np.column_stack([places, radius]))


def _smooth(joints: Array) -> Array:
    """One more joint in each span, on a Catmull-Rom curve. (n, k) -> (2 n - 1, k)"""
    ends = np.vstack([2 * joints[0] - joints[1], joints, 2 * joints[-1] - joints[-2]])
    curve = np.repeat(joints, 2, axis=0)[:-1]
    curve[1::2] = (9 * (ends[1:-2] + ends[2:-1]) - ends[:-3] - ends[3:]) / 16
    return curve


LEVEL = -0.36  # the height of a muzzle's axis, in skull radii


def _head(breed: Breed, pant: bool) -> list[Limb]:
    """The head in its own frame, in skull radii."""
    snout, tip = breed.snout, 0.75 + breed.muzzle
    bridge = (tip - 0.65 * breed.muzzle, LEVEL + 0.02, 0, 1.12 * snout)
    drop = (1.0 if pant else 0.75) * snout
    nose = (tip + 0.72 * snout, LEVEL + 0.35 * snout)
    limbs = [
        _limb(Part.HEAD, (-0.25, 0.05, 0, 0.95), (0.15, 0.08, 0, 0.98)),
        _limb(Part.MUZZLE, (0.45, -0.28, 0, 0.72), bridge, (tip, LEVEL, 0, snout)),
        _limb(
            Part.MUZZLE,
            (0.4, -0.55, 0, 0.5),
            (tip - 0.1 - 0.25 * breed.muzzle, LEVEL - drop, 0, 0.6 * snout),
        ),
        _limb(Part.NOSE, (*nose, -0.1, 0.19), (*nose, 0.1, 0.19)),
    ]
    for side in (1, -1):
        limbs.append(Limb(Part.EAR, np.array(breed.ear) * (1, 1, side, 1)))
    if pant:
        root = (tip, LEVEL - 0.6 * snout, 0, 0.2)
        end = (tip + 0.5 * snout, LEVEL - 1.3 * snout - 0.14, 0, 0.17)
        limbs.append(_limb(Part.TONGUE, root, end))
    return limbs


def _features(breed: Breed) -> list[Ink]:
    """Eyes, mouth, and the inside of upright ears."""
    snout, tip = breed.snout, 0.75 + breed.muzzle
    ink = []
    for side in (1, -1):
        if breed.ear[-1][1] > 1:
            inside = tuple((x + radius, y, side * z) for x, y, z, radius in breed.ear)
            ink.append(Ink(inside, 0.16, (196, 140, 128), 0.6))
        mouth = (
            (tip + 0.62 * snout, LEVEL - 0.45 * snout, 0),
            (tip + 0.2 * snout, LEVEL - 0.85 * snout, 0.55 * snout * side),
            (0.62 * tip, LEVEL - 0.62 * snout, (snout + 0.12) * side),
        )
        eye = ((0.8, 0.2, 0.46 * side),)
        ink += [
            Ink(mouth, 0.055, (40, 28, 28), 0.75),
            Ink(eye, 0.21, (30, 22, 20), 0.6),
            Ink(eye, 0.16, breed.eyes),
            Ink(eye, 0.1, (12, 8, 8)),
            Ink(((0.86, 0.27, 0.46 * side - 0.05),), 0.055, (255, 255, 255)),
        ]
    return ink
