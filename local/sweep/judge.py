"""What a trial is worth: the kernel inception distance of its pictures.

The FID of few pictures is mostly bias (local/quick.py), and a sweep that looked at all 10,000 after
every trial would judge for longer than it trains. The KID has no bias for any number of pictures:
marks along the way of few pictures, and the final score of more, estimate the same thing.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from local.judging import fake_side, real_side
from local.quick import REALS, Quick
from local.sampling import draw
from local.train.trainer import Trainer
from mifid.kid import kernel_distance
from mifid.network import Network, open_network

MARK_IMAGES = 250  # pictures of a mark, unless `quick_images` says otherwise
SUBSETS = 100
SHARE = 4  # a subset is this part of the pictures
FEWEST = 2 * SHARE  # pictures of which a subset has two


@dataclass(frozen=True)
class Score:
    """A final score.

    Attributes:
        kid: the mean over all subsets.
        deviation: of one subset's; that of the mean is smaller.
        pictures: (N, 64, 64, 3) uint8, of the same latents in every trial.
    """

    kid: float
    deviation: float
    pictures: np.ndarray


class Judge:
    """Scores trainers against real pictures.

    Args:
        network: that sees the pictures.
        test: where the real ones are.
        images: behind a final score.
    """

    def __init__(self, network: Network, test: Path, images: int) -> None:
        self.network, self.images = network, images
        self.reals = real_side(test, network, REALS)
        self.quick = Quick(self.reals.features, network)

    @classmethod
    def open(cls, graph: Path | None, device: str, test: Path, images: int) -> "Judge":
        """With the network of a graph on a type of device, as `open_network` takes both."""
        return cls(open_network(graph, device=device), test, images)

    @property
    def subset(self) -> int:
        """Pictures of a subset, on either side."""
        return max(2, min(self.images, len(self.reals.labels)) // SHARE)

    def score(self, trainer: Trainer) -> Score:
        """The average generator's, with fresh statistics and latents that no mark has seen."""
        trainer.recalibrate()
        recipe = trainer.recipe
        draws = draw(recipe, trainer.classes, self.images, recipe.seed + 1)
        pictures, fakes = fake_side(trainer.average, draws, trainer.device.device, self.network)
        reals = self.reals.features.values
        kid = kernel_distance(fakes.values, reals, subsets=SUBSETS, size=self.subset)
        return Score(kid.mean, kid.deviation, pictures)
