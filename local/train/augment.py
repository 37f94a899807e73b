"""What happens to real pictures on the device, batch by batch; the generator learns to draw it.

What the discriminator sees of both sides, and the generator does not learn, is diffaugment.py's.
All that is random is drawn first, one row a picture, so that each member of a team needs its own
pictures only. The numbers come from a generator on the pictures' device.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from local.recipes import Recipe
from local.train.diffaugment import contrast, saturate

Numbers = dict[str, Tensor]  # by name, one row a picture


def draw(count: int, recipe: Recipe, random: torch.Generator) -> Numbers:
    """All that is random about `count` pictures, on the generator's device."""
    drawn: Numbers = {}
    if recipe.random_crop:
        drawn["corners"] = corners(count, recipe.random_crop, random)
    if recipe.flip:
        drawn["mirrored"] = mirrored(count, random)
    if recipe.rotation:
        drawn["angles"] = evenly(count, math.radians(recipe.rotation), random)
    if recipe.brightness:
        drawn["brightness"] = evenly(count, recipe.brightness, random)
    if recipe.colour:
        drawn["saturation"] = evenly(count, recipe.colour, random)
        drawn["contrast"] = evenly(count, recipe.colour, random)
    if recipe.dequantise:
        drawn["within_level"] = within_levels((count, 3, recipe.size, recipe.size), random)
    return drawn


def apply(pictures: Tensor, numbers: Numbers, recipe: Recipe) -> Tensor:
    """Pictures (N, 3, P, P) uint8, as prepared, to (N, 3, S, S) float32 in -1..1, as trained on.

    numbers: N rows of what `draw` gives for the same recipe.
    """
    if recipe.random_crop:
        pictures = random_crop(pictures, numbers["corners"], recipe.size)
    reals = to_floats(pictures)
    if recipe.flip:
        reals = flip(reals, numbers["mirrored"])
    if recipe.rotation:
        reals = rotate(reals, numbers["angles"])
    if recipe.brightness:
        reals = brighten(reals, numbers["brightness"])
    if recipe.colour:
        reals = recolour(reals, numbers["saturation"], numbers["contrast"])
    if recipe.dequantise:
        reals = dequantise(reals, numbers["within_level"])
    return reals


def to_floats(pictures: Tensor) -> Tensor:
    """Pictures uint8 0..255 to float32 -1..1, any shape."""
    return pictures.float().div_(127.5).sub_(1)


def mirrored(count: int, random: torch.Generator) -> Tensor:
    """Which half of so many pictures is mirrored (N,)."""
    return torch.rand(count, generator=random, device=random.device) < 0.5


def flip(pictures: Tensor, chosen: Tensor) -> Tensor:
    """Mirrors the chosen ones (N,) of the pictures (N, 3, H, W).

    Dogs look left as often as right, so it doubles the data and changes nothing else.
    """
    return torch.where(chosen.view(-1, 1, 1, 1), pictures.flip(3), pictures)


def corners(count: int, most: int, random: torch.Generator) -> Tensor:
    """Upper left corners (N, 2), down and to the right, 0 to `most` pixels."""
    shape = (2, count)
    return torch.randint(most + 1, shape, generator=random, device=random.device).T


def random_crop(pictures: Tensor, corners: Tensor, size: int) -> Tensor:
    """A square of `size` pixels of each picture (N, 3, P, P), from its corner (N, 2) on."""
    channels, side = pictures.shape[1], pictures.shape[3]
    rows, columns = corners.T[:, :, None] + torch.arange(size, device=pictures.device)  # (N, size)
    picked = pictures.gather(2, rows[:, None, :, None].expand(-1, channels, -1, side))
    return picked.gather(3, columns[:, None, None, :].expand(-1, channels, size, -1))


def evenly(count: int, limit: float, random: torch.Generator) -> Tensor:
    """Numbers (N,) from -limit to limit."""
    return (2 * torch.rand(count, generator=random, device=random.device) - 1) * limit


def rotate(pictures: Tensor, angles: Tensor) -> Tensor:
    """Turns each picture (N, 3, S, S) by its angle (N,), in radians; its edges are mirrored out.

    A black corner would be the first thing that a generator learns.
    """
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    turns = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = affine_grid(turns, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def brighten(pictures: Tensor, shares: Tensor) -> Tensor:
    """Multiplies the light of each picture (N, 3, H, W) by 1 + its share (N,), cut at white."""
    return ((pictures + 1) * (1 + shares).view(-1, 1, 1, 1) - 1).clamp(max=1)


def recolour(pictures: Tensor, saturation: Tensor, contrasts: Tensor) -> Tensor:
    """Multiplies saturation and contrast of each (N, 3, H, W) by 1 + its shares (N,)."""
    return contrast(saturate(pictures, 1 + saturation), 1 + contrasts).clamp(-1, 1)


def within_levels(shape: tuple[int, ...], random: torch.Generator) -> Tensor:
    """A place within its level for each value of pictures of that shape: -1/256 to 1/256."""
    places = torch.empty(shape, device=random.device)
    return places.uniform_(-1 / 256, 1 / 256, generator=random)


def dequantise(pictures: Tensor, places: Tensor) -> Tensor:
    """Spreads each value of -1..1 over its level's width of 1/128, by `within_levels`: any shape.

    Real pictures have 256 levels with nothing between, generated ones have all values, and a
    discriminator could tell them apart by that. The noise lies around the level, so that the mean
    stays, and rounding to bytes gives the picture back.
    """
    return (pictures + places).clamp_(-1, 1)
