"""How good a run's pictures are: the same real pictures for all, and as many generated ones."""

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from local.atomic import replacing
from local.judging import Reals, fake_side
from local.sampling import draw
from local.train.snapshots import Snapshot
from local.trained import Trained
from local.variety import variety
from mifid.kid import kernel_distance
from mifid.network import Network
from mifid.score import score_features

FILE = "score.json"
SCORES = ("fid", "kid", "mifid", "distance", "variety", "label", "comparable", "warnings")


@dataclass(frozen=True)
class Judge:
    """Scores runs against real pictures.

    images: generated pictures of each run.
    device: on which they are drawn.
    """

    network: Network
    reals: Reals
    images: int
    device: torch.device

    def scores(self, run: Path, trained: Trained) -> dict[str, Any]:
        """A row's figures that its pictures tell; kept in the run's folder.

        Raises:
            WorkError: features or score are no numbers.
            mifid.errors.InputError: the features have no score.
        """
        of = self._conditions(trained)
        kept = kept_scores(run, trained.snapshot)
        if kept and kept["of"] == of:
            return dict(kept["scores"])
        scores = self._scores(trained)
        with replacing(run / FILE) as partial:
            partial.write_text(json.dumps({"of": of, "scores": scores}, indent=2) + "\n")
        return scores

    def _scores(self, trained: Trained) -> dict[str, Any]:
        recipe = trained.recipe
        draws = draw(recipe, trained.classes, self.images, recipe.seed)
        reals = self.reals.features
        _, fakes = fake_side(trained.generator, draws, self.device, self.network)
        result = score_features(fakes, reals)
        # As many real rows as generated ones tell how varied they are, at a cost that is bounded.
        share = variety(fakes.values, reals.limited(len(fakes)).values)
        return {
            "fid": result.fid,
            "kid": kernel_distance(fakes.values, reals.values).mean,
            "mifid": result.mifid,
            "distance": result.distance,
            "variety": share if math.isfinite(share) else None,
            "label": result.label,
            "comparable": result.comparable,
            "warnings": list(result.warnings),
        }

    def _conditions(self, trained: Trained) -> dict[str, Any]:
        """All that decides the scores of a run, whose recipe never changes."""
        return {
            "weights": _digest(trained.snapshot),
            "images": self.images,
            "network": self.network.identity,
            "precision": self.network.precision,
            "real": hashlib.sha256(self.reals.features.values.tobytes()).hexdigest(),
        }


def kept_scores(run: Path, snapshot: Snapshot) -> dict[str, Any] | None:
    """The scores that a run's folder keeps of these very weights.

    Returns:
        `scores`, by SCORES, and `of`, which is all that decided them, `weights` and `images`
        among it; None where none are kept, or those of other weights.
    """
    try:
        kept = json.loads((run / FILE).read_text())
        whole = kept["scores"].keys() == set(SCORES) and isinstance(kept["of"]["images"], int)
        return kept if whole and kept["of"]["weights"] == _digest(snapshot) else None
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return None


def _digest(snapshot: Snapshot) -> str:
    weights = snapshot.folder / "average.safetensors"
    return hashlib.sha256(weights.read_bytes()).hexdigest()
