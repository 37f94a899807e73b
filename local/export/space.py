"""Dogs on demand: `python app.py` serves the page, on a Hugging Face Space or anywhere else.

The generator lies beside this file, and so does the code that draws.
"""

from functools import cache
from pathlib import Path

import numpy as np

from local.app.sampler import Sampler
from local.exported import load
from local.sampling import draw as draws


@cache
def dogs() -> Sampler:
    """The generator, loaded once."""
    return load(Path(__file__).resolve().parent)


def draw(
    count: int, seed: int = 0, breed: str | None = None, truncation: float | None = None
) -> np.ndarray:
    """Pictures (count, S, S, 3) uint8: for a seed always the same.

    Args:
        count: number of pictures.
        seed: of the latents.
        breed: one of `dogs().breeds`; None: all, in the training set's own shares.
        truncation: largest value of a latent, 0 for none; None: the recipe's.
    """
    of = dogs()
    label = None if breed is None else of.classes.index(breed)
    return of.pictures(draws(of.recipe, of.classes, count, seed, truncation, label))


def main() -> None:
    """Serves the page."""
    from local.app.page import LAUNCH, build  # noqa: PLC0415  (drawing alone needs no Gradio)

    build(dogs()).launch(**LAUNCH)


if __name__ == "__main__":
    main()
