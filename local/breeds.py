"""Breed by breed: real dogs beside generated ones, and how varied the generated ones are."""

from dataclasses import asdict, dataclass

import numpy as np
import torch
from PIL import Image
from torch import nn

from local.data.classes import Classes
from local.judging import Reals, fake_side
from local.pictures import sheet
from local.recipes import Recipe
from local.rows import stacked, text, write
from local.sampling import Draws, draw
from local.themes import PRINT, Theme
from local.variety import variety
from mifid.network import Network

EACH = 32  # pictures of a breed on either side: for the variety, and for the sheet to choose from
SHOWN = 6  # of them on the sheet, a side
MOST = 20  # breeds on the sheet
NAME_WIDTH = 190  # pixels
GAP = 12  # pixels between the sides


@dataclass(frozen=True)
class Breed:
    """A breed's generated pictures (N, 64, 64, 3) uint8 beside its real ones.

    variety: as in `local.variety`; None where the breed has fewer than two real pictures.
    """

    name: str
    training_pictures: int
    variety: float | None
    real: np.ndarray
    fake: np.ndarray

    def as_dict(self) -> dict[str, object]:
        """All but the pictures, for JSON."""
        return {k: v for k, v in asdict(self).items() if k not in ("real", "fake")}


def breeds(
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    reals: Reals,
    device: torch.device,
    network: Network,
) -> list[Breed]:
    """Every breed of a conditional generator in eval mode, the largest first.

    reals: at least a few pictures of each breed; the generator draws EACH.
    """
    order = sorted(range(len(classes)), key=lambda i: (-classes.counts[i], classes.names[i]))
    each = [draw(recipe, classes, EACH, recipe.seed, breed=i) for i in order]
    draws = Draws(torch.cat([d.latents for d in each]), torch.cat([d.labels for d in each]))
    pictures, features = fake_side(generator, draws, device, network)
    found = []
    for i, label in enumerate(order):
        mine, own = slice(i * EACH, (i + 1) * EACH), reals.of(classes.names[label])
        share = variety(features.values[mine], reals.features.values[own])
        found.append(
            Breed(
                name=classes.names[label],
                training_pictures=classes.counts[label],
                variety=None if np.isnan(share) else share,
                real=reals.pictures[own],
                fake=pictures[mine],
            )
        )
    return found


def picture(found: list[Breed], theme: Theme = PRINT) -> Image.Image:
    """The sheet: a row a breed, real pictures on the left, generated ones on the right."""
    rows = [_row(breed, theme) for breed in found[:MOST]]
    header = text("breed, and its variety", rows[0].width, 24, theme=theme)
    write(header, "real", NAME_WIDTH, theme=theme)
    write(header, "generated", _fakes_at(), theme=theme)
    return stacked([header, *rows])


def _fakes_at() -> int:
    return NAME_WIDTH + SHOWN * 66 + GAP


def _row(breed: Breed, theme: Theme) -> Image.Image:
    said = "too few" if breed.variety is None else f"{breed.variety:.2f}"
    row = text(f"{breed.name}\n{said}", _fakes_at() + SHOWN * 66, 66, theme=theme)
    for pictures, x in ((breed.real, NAME_WIDTH), (breed.fake, _fakes_at())):
        if len(pictures):
            row.paste(sheet(pictures[:SHOWN], columns=SHOWN, gap=theme.paper), (x, 0))
    return row
