"""Places to see drawn dogs in: gradients for sky and ground, and a few props."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from local.data.drawing.breeds import Colour


class Stage(NamedTuple):
    """What a prop needs to know."""

    pen: ImageDraw.ImageDraw
    width: int
    height: int
    horizon: int
    rng: np.random.Generator

    def span(self, low: float, high: float) -> float:
        """A random number between two."""
        return float(self.rng.uniform(low, high))


Prop = Callable[[Stage, Colour], None]


def _shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(int(c * factor), 255) for c in colour)
    return red, green, blue


def hills(stage: Stage, colour: Colour) -> None:
    """A rolling ridge on the horizon."""
    x = np.linspace(0, stage.width, 24)
    phase, length, tall = stage.rng.uniform((0, 0.02, 0.05), (6, 0.06, 0.16))
    ridge = stage.horizon - stage.height * tall * (1 + np.sin(x * length + phase)) - 3
    outline = [(0, stage.horizon), *zip(x, ridge, strict=True), (stage.width, stage.horizon)]
    stage.pen.polygon(outline, colour)


def trees(stage: Stage, colour: Colour) -> None:
    """A loose row of round trees."""
    for x in stage.rng.uniform(0, stage.width, 6):
        crown, top = stage.span(7, 15), stage.horizon - stage.span(14, 34)
        stage.pen.rectangle((x - 1.5, top, x + 1.5, stage.horizon + 2), (88, 66, 50))
        for dx, dy in ((-0.5, 0.3), (0.5, 0.2), (0, -0.3)):
            _disc(stage, x + dx * crown, top + dy * crown, crown * 0.8, _shade(colour, 1 - dy / 2))


def firs(stage: Stage, colour: Colour) -> None:
    """A row of pointed trees."""
    for x in np.arange(-4, stage.width, 11) + stage.rng.uniform(-4, 4):
        tall, wide = stage.span(18, 44), stage.span(6, 10)
        outline = [
            (x - wide, stage.horizon + 1),
            (x, stage.horizon - tall),
            (x + wide, stage.horizon + 1),
        ]
        stage.pen.polygon(outline, _shade(colour, stage.span(0.8, 1.1)))


def houses(stage: Stage, colour: Colour) -> None:
    """A street front with windows."""
    x = -stage.span(0, 20)
    while x < stage.width:
        wide, tall = stage.span(24, 44), stage.span(26, 60)
        wall = _shade(colour, stage.span(0.7, 1.25))
        stage.pen.rectangle((x, stage.horizon - tall, x + wide, stage.horizon), wall)
        for left in np.arange(x + 4, x + wide - 6, 9):
            for top in np.arange(stage.horizon - tall + 5, stage.horizon - 9, 13):
                stage.pen.rectangle((left, top, left + 4, top + 6), (70, 84, 104))
        x += wide


def sea(stage: Stage, colour: Colour) -> None:
    """Water before the horizon, with surf where it ends."""
    shore = stage.horizon + 0.16 * stage.height
    stage.pen.rectangle((0, stage.horizon, stage.width, shore), colour)
    stage.pen.rectangle((0, shore, stage.width, shore + 2), (236, 240, 238))
    for y in np.linspace(stage.horizon + 4, shore - 4, 3):
        x = stage.span(0, stage.width)
        stage.pen.line((x, y, x + 26, y), _shade(colour, 1.25))


def clouds(stage: Stage, colour: Colour) -> None:
    """A few heaps of cloud."""
    for x in stage.rng.uniform(0, stage.width, 3):
        y = stage.span(0.05, 0.7) * stage.horizon
        for dx, radius in ((-9, 5), (-2, 8), (7, 6)):
            _disc(stage, x + dx, y - radius / 3, radius, colour)


def sun(stage: Stage, colour: Colour) -> None:
    """A low sun."""
    _disc(
        stage, stage.span(0.1, 0.9) * stage.width, stage.span(0.5, 0.95) * stage.horizon, 11, colour
    )


def tufts(stage: Stage, colour: Colour) -> None:
    """Blades of grass, longer where they are nearer."""
    for x, depth, lean in stage.rng.uniform((0, 0, -3), (stage.width, 1, 3), (70, 3)):
        y = stage.horizon + depth * (stage.height - stage.horizon)
        blade = (x, y, x + lean * depth, y - 2 - 6 * depth)
        stage.pen.line(blade, _shade(colour, 0.8 + 0.4 * depth))


def specks(stage: Stage, colour: Colour) -> None:
    """Flowers, leaves or pebbles on the ground."""
    for x, depth in stage.rng.uniform(0, 1, (26, 2)):
        y = stage.horizon + depth**1.5 * (stage.height - stage.horizon)
        _disc(stage, x * stage.width, y, 0.6 + 1.2 * depth, _shade(colour, 0.8 + 0.3 * depth))


def flakes(stage: Stage, colour: Colour) -> None:
    """Falling snow."""
    for x, y in stage.rng.uniform(0, 1, (40, 2)):
        _disc(stage, x * stage.width, y * stage.height, 1.2, colour)


def fence(stage: Stage, colour: Colour) -> None:
    """Boards, with gaps between them."""
    top = stage.horizon - stage.span(22, 40)
    for x in range(0, stage.width, 9):
        stage.pen.rectangle(
            (x, top, x + 7, stage.horizon + 1), _shade(colour, stage.span(0.9, 1.05))
        )


def path(stage: Stage, colour: Colour) -> None:
    """A way that runs to the horizon."""
    x, bottom = stage.span(0.25, 0.75) * stage.width, stage.height
    outline = [(x - 6, stage.horizon), (x + 6, stage.horizon), (x + 70, bottom), (x - 70, bottom)]
    stage.pen.polygon(outline, colour)


def window(stage: Stage, colour: Colour) -> None:
    """A window in a wall."""
    x, y = stage.span(0.05, 0.6) * stage.width, stage.span(0.08, 0.2) * stage.horizon
    right, bottom = x + stage.span(28, 46), y + 0.55 * stage.horizon
    stage.pen.rectangle((x, y, right, bottom), colour, (250, 248, 244), 3)
    stage.pen.line(((x + right) / 2, y, (x + right) / 2, bottom), (250, 248, 244), 2)


def sofa(stage: Stage, colour: Colour) -> None:
    """A seat against the wall."""
    x, tall = stage.span(-0.2, 0.5) * stage.width, stage.span(0.35, 0.5) * stage.horizon
    floor, right = stage.horizon + 8, x + 0.8 * stage.width
    stage.pen.rounded_rectangle((x, floor - tall, right, floor), 6, colour)
    stage.pen.rounded_rectangle((x - 6, floor - 0.6 * tall, x + 8, floor), 5, _shade(colour, 0.85))
    stage.pen.rounded_rectangle(
        (right - 8, floor - 0.6 * tall, right + 6, floor), 5, _shade(colour, 0.85)
    )
    stage.pen.rectangle((x + 8, floor - 0.4 * tall, right - 8, floor), _shade(colour, 1.12))


def rug(stage: Stage, colour: Colour) -> None:
    """An oval rug."""
    middle, y = stage.span(0.3, 0.7) * stage.width, (stage.horizon + stage.height) / 2
    for size, factor in ((1, 1), (0.8, 1.2)):
        half, tall = 0.5 * stage.width * size, 0.4 * (stage.height - stage.horizon) * size
        stage.pen.ellipse(
            (middle - half, y - tall, middle + half, y + tall), _shade(colour, factor)
        )


def boards(stage: Stage, colour: Colour) -> None:
    """Joints of a wooden floor, and the skirting."""
    for x in np.linspace(-1, 2, 13) * stage.width:
        middle = stage.width / 2
        stage.pen.line((middle + (x - middle) * 0.6, stage.horizon, x, stage.height), colour)
    stage.pen.rectangle((0, stage.horizon - 4, stage.width, stage.horizon), (238, 232, 222))


def _disc(stage: Stage, x: float, y: float, radius: float, colour: Colour) -> None:
    stage.pen.ellipse((x - radius, y - radius, x + radius, y + radius), colour)


@dataclass(frozen=True)
class Scene:
    """A place to see dogs in: two gradients that meet at the horizon, and props."""

    sky: tuple[Colour, Colour]  # top, horizon
    ground: tuple[Colour, Colour]  # horizon, bottom
    props: tuple[tuple[Prop, Colour], ...]  # drawn in this order


# fmt: off
SCENES: tuple[Scene, ...] = (
    Scene(((96, 156, 220), (206, 228, 240)), ((128, 168, 88), (84, 136, 58)),  # meadow
          ((clouds, (244, 248, 250)), (hills, (120, 156, 128)), (trees, (84, 132, 72)),
           (tufts, (110, 160, 70)), (specks, (250, 230, 120)))),
    Scene(((120, 184, 232), (222, 238, 244)), ((222, 200, 156), (236, 216, 176)),  # beach
          ((clouds, (250, 250, 250)), (sea, (64, 138, 168)), (specks, (190, 168, 130)))),
    Scene(((176, 196, 216), (226, 234, 242)), ((222, 230, 240), (240, 244, 250)),  # snow
          ((hills, (190, 204, 220)), (firs, (70, 100, 92)), (flakes, (252, 252, 255)))),
    Scene(((148, 178, 206), (214, 222, 226)), ((150, 150, 152), (112, 112, 118)),  # street
          ((houses, (176, 132, 112)), (path, (134, 134, 138)))),
    Scene(((222, 208, 184), (236, 226, 208)), ((172, 124, 82), (146, 100, 64)),  # room
          ((window, (170, 206, 232)), (sofa, (96, 124, 140)), (boards, (132, 90, 58)),
           (rug, (168, 84, 76)))),
    Scene(((206, 216, 214), (240, 226, 190)), ((170, 126, 70), (134, 92, 52)),  # autumn wood
          ((trees, (204, 120, 48)), (trees, (222, 160, 60)), (path, (150, 116, 78)),
           (specks, (226, 130, 40)))),
    Scene(((130, 176, 216), (206, 224, 230)), ((120, 160, 80), (92, 144, 66)),  # garden
          ((trees, (90, 140, 80)), (fence, (196, 168, 132)), (tufts, (120, 170, 80)),
           (specks, (236, 120, 150)))),
    Scene(((86, 84, 140), (250, 176, 110)), ((112, 104, 80), (76, 76, 58)),  # sunset
          ((sun, (255, 232, 170)), (hills, (112, 90, 116)), (tufts, (110, 106, 70)))),
    Scene(((186, 198, 210), (150, 160, 176)), ((150, 160, 176), (200, 208, 216)), ()),  # studio
    Scene(((120, 186, 190), (190, 224, 220)), ((150, 118, 92), (176, 140, 108)),  # blue room
          ((boards, (120, 92, 70)), (sofa, (206, 150, 80)), (rug, (230, 214, 190)))),
)
# fmt: on

# Red, green and blue of the light: noon, morning, evening, overcast and dusk.
TINTS = ((1, 1, 1), (1.05, 1, 0.88), (1.08, 0.92, 0.78), (0.93, 0.97, 1.03), (0.76, 0.8, 0.96))
TINT_SHARES = (0.4, 0.2, 0.15, 0.15, 0.1)


def backdrop(size: tuple[int, int], horizon: int, rng: np.random.Generator) -> Image.Image:
    """A scene without a dog, a little out of focus, RGB.

    Args:
        size: width and height in pixels.
        horizon: where the ground begins, in pixels from the top, inside the picture.
        rng: chooses the scene and where its props are.
    """
    width, height = size
    scene = SCENES[rng.integers(len(SCENES))]
    picture = Image.new("RGB", size)
    picture.paste(_gradient(scene.sky, width, horizon))
    picture.paste(_gradient(scene.ground, width, height - horizon), (0, horizon))
    stage = Stage(ImageDraw.Draw(picture), width, height, horizon, rng)
    for prop, colour in scene.props:
        prop(stage, _shade(colour, stage.span(0.88, 1.1)))
    return picture.filter(ImageFilter.BoxBlur(stage.span(0.6, 1.6)))


def tinted(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """The picture in the light of some time of day, a little brighter or darker."""
    tint = rng.choice(TINTS, p=TINT_SHARES) * rng.uniform(0.88, 1.08)
    table = np.minimum(np.outer(tint, np.arange(256)), 255).astype(int)
    return picture.point(table.ravel().tolist())


def _gradient(colours: tuple[Colour, Colour], width: int, height: int) -> Image.Image:
    top, bottom = np.array(colours, np.float32)
    t = (np.arange(height, dtype=np.float32)[:, None] + 0.5) / height
    return Image.fromarray((top + (bottom - top) * t).astype(np.uint8)[:, None]).resize(
        (width, height)
    )
