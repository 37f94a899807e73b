"""The training pictures nearest to a drawn dog: has the generator learned, or does it repeat?

By the features of the metric's network where a graph is there, and then by the distance that the
competition counts memorization by; by the pixels of small pictures otherwise.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch.nn.functional import adaptive_avg_pool2d

from local import judging, runs
from local.app.answers import Neighbour
from local.data.prepared import TrainingSet, kept, prepare_for
from local.errors import InputError
from local.pictures import submitted
from local.project import CACHE
from local.recipes import Recipe
from mifid.features import compute
from mifid.network import Network, open_network

SHOWN = 7  # neighbours of a dog: one row with it on a wide screen
SIDE = 16  # pixels, to which pictures are shrunk where they are compared by them
BATCH = 500  # pictures that are made ready at once


class Neighbours:
    """Finds the training pictures nearest to others.

    Args:
        data: the training set.
        network: whose features are compared; None, or the random one: pixels are.

    Attributes:
        about: what is compared, for people.
    """

    def __init__(self, data: TrainingSet, network: Network | None) -> None:
        self.data = data
        self.network = network if network and network.name != "random" else None
        among = f"Among all {len(data):,} training pictures, as they were cropped for training"
        if self.network:
            how = "by the features of the metric's network; the distance is 1 - |cosine|"
            scale = "as in the competition, where a mean under 0.1 counts as memorized"
            self.about = f"{among}, {how}, {scale}."
            pictures = np.concatenate(list(submitted(_batches(data))))
            self._rows = _unit(judging.kept(pictures, self.network).values)
        else:
            how = f"by their pixels at {SIDE}×{SIDE}, also mirrored, as no graph is there"
            scale = "the distance is the root of the mean square, of 255 levels"
            self.about = f"{among}, {how}; {scale}."
            self._rows = np.concatenate([_small(batch) for batch in _batches(data)])

    def __call__(self, pictures: np.ndarray) -> list[list[Neighbour]]:
        """SHOWN training pictures beside each of the pictures (N, S, S, 3) uint8."""
        distances = self._by_features(pictures) if self.network else self._by_pixels(pictures)
        found = []
        for row in distances:
            nearest = np.argsort(row, kind="stable")[:SHOWN]
            found.append([self._neighbour(i, row[i]) for i in nearest.tolist()])
        return found

    def _neighbour(self, i: int, distance: float) -> Neighbour:
        picture = self.data.pictures[i].permute(1, 2, 0).numpy()
        said = f"{distance:.3f}" if self.network else f"{distance:.1f}"
        return Neighbour(picture, said, self.data.breeds[int(self.data.labels[i])])

    def _by_features(self, pictures: np.ndarray) -> np.ndarray:
        assert self.network
        shown = list(submitted([pictures]))
        rows = _unit(compute(shown, self.network, len(pictures)))
        return (1 - np.abs(rows @ self._rows.T)).clip(min=0)

    def _by_pixels(self, pictures: np.ndarray) -> np.ndarray:
        both = [_small(pictures), _small(pictures[:, :, ::-1])]
        return np.minimum(*(np.stack([self._apart(row) for row in side]) for side in both))

    def _apart(self, row: np.ndarray) -> np.ndarray:
        return np.sqrt(np.mean((self._rows - row) ** 2, axis=1))


def neighbours(run: Path, data: Path | None, graph: Path | None, device: str) -> Neighbours | None:
    """The pictures that a run was trained on, to be looked through; None where there are none.

    Args:
        run: its folder.
        data: what it was trained on; None: what the cache holds of it.
        graph: as for `mifid.network.open_network`.
        device: where the network runs, `cpu` or `cuda`.

    Raises:
        InputError: as `training_set`, or the graph is none.
    """
    found = training_set(run, data)
    return None if found is None else Neighbours(found, open_network(graph, device=device))


def training_set(run: Path, data: Path | None) -> TrainingSet | None:
    """What a run was trained on: the data named, else what the cache holds of it, else None.

    Raises:
        InputError: the data named cannot be read, or the run was trained on other data.
    """
    recipe = runs.load_recipe(run)
    if data is None:
        return next((dogs for dogs in kept(CACHE) if _trained_on(run, recipe, dogs)), None)
    dogs = prepare_for(recipe, data, CACHE)
    if not _trained_on(run, recipe, dogs):
        raise InputError(f"--data {data}: the run was trained on other data; name that, or none")
    return dogs


def _trained_on(run: Path, recipe: Recipe, data: TrainingSet) -> bool:
    try:
        runs.claim(run, recipe, data)  # which writes nothing into a folder that is a run's
    except InputError:
        return False
    return True


def _batches(data: TrainingSet) -> Iterator[np.ndarray]:
    for first in range(0, len(data), BATCH):
        yield judging.as_bytes(data.pictures[first : first + BATCH])


def _small(pictures: np.ndarray) -> np.ndarray:
    """Pictures (N, H, W, 3) to their pixels (N, SIDE * SIDE * 3) float32 when shrunk."""
    planes = torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float()
    return adaptive_avg_pool2d(planes, SIDE).flatten(1).numpy()


def _unit(features: np.ndarray) -> np.ndarray:
    """Features (N, D) with length 1."""
    lengths = np.linalg.norm(features, axis=1, keepdims=True)
    return features / np.maximum(lengths, 1e-12)
