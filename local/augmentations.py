"""What a recipe's augmentation does to its pictures, as a sheet to look at before any training."""

import math

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from local.data.prepared import TrainingSet
from local.pictures import sheet, to_bytes
from local.recipes import Recipe
from local.rows import stacked, text
from local.train import diffaugment
from local.train.augment import apply, draw

OF_REALS = ("random_crop", "flip", "rotation", "brightness", "colour", "dequantise")
COLUMNS = 10
AGAIN = 3  # rows of what the same pictures become
PART = 0.3  # of the highest probability: a row on the way there, where it is not fixed
CELL = 100  # pixels at least; smaller pictures are enlarged
NAME_WIDTH = 140  # pixels
GAP = 6  # pixels between rows
TEXT = 11  # so that all settings fit beside a row


def picture(data: TrainingSet, recipe: Recipe) -> Image.Image:
    """The sheet: some pictures as prepared, as learnt from, and as the discriminator sees them.

    What the discriminator sees has a row for the recipe's probability of augmentation, or several
    from the lowest to the highest where it is adaptive or grows (the lowest is 0, which changes
    nothing, and has a row with instance noise alone). They have the same random numbers: a picture
    that is changed at one probability is changed in the same way at all higher ones. Levels beyond
    black and white, which the discriminator does see, are cut off.

    Args:
        data: on the CPU, with pictures of `recipe.prepared_size`.
        recipe: whose settings and seed are used.
    """
    random = torch.Generator().manual_seed(recipe.seed)
    chosen = torch.linspace(0, len(data) - 1, COLUMNS).long()  # of all breeds: they are in order
    prepared = data.pictures[chosen]
    drawn = (draw(COLUMNS, recipe, random) for _ in range(AGAIN))
    learnt = [apply(prepared, numbers, recipe) for numbers in drawn]
    labels = ["\n".join(["learnt from", *_settings(recipe)]), *["learnt from"] * (AGAIN - 1)]
    rows = [("real, as prepared", prepared.permute(0, 2, 3, 1).numpy())]
    rows += zip(labels, map(to_bytes, learnt), strict=True)
    rows += [(_seen(recipe, p), _shown(learnt[0], recipe, p)) for p in _probabilities(recipe)]
    return stacked([_row(label, pictures, recipe.prepared_size) for label, pictures in rows])


def _settings(recipe: Recipe) -> list[str]:
    """What happens to real pictures, a line each."""
    chosen = {name: getattr(recipe, name) for name in OF_REALS if getattr(recipe, name)}
    return [name if value is True else f"{name} {value:g}" for name, value in chosen.items()]


def _probabilities(recipe: Recipe) -> list[float]:
    """Those of the discriminator's rows; none where it sees just what is learnt from."""
    unchanged = [0.0] if recipe.noise else []
    if not recipe.augmentations:
        return unchanged
    if recipe.ada or recipe.augment_ramp:
        return [*unchanged, PART * recipe.augment_p, recipe.augment_p]
    return [recipe.augment_p]


def _seen(recipe: Recipe, p: float) -> str:
    lines = ["discriminator sees"]
    if recipe.augmentations:
        lines.append(f"at p = {p:g}")
    if recipe.ada or recipe.augment_ramp:
        lines.append(f"({'adaptive' if recipe.ada else 'growing'}, 0 to {recipe.augment_p:g})")
    if p:
        lines += recipe.augmentations
    if recipe.noise:
        lines.append(f"noise {recipe.noise:g}")
    return "\n".join(lines)


def _shown(pictures: Tensor, recipe: Recipe, p: float) -> np.ndarray:
    """Pictures as training shows them to the discriminator."""
    random, policy = torch.Generator().manual_seed(recipe.seed), recipe.augmentations
    numbers = diffaugment.draw_parameters(len(pictures), recipe.size, policy, random, p)
    noise = torch.empty_like(pictures).normal_(0, recipe.noise, generator=random)
    return to_bytes(diffaugment.apply(pictures, numbers, policy) + noise)


def _row(label: str, pictures: np.ndarray, side: int) -> Image.Image:
    """A label, and pictures (N, H, H, 3) uint8, each in the middle of a cell of that side."""
    before = (side - pictures.shape[1]) // 2
    frame = (before, side - pictures.shape[1] - before)
    framed = np.pad(pictures, ((0, 0), frame, frame, (0, 0)), constant_values=255)
    strip = sheet(framed, columns=len(framed), scale=math.ceil(CELL / side))
    row = text(label, NAME_WIDTH + strip.width, strip.height + GAP, TEXT)
    row.paste(strip, (NAME_WIDTH, 0))
    return row
