"""Walks through a generator's latents: from stop to stop, and back to the first.

Latents are walked along great circles: between two draws of a Gaussian in many dimensions a
straight line leaves the shell on which nearly all draws lie (Shoemake 1985,
https://doi.org/10.1145/325165.325242; White 2016, https://arxiv.org/abs/1609.04468). Latents of
another distribution, uniform or truncated, are walked as the Gaussians of the same ranks, value by
value, so that all on the way are of that distribution.

Breeds change in a straight line, as shares of the two; see `local.nets.blocks.Breeds`.
"""

import math

import torch
from torch import Tensor
from torch.nn.functional import normalize, one_hot

from local.data.classes import Classes
from local.recipes import Recipe
from local.sampling import Draws

ALMOST_ONE = 1 - 1e-15  # the largest rank: at 1 itself a Gaussian is infinite


def stops(
    recipe: Recipe,
    classes: Classes,
    count: int,
    random: torch.Generator,
    truncation: float | None = None,
    breeds: tuple[int, ...] = (),
) -> Draws:
    """Draws to walk through, on the CPU, each at a right angle to the others.

    So every stretch has the same length; Gaussians in many dimensions nearly do anyway. All have
    the length that Gaussians have in the mean square.

    Args:
        recipe: whose latents.
        classes: the breeds.
        count: of stops, at most `recipe.latent`.
        random: on the CPU.
        truncation: as for `local.sampling.draw`.
        breeds: labels that the stops take in turn; none: drawn by the breeds' shares.
    """
    drawn = torch.randn(recipe.latent, count, dtype=torch.float64, generator=random)
    axes, triangle = torch.linalg.qr(drawn)
    axes = axes * triangle.diagonal().sign()  # else a direction would depend on the algorithm
    latents = from_gaussian(axes.T * math.sqrt(recipe.latent), recipe, truncation)
    if breeds:
        labels = torch.tensor(breeds)[torch.arange(count) % len(breeds)]
    else:
        shares = torch.tensor(classes.counts, dtype=torch.float64)
        labels = torch.multinomial(shares, count, count > len(classes), generator=random)
    return Draws(latents, labels)


def walk(
    recipe: Recipe, classes: Classes, through: Draws, frames: int, truncation: float | None = None
) -> Draws:
    """A closed walk, in steps of equal angles within a stretch.

    Args:
        recipe: whose latents.
        classes: the breeds.
        through: stops, of this recipe and truncation.
        frames: steps from a stop to the next, and from the last to the first.
        truncation: as for `local.sampling.draw`.

    Returns:
        Draws, `frames` for each stop, of which the first is the stop; labels are shares of the
        breeds (N, breeds) float32 where the recipe knows breeds.
    """
    points = to_gaussian(through.latents, recipe, truncation)
    shares = torch.arange(frames, dtype=torch.float64) / frames
    ends = zip(points, points.roll(-1, 0), strict=True)
    latents = torch.cat([spherical(start, end, shares) for start, end in ends])
    labels = through.labels
    if recipe.by_breed:
        whole = one_hot(labels, len(classes)).double()
        step = (whole.roll(-1, 0) - whole)[:, None] * shares[:, None]  # (stops, frames, breeds)
        labels = (whole[:, None] + step).flatten(0, 1).float()
    else:
        labels = labels.repeat_interleave(frames)
    return Draws(from_gaussian(latents, recipe, truncation), labels)


def spherical(one: Tensor, other: Tensor, shares: Tensor) -> Tensor:
    """Points (T, Z) on the way from one vector (Z,) to another, at shares (T,) of it.

    Directions are on the great circle through both, at equal angles for equal shares; lengths are
    in between. Of opposite vectors there is no such circle.
    """
    start, end = normalize(one, dim=0), normalize(other, dim=0)
    cosine = start @ end
    across = end - cosine * start
    angles = torch.atan2(across.norm(), cosine) * shares[:, None]
    directions = angles.cos() * start + angles.sin() * normalize(across, dim=0)
    return directions * torch.lerp(one.norm(), other.norm(), shares)[:, None]


def to_gaussian(latents: Tensor, recipe: Recipe, truncation: float | None = None) -> Tensor:
    """Latents (N, Z) of the recipe to Gaussians (N, Z) float64 of the same ranks."""
    latents, limit = latents.double(), _limit(recipe, truncation)
    if recipe.latents == "uniform":
        ranks = latents / min(1.0, limit)
    elif math.isinf(limit):
        return latents
    else:
        ranks = _rank(latents) / math.erf(limit / math.sqrt(2))
    return _of_rank(ranks)


def from_gaussian(points: Tensor, recipe: Recipe, truncation: float | None = None) -> Tensor:
    """The way back, to float32."""
    limit = _limit(recipe, truncation)
    if recipe.latents == "uniform":
        return (_rank(points) * min(1.0, limit)).float()
    if math.isinf(limit):
        return points.float()
    return _of_rank(_rank(points) * math.erf(limit / math.sqrt(2))).float()


def _limit(recipe: Recipe, truncation: float | None) -> float:
    """The largest value of a latent."""
    asked = recipe.truncation if truncation is None else truncation
    return asked or math.inf


def _rank(points: Tensor) -> Tensor:
    """Gaussians to their ranks among all, evenly from -1 to 1."""
    return torch.erf(points / math.sqrt(2))


def _of_rank(ranks: Tensor) -> Tensor:
    return torch.erfinv(ranks.clamp(-ALMOST_ONE, ALMOST_ONE)) * math.sqrt(2)
