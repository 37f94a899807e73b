"""What the discriminator sees of both sides, real and fake: random operations with gradients.

DiffAugment (Zhao et al. 2020, arXiv 2006.10738), with the paper's strengths. A discriminator that
never sees a picture twice in the same way cannot learn few pictures by heart. The generator does
not learn to draw the operations, as it would those of `local.train.augment`: its own pictures go
through them too, and its gradient comes back through them.

All that is random is drawn first, one row a picture, so that a batch can be shared or cut into
parts afterwards; what follows is a function of the pictures and these numbers alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

FARTHEST = 1 / 8  # share of the side that a picture moves at most, either way
HOLE = 1 / 2  # side of the square that is cut out, as a share of the picture's

Parameters = dict[str, Tensor]  # by name, one row a picture
Drawn = dict[str, tuple[Tensor, float]]  # a row a picture, and the value that changes nothing


@dataclass(frozen=True)
class Operation:
    """One of a policy.

    draw: numbers for `count` pictures of `side` pixels.
    apply: pictures (N, C, S, S) and N rows of such numbers to pictures of the same shape.
    """

    draw: Callable[[int, int, torch.Generator], Drawn]
    apply: Callable[[Tensor, Parameters], Tensor]


def draw_parameters(
    count: int, side: int, policy: Sequence[str], random: torch.Generator, p: Tensor | float
) -> Parameters:
    """Random numbers for `count` pictures of `side` pixels, on the generator's device.

    Args:
        count: pictures.
        side: of theirs, pixels.
        policy: names of OPERATIONS.
        random: where the numbers come from.
        p: probability with which an operation meets a picture (Karras et al. 2020, arXiv
            2006.06676); for the others its numbers are those that change nothing, not a bit.
    """
    parameters: Parameters = {}
    for name in policy:
        spared = _evenly(count, 0, 1, random) >= p
        for what, (values, idle) in OPERATIONS[name].draw(count, side, random).items():
            # Not torch.where: it copies a plain number to the device, and waits for it.
            parameters[what] = values.masked_fill(spared, idle)
    return parameters


def apply(pictures: Tensor, parameters: Parameters, policy: Sequence[str]) -> Tensor:
    """Pictures (N, C, S, S) as the policy's operations leave them, one after another.

    Args:
        pictures: -1..1; what comes out may lie beyond, and is 0 where nothing is known.
        parameters: N rows of `draw_parameters` with the same policy; others are not looked at.
        policy: names of OPERATIONS.
    """
    for name in policy:
        pictures = OPERATIONS[name].apply(pictures, parameters)
    return pictures


def saturate(pictures: Tensor, factors: Tensor) -> Tensor:
    """Multiplies how far each pixel of (N, C, H, W) lies from its own grey, by (N,)."""
    grey = pictures.mean(dim=1, keepdim=True)
    return torch.lerp(grey, pictures, factors.view(-1, 1, 1, 1))


def contrast(pictures: Tensor, factors: Tensor) -> Tensor:
    """Multiplies how far each value of (N, C, H, W) lies from its picture's mean, by (N,)."""
    mean = pictures.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, pictures, factors.view(-1, 1, 1, 1))


def translate(pictures: Tensor, shifts: Tensor) -> Tensor:
    """Moves each picture (N, C, S, S) by whole pixels (N, 2), down and to the right; 0 moves in."""
    side = pictures.shape[2]
    sources = torch.arange(side, device=pictures.device) - shifts[:, :, None]  # (N, 2, S)
    # Wrapped, each pixel is read once: its gradient is one number, not a sum in any order.
    rows, columns = sources.remainder(side).unbind(dim=1)
    places = (rows[:, :, None] * side + columns[:, None]).flatten(1)  # (N, S * S)
    pixels = pictures.permute(0, 2, 3, 1).flatten(1, 2)  # (N, S * S, C), no copy in channels_last
    moved = pixels.gather(1, places[:, :, None].expand_as(pixels))
    moved = moved.unflatten(1, (side, side)).permute(0, 3, 1, 2)
    # By a product, which keeps the order in memory, as masked_fill does not.
    return moved * _crossing((sources >= 0) & (sources < side))


def cut_out(pictures: Tensor, corners: Tensor) -> Tensor:
    """Blanks a square of HOLE of the side; its upper left corner (N, 2) may lie outside."""
    side = pictures.shape[2]
    inside = torch.arange(side, device=pictures.device) - corners[:, :, None]  # (N, 2, S)
    return pictures * ~_crossing((inside >= 0) & (inside < _hole(side)))


def _crossing(lines: Tensor) -> Tensor:
    """Pixels (N, 1, S, S) whose row and column are both among the marked ones (N, 2, S)."""
    return (lines[:, 0, :, None] & lines[:, 1, None, :])[:, None]


def _draw_colour(count: int, side: int, random: torch.Generator) -> Drawn:
    return {
        "brightness": (_evenly(count, -0.5, 0.5, random), 0),
        "saturation": (_evenly(count, 0, 2, random), 1),
        "contrast": (_evenly(count, 0.5, 1.5, random), 1),
    }


def _colour(pictures: Tensor, parameters: Parameters) -> Tensor:
    # The numbers are float32, and so is what comes out: half precision has too few levels.
    brighter = pictures + parameters["brightness"].view(-1, 1, 1, 1)
    return contrast(saturate(brighter, parameters["saturation"]), parameters["contrast"])


def _draw_translation(count: int, side: int, random: torch.Generator) -> Drawn:
    most = round(side * FARTHEST)
    return {"shift": (_whole(count, -most, most, random), 0)}


def _translation(pictures: Tensor, parameters: Parameters) -> Tensor:
    return translate(pictures, parameters["shift"])


def _draw_cutout(count: int, side: int, random: torch.Generator) -> Drawn:
    hole = _hole(side)
    out = hole // 2  # as in cutout's own paper (DeVries and Taylor 2017, arXiv 1708.04552)
    return {"hole": (_whole(count, -out, side - hole + out, random), side)}


def _cutout(pictures: Tensor, parameters: Parameters) -> Tensor:
    return cut_out(pictures, parameters["hole"])


def _hole(side: int) -> int:
    return round(side * HOLE)


def _evenly(count: int, low: float, high: float, random: torch.Generator) -> Tensor:
    """Numbers (N, 1) from low to high."""
    return torch.empty(count, 1, device=random.device).uniform_(low, high, generator=random)


def _whole(count: int, low: int, high: int, random: torch.Generator) -> Tensor:
    """Whole numbers (N, 2) from low to high, both included."""
    return torch.randint(low, high + 1, (count, 2), generator=random, device=random.device)


OPERATIONS = {
    "colour": Operation(_draw_colour, _colour),
    "translation": Operation(_draw_translation, _translation),
    "cutout": Operation(_draw_cutout, _cutout),
}
