"""All that decides what a trial of a sweep is, in one record that every worker gets."""

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from local.data.prepared import TrainingSet
from local.recipes import Recipe
from local.recipes.ranges import Choice, Space
from local.train.clock import Budget
from mifid.network import Network


@dataclass(frozen=True)
class Plan:
    """A sweep.

    Attributes:
        recipe: with the fixed settings.
        spaces: of the settings that are drawn, by name.
        budget: of one trial.
        most: finished trials after which the sweep is over, at the latest.
        images: pictures behind a final score.
        seed: of the settings that are drawn; the training has the recipe's.
        data: pictures to train on. test: real pictures that scores compare with.
        graph: of the judging network, as `open_network` takes it.
        folder: of the sweep.
        storage: URL of Optuna's data base. study: its name in there.
    """

    recipe: Recipe
    spaces: dict[str, Space]
    budget: Budget
    most: int
    images: int
    seed: int
    data: Path
    test: Path
    graph: Path | None
    folder: Path
    storage: str
    study: str

    @property
    def combinations(self) -> float:
        """Of all choices; infinitely many where there is a range."""
        choices = self.spaces.values()
        return math.prod(len(c.values) if isinstance(c, Choice) else math.inf for c in choices)

    @property
    def trials(self) -> int:
        """Finished ones after which the sweep is over."""
        return int(min(self.most, self.combinations))

    def identity(self, dogs: TrainingSet, network: Network, reals: np.ndarray) -> dict[str, Any]:
        """What must be equal for two trials' scores to be compared, as JSON.

        Args:
            dogs: the recipe's training set.
            network: that judges.
            reals: pictures that scores compare with.
        """
        return {
            "recipe": asdict(self.recipe),
            "ranges": {name: str(space) for name, space in self.spaces.items()},
            "data": _told(len(dogs), dogs.sha256),
            "test": _told(len(reals), hashlib.sha256(np.ascontiguousarray(reals).data).hexdigest()),
            "minutes": self.budget.seconds and self.budget.seconds / 60,
            "steps": self.budget.steps,
            "images": self.images,
            "network": f"{network.name} {network.identity}",
            "seed": self.seed,
        }


def _told(pictures: int, sha256: str) -> str:
    return f"{pictures} pictures {sha256[:16]}"
