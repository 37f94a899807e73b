"""Pictures from a trained generator."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from local.data.classes import Classes
from local.pictures import to_bytes
from local.recipes import Recipe
from local.train.devices import out_of_memory

BATCH = 250  # large enough for a GPU, small enough for the cache of a CPU


@dataclass(frozen=True)
class Draws:
    """What a generator makes pictures of: latents (N, Z) float32 and labels (N,) int64.

    In place of labels there may be shares of breeds (N, breeds) float32, as a walk has them.
    """

    latents: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.latents)

    def __getitem__(self, rows: slice) -> "Draws":
        return Draws(self.latents[rows], self.labels[rows])

    def on(self, device: torch.device) -> tuple[Tensor, Tensor]:
        """Both in a device's memory, as the generator takes them."""
        return self.latents.to(device), self.labels.to(device)


def draw(
    recipe: Recipe,
    classes: Classes,
    count: int,
    seed: int,
    truncation: float | None = None,
    breed: int | None = None,
) -> Draws:
    """Draws for `count` pictures, on the CPU.

    Drawn on the CPU and at once, so that neither device nor batch size changes a picture.

    Args:
        recipe: whose latents.
        classes: the breeds; each has its share in the training set.
        count: number of draws.
        seed: of the random numbers.
        truncation: values beyond it are drawn again (Brock et al. 2018, arXiv 1809.11096):
            fewer odd pictures, less variety; 0 draws from all, None is the recipe's.
        breed: its label, for pictures of one breed only.
    """
    labels = classes.labels(count, seed) if breed is None else torch.full((count,), breed)
    random = torch.Generator().manual_seed(seed)
    if truncation is None:
        truncation = recipe.truncation
    return Draws(fill(torch.empty(count, recipe.latent), recipe, random, truncation), labels)


def fill(
    latents: Tensor, recipe: Recipe, random: torch.Generator, truncation: float = 0.0
) -> Tensor:
    """Fills latents (N, Z), on the random generator's device, from the recipe's distribution.

    truncation: values beyond it are drawn again; 0 draws from all.
    """
    if recipe.latents == "uniform":
        limit = min(1.0, truncation or 1.0)
        return latents.uniform_(-limit, limit, generator=random)
    if not truncation:
        return latents.normal_(generator=random)
    return nn.init.trunc_normal_(latents, a=-truncation, b=truncation, generator=random)


@torch.inference_mode()
def sample(
    generator: nn.Module, draws: Draws, device: torch.device, batch: int = BATCH
) -> Iterator[np.ndarray]:
    """Pictures of the draws in batches (N, H, W, 3) uint8, in float32 for repeatable bytes.

    The generator must be in eval mode: with batch statistics a picture would depend on those
    beside it. Where memory runs out, batches become smaller.
    """
    done = 0
    while done < len(draws):
        try:
            pictures = to_bytes(generator(*draws[done : done + batch].on(device)))
        except RuntimeError as error:
            if not out_of_memory(error) or batch == 1:
                raise
            batch //= 2
        else:
            yield pictures
            done += len(pictures)
