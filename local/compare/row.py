"""What a comparison says about one recipe."""

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from torch import nn

from local import nets
from local.recipes import Recipe
from local.train.watchers import LOG, read_log
from local.trained import Trained

TICK = {"step", "images_per_second"}  # what a line of the log has that is no quick score
STATISTICS = ("loss", "loss_g", "loss_d", "accuracy_real", "accuracy_fake", "diversity")


@dataclass(frozen=True)
class Row:
    """A recipe's figures; None for what it has not.

    g_parameters, d_parameters: trained numbers of the generator and of its partner; of an
        autoencoder those of decoder and encoder.
    images_per_second: the median of the run's ticks.
    kimg, seconds: real pictures shown, in thousands, and training time, all in all.
    loss and the further STATISTICS: means over the last tick.
    fid, kid, mifid, distance: as in `mifid`; label: what the scores may be called.
    comparable: whether they are the leaderboard's number.
    variety: as in `local.variety`, over all pictures.
    error: why there are no scores, in one line.
    warnings: what is to be minded about the scores.
    pictures: (N, 64, 64, 3) uint8, of the same draws for all recipes with latents of one kind.
    """

    recipe: str
    g_parameters: int | None = None
    d_parameters: int | None = None
    images_per_second: float | None = None
    kimg: float | None = None
    seconds: float | None = None
    loss: float | None = None
    loss_g: float | None = None
    loss_d: float | None = None
    accuracy_real: float | None = None
    accuracy_fake: float | None = None
    diversity: float | None = None
    fid: float | None = None
    kid: float | None = None
    mifid: float | None = None
    distance: float | None = None
    variety: float | None = None
    label: str | None = None
    comparable: bool | None = None
    error: str | None = None
    warnings: tuple[str, ...] = ()
    pictures: np.ndarray | None = None

    def as_dict(self) -> dict[str, Any]:
        """All but the pictures, for JSON."""
        return {k: v for k, v in asdict(self).items() if k != "pictures"}


def of_training(run: Path, trained: Trained) -> dict[str, Any]:
    """A row's figures that the run's folder tells, up to the snapshot."""
    snapshot = trained.snapshot
    ticks = [
        record
        for record in read_log(run / LOG)
        if record.keys() >= TICK and record["step"] <= snapshot.steps
    ]
    last = ticks[-1] if ticks else {}
    g_parameters, d_parameters = parameters(trained.recipe, len(trained.classes))
    return {
        "g_parameters": g_parameters,
        "d_parameters": d_parameters,
        "images_per_second": median(t["images_per_second"] for t in ticks) if ticks else None,
        "kimg": trained.images / 1000,
        "seconds": snapshot.seconds,
        **{name: last.get(name) for name in STATISTICS},
    }


def parameters(recipe: Recipe, breeds: int) -> tuple[int, int]:
    """Trained numbers of a recipe's generator, and of the network that it learns with."""
    generator = nets.generator(recipe, breeds)
    if recipe.network == "autoencoder":
        return _count(generator), _count(nets.encoder(recipe))
    return _count(generator), _count(nets.discriminator(recipe, breeds))


def _count(network: nn.Module) -> int:
    return sum(weights.numel() for weights in network.parameters())
