"""A quick score along the way: the FID of a few pictures, and beside it one that means something.

Some authors judge by the FID of 64 pictures. Their covariance has rank 63 at most, so that number
is mostly bias: a perfect generator would not come near 0 (docs/recipes.md has figures). It ranks
snapshots of one run, no more. The KID beside it has no bias for any number of pictures.
"""

import hashlib
import json
from pathlib import Path

import numpy as np

from local import runs
from local.atomic import replacing
from local.judging import fake_side
from local.sampling import draw
from local.train import snapshots
from local.train.trainer import Trainer
from mifid.features import Features
from mifid.frechet import frechet_distance, moments
from mifid.kid import kernel_distance
from mifid.network import Network

REALS = 1000  # real pictures that are compared with
SUBSETS = 20  # of the real ones, for the KID
FILE = "score.json"


class Quick:
    """Scores a trainer against real features, and keeps the weights that have scored best.

    Args:
        reals: features of real pictures.
        network: that gave them.
        best: folder of the best, a run like any other; None keeps none.

    Attributes:
        fid: the lowest so far; of an earlier part of the run too, if it was compared alike.
    """

    def __init__(self, reals: Features, network: Network, best: Path | None = None) -> None:
        self.reals, self.network, self.best = reals, network, best
        self._moments = moments(reals.values)
        digest = hashlib.sha256(np.ascontiguousarray(reals.values).data).hexdigest()
        self._against = {"network": network.identity, "real": digest}
        self.fid = _read(best / FILE, self._against) if best else float("inf")

    def __call__(self, trainer: Trainer, seconds: float) -> dict[str, float]:
        """Both scores of the average generator, whose statistics are fresh."""
        fakes = self._fakes(trainer)
        fid = frechet_distance(moments(fakes), self._moments)
        scores = {"quick_fid": fid, "quick_kid": self._kid(fakes)}
        if fid < self.fid:
            self.fid = fid
            if self.best:
                self._keep(self.best, trainer, seconds, scores)
        return scores

    def kid(self, trainer: Trainer) -> float:
        """One of them alone, which takes no covariance."""
        return self._kid(self._fakes(trainer))

    def _fakes(self, trainer: Trainer) -> np.ndarray:
        recipe = trainer.recipe
        draws = draw(recipe, trainer.classes, recipe.quick_images, recipe.seed)
        return fake_side(trainer.average, draws, trainer.device.device, self.network)[1].values

    def _kid(self, fakes: np.ndarray) -> float:
        return kernel_distance(fakes, self.reals.values, subsets=SUBSETS).mean

    def _keep(self, best: Path, trainer: Trainer, seconds: float, scores: dict[str, float]) -> None:
        runs.claim(best, trainer.recipe, trainer.data)
        snapshots.save(best, trainer, seconds)
        with replacing(best / FILE) as partial:
            about = {"step": trainer.steps, **scores, "against": self._against}
            partial.write_text(json.dumps(about) + "\n")


def _read(file: Path, against: dict[str, str]) -> float:
    """The score kept in a file, or infinity where there is none that compares."""
    try:
        kept = json.loads(file.read_text())
        return float(kept["quick_fid"]) if kept["against"] == against else float("inf")
    except (OSError, ValueError, TypeError, LookupError):
        return float("inf")
