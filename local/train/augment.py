"""What happens to real pictures on the device, batch by batch; the generator learns to draw it.

What the discriminator sees of both sides, and the generator does not learn, is diffaugment.py's.
All random numbers come from a generator on the pictures' device.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample

from local.recipes import Recipe
from local.train.diffaugment import contrast, saturate


def augment(pictures: Tensor, recipe: Recipe, generator: torch.Generator) -> Tensor:
    """Pictures (N, 3, P, P) uint8, as prepared, to (N, 3, S, S) float32 in -1..1, as trained on."""
    if recipe.random_crop:
        pictures = random_crop(pictures, recipe.size, generator)
    reals = to_floats(pictures)
    if recipe.flip:
        reals = flip(reals, generator)
    if recipe.rotation:
        reals = rotate(reals, recipe.rotation, generator)
    if recipe.brightness:
        reals = brighten(reals, recipe.brightness, generator)
    if recipe.colour:
        reals = recolour(reals, recipe.colour, generator)
    if recipe.dequantise:
        reals = dequantise(reals, generator)
    return reals


def to_floats(pictures: Tensor) -> Tensor:
    """Pictures uint8 0..255 to float32 -1..1, any shape."""
    return pictures.float().div_(127.5).sub_(1)


def flip(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the pictures (N, 3, H, W).

    Dogs look left as often as right, so it doubles the data and changes nothing else.
    """
    chosen = torch.rand(len(pictures), 1, 1, 1, generator=generator, device=pictures.device) < 0.5
    return torch.where(chosen, pictures.flip(3), pictures)


def random_crop(pictures: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """A square of `size` pixels from anywhere in each picture (N, 3, P, P), P >= size."""
    count, channels, _, side = pictures.shape
    device = pictures.device
    corners = torch.randint(side - size + 1, (2, count), generator=generator, device=device)
    rows, columns = corners[:, :, None] + torch.arange(size, device=device)  # (N, size) each
    picked = pictures.gather(2, rows[:, None, :, None].expand(-1, channels, -1, side))
    return picked.gather(3, columns[:, None, None, :].expand(-1, channels, size, -1))


def rotate(pictures: Tensor, degrees: float, generator: torch.Generator) -> Tensor:
    """Turns each picture (N, 3, S, S) by up to `degrees`, either way; its edges are mirrored out.

    A black corner would be the first thing that a generator learns.
    """
    angles = _evenly(len(pictures), math.radians(degrees), generator, pictures.device)
    cos, sin, zero = angles.cos(), angles.sin(), torch.zeros_like(angles)
    turns = torch.stack([cos, -sin, zero, sin, cos, zero], dim=1).view(-1, 2, 3)
    grid = affine_grid(turns, list(pictures.shape), align_corners=False)
    return grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def brighten(pictures: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Multiplies the light of each picture (N, 3, H, W) by 1 - share to 1 + share, cut at white."""
    factors = 1 + _evenly(len(pictures), share, generator, pictures.device)
    return ((pictures + 1) * factors.view(-1, 1, 1, 1) - 1).clamp(max=1)


def recolour(pictures: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Multiplies saturation and contrast of each (N, 3, H, W) by 1 - share to 1 + share each."""
    saturation, contrasts = (
        1 + _evenly(len(pictures), share, generator, pictures.device) for _ in range(2)
    )
    return contrast(saturate(pictures, saturation), contrasts).clamp(-1, 1)


def dequantise(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Spreads each value of -1..1 evenly over its level's width of 1/128: any shape.

    Real pictures have 256 levels with nothing between, generated ones have all values, and a
    discriminator could tell them apart by that. The noise lies around the level, so that the mean
    stays, and rounding to bytes gives the picture back.
    """
    noise = torch.empty_like(pictures).uniform_(-1 / 256, 1 / 256, generator=generator)
    return (pictures + noise).clamp_(-1, 1)


def _evenly(count: int, limit: float, generator: torch.Generator, device: torch.device) -> Tensor:
    return (2 * torch.rand(count, generator=generator, device=device) - 1) * limit
