"""Paints a drawn dog: limbs become a depth map, and that gets a coat, fur and light.

A depth map rather than flat shapes: what hides what, soft shading and fur on every outline all
follow from it, for any pose seen from any side.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from local.data.drawing.anatomy import Figure, Ink, Limb
from local.data.drawing.coats import Array, Flags, Part, Skin

Window = tuple[slice, slice]
Ball = tuple[float, ...]  # right, down, towards the eye, radius; in pixels

# How much of a breed's fur grows there: a face stays readable on the shaggiest dog.
FUR = {
    Part.BODY: 1.0,
    Part.LEG: 0.6,
    Part.HEAD: 0.6,
    Part.MUZZLE: 0.3,
    Part.EAR: 0.6,
    Part.TAIL: 1.3,
    Part.NOSE: 0.0,
    Part.TONGUE: 0.0,
}
FUR_SIDE = 512  # pixels after which the noise of the fur repeats
CLOSE = 36  # pixels a unit, from where on fur does not grow with the dog: strands keep their width


@dataclass(frozen=True)
class View:
    """A camera without perspective."""

    axes: Array  # (3, 3): rows point right, down, and towards the eye
    scale: float = 1.0  # pixels a unit
    shift: tuple[float, float] = (0.0, 0.0)  # pixels from the corner to the figure's origin

    def project(self, places: Array) -> Array:
        """Places (n, 3) as pixels to the right, down and towards the eye."""
        return places @ self.axes.T * self.scale + (*self.shift, 0)

    def unproject(self, pixels: Array) -> Array:
        """The inverse of `project`."""
        matrix = (self.axes / self.scale).astype(pixels.dtype)
        return (pixels - np.array((*self.shift, 0), pixels.dtype)) @ matrix

    def zoomed(self, factor: float, left: float, top: float) -> "View":
        """The view from another corner, enlarged."""
        x, y = self.shift
        return View(self.axes, self.scale * factor, ((x - left) * factor, (y - top) * factor))

    def balls(self, places: Array, radii: Array) -> list[Ball]:
        """Places (n, 3) with radii (n,), in pixels."""
        return [*map(tuple, np.column_stack([self.project(places), radii * self.scale]).tolist())]


def view_axes(turn: float, pitch: float, mirror: int) -> Array:
    """Axes to see a dog turned towards the eye, from above (degrees), mirrored for -1. (3, 3)"""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    cp, sp = math.cos(math.radians(pitch)), math.sin(math.radians(pitch))
    return np.array([[mirror * c, 0, -mirror * s], [s * sp, -cp, c * sp], [s * cp, sp, c * cp]])


def paint(
    figure: Figure, view: View, size: tuple[int, int], lamp: Array, rng: np.random.Generator
) -> Image.Image:
    """The dog alone, RGBA, with nothing round it.

    Args:
        figure: the dog.
        view: how it is seen.
        size: width and height in pixels of what is painted; the dog must reach into it.
        lamp: a unit vector to the light, (3,): right, down, towards the eye.
        rng: for what tells one dog of a breed from another.
    """
    surface = _sculpt(figure, view, size, rng)
    inside = surface.cover > 0
    y, x = np.nonzero(inside)
    pixels = np.stack([surface.x[x], surface.y[y, 0], surface.depth[inside]], axis=1)
    tail = figure.joints(Part.TAIL)[-1, :3]
    places = view.unproject(pixels)
    skin = Skin(surface.part[inside], places, figure.torso, figure.head, tail, rng.random())
    light = _light(surface, inside, lamp)
    light *= 1 + min(0.25 * figure.breed.shag + 0.02, 0.06) * surface.fur[inside]
    canvas = np.zeros((*inside.shape, 4), np.float32)
    canvas[inside, :3] = _coat(figure, skin, rng) * light[:, None]
    canvas[..., 3] = 255 * surface.cover
    for ink in figure.ink:
        radii = np.full(len(ink.points), ink.radius * figure.breed.skull)
        surface.draw(canvas, view.balls(figure.head.world(np.array(ink.points)), radii), ink)
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8), "RGBA")


def cast_shadow(picture: Image.Image, figure: Figure, view: View, lamp: Array) -> None:
    """Darkens the ground of a picture under a dog, away from the lamp."""
    joints = figure.joints(Part.BODY, Part.LEG)
    feet = view.project(joints[:, :3] * (1, 0, 1))[:, :2]
    feet[:, 0] -= 0.8 * lamp[0] * view.scale * joints[:, 1]
    ground = abs(view.axes[2, 1]) + 0.25  # how much of the ground's depth is seen
    reach = np.outer(joints[:, 3] * view.scale, (1, ground))
    mask = Image.new("L", picture.size)
    pen = ImageDraw.Draw(mask)
    for box in np.hstack([feet - reach, feet + reach]).tolist():
        pen.ellipse(box, 95)
    picture.paste((24, 24, 34), mask=mask.filter(ImageFilter.BoxBlur(2.5)))


class Surface:
    """What is nearest to the eye at each pixel; round cones are added one by one."""

    def __init__(self, width: int, height: int, fur: Array) -> None:
        self.depth = np.full((height, width), -np.inf, np.float32)  # towards the eye, in pixels
        self.cover = np.zeros((height, width), np.float32)  # above 1 well inside the outline
        self.part = np.zeros((height, width), np.int8)
        self.fur = fur
        self.x = np.arange(width, dtype=np.float32) + 0.5
        self.y = np.arange(height, dtype=np.float32)[:, None] + 0.5

    def add(self, a: Ball, b: Ball, part: Part, shag: float) -> None:
        """Adds a cone between two balls, with fur that stands off so many pixels."""
        thick = max(a[3], b[3])
        window = self._window(a, b, thick + 1.5 * shag + 1)
        if not self.depth[window].size:
            return
        t, squared = self._along(window, a, b)
        radius = t * (b[3] - a[3])
        radius += a[3]
        if shag:
            radius += self.fur[window] * shag
        # Where a ball's surface is, squared, and half a pixel more for soft edges.
        height = radius * radius - squared
        height += thick
        np.maximum(self.cover[window], height * (0.5 / thick), out=self.cover[window])
        np.sqrt(height, out=height)  # NaN outside, which is not nearer than anything
        height += t * (b[2] - a[2]) + a[2]
        nearer = height > self.depth[window]
        np.copyto(self.depth[window], height, where=nearer)
        np.copyto(self.part[window], part, where=nearer)

    def draw(self, canvas: Array, line: list[Ball], ink: Ink) -> None:
        """Draws on a canvas (height, width, 3 or more) where the surface is not before it."""
        for a, b in pairwise(line if len(line) > 1 else line * 2):
            window = self._window(a, b, a[3] + 1)
            if not self.depth[window].size:
                continue
            t, squared = self._along(window, a, b)
            weight = a[3] + 0.5 - np.sqrt(np.maximum(squared, 0))
            weight = np.minimum(np.maximum(weight, 0), 1) * ink.strength
            # Ink stays on the skin it was put on: what hides that skin hides the ink.
            weight *= self.depth[window] < t * (b[2] - a[2]) + a[2] + 4 * a[3]
            patch = canvas[window][..., :3]
            patch += weight[..., None] * (np.array(ink.colour, np.float32) - patch)

    def _window(self, a: Ball, b: Ball, margin: float) -> Window:
        """The pixels no farther than the margin from a line."""
        height, width = self.depth.shape
        top, bottom = min(a[1], b[1]) - margin, max(a[1], b[1]) + margin
        left, right = min(a[0], b[0]) - margin, max(a[0], b[0]) + margin
        rows = slice(max(int(top), 0), min(max(int(bottom) + 1, 0), height))
        return rows, slice(max(int(left), 0), min(max(int(right) + 1, 0), width))

    def _along(self, window: Window, a: Ball, b: Ball) -> tuple[Array, Array]:
        """How far along a line each pixel is (0..1), and its squared distance from it."""
        x, y = self.x[window[1]] - a[0], self.y[window[0]] - a[1]
        dx, dy = b[0] - a[0], b[1] - a[1]
        length = dx * dx + dy * dy + 1e-6  # squared
        dot = x * dx + y * dy
        # In place from here: most of a picture's time is spent on these few lines.
        t = dot * (1 / length)
        np.maximum(t, 0, out=t)
        np.minimum(t, 1, out=t)
        dot *= -2
        dot += t * length
        dot *= t
        dot += x * x + y * y
        return t, dot


def _sculpt(figure: Figure, view: View, size: tuple[int, int], rng: np.random.Generator) -> Surface:
    width, height = size
    x, y = rng.integers(0, FUR_SIDE, 2)
    surface = Surface(width, height, _fur(figure.breed.curly)[y : y + height, x : x + width])
    with np.errstate(invalid="ignore"):  # the NaN outside
        for limb in figure.limbs:
            shag = figure.breed.shag * FUR[limb.part] * min(view.scale, CLOSE)
            for a, b in _cones(limb, view):
                surface.add(a, b, limb.part, shag)
    return surface


def _cones(limb: Limb, view: View) -> Iterator[tuple[Ball, Ball]]:
    """A limb's pieces; one that points at the eye is cut into more of them.

    A cone is drawn by how far along its line a pixel is, which means little for a short line.
    """
    for a, b in pairwise(view.balls(limb.joints[:, :3], limb.joints[:, 3])):
        flat = math.hypot(b[0] - a[0], b[1] - a[1])
        pieces = 1 + min(4, int(1.6 * abs(b[2] - a[2]) / (flat + min(a[3], b[3]))))
        steps = (i / pieces for i in range(1, pieces))
        between = [tuple(p + (q - p) * t for p, q in zip(a, b, strict=True)) for t in steps]
        yield from pairwise([a, *between, b])


@lru_cache
def _fur(curly: bool) -> Array:
    """Smooth noise, mostly within -1..1: hanging strands or curls. (1024, 1024)"""
    noise = np.random.default_rng(0).standard_normal((FUR_SIDE, FUR_SIDE))
    down, right = np.fft.fftfreq(FUR_SIDE)[:, None], np.fft.rfftfreq(FUR_SIDE)
    length, width = (3.4, 3.4) if curly else (6, 1.6)  # pixels
    blur = np.exp(-((math.pi * length * down) ** 2) - (math.pi * width * right) ** 2)
    noise = np.fft.irfft2(np.fft.rfft2(noise) * blur)
    return np.tile((0.5 * noise / noise.std()).astype(np.float32), (2, 2))


def _coat(figure: Figure, skin: Skin, rng: np.random.Generator) -> Array:
    """Colours of points on the skin. (n, 3)"""
    tint = 1 + rng.normal(0, 0.06) + rng.normal(0, 0.015, 3)
    colours = np.zeros((len(skin.part), 3), np.float32)
    for mark, colour in figure.breed.coat:
        weight = mark(skin).astype(np.float32)[:, None]
        colours += weight * ((tint * colour).astype(np.float32) - colours)
    colours[skin.part == Part.NOSE] = (40, 34, 36)
    colours[skin.part == Part.TONGUE] = (222, 110, 120)
    return colours


def _light(surface: Surface, inside: Flags, lamp: Array) -> Array:
    """Brightness by the slope of the surface: the lamp, and less light from below. (n,)"""
    height = np.where(inside, surface.depth, np.min(surface.depth[inside]))
    for turned in (height, height.T) * 2:  # rounds off the creases between limbs
        turned[1:-1] = (turned[:-2] + 2 * turned[1:-1] + turned[2:]) / 4
    down, right = (slope[inside] for slope in np.gradient(height))
    x, y, z = lamp.tolist()
    lit = (z - right * x - down * y) / np.sqrt(right**2 + down**2 + 1)
    return 0.66 + 0.42 * np.maximum(lit, 0) + 0.1 * np.clip(down, -1, 0.3)
