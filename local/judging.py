"""What a generator's pictures are worth: features of both sides, by the metric's own network.

Real pictures are whole ones squashed to 64x64, as the metric takes them, in every layout that
training reads; generated ones are resized alike where a network draws another size.
"""

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from local.data.prepared import TrainingSet, prepare
from local.pictures import submitted
from local.project import CACHE
from local.sampling import Draws, sample
from mifid.errors import InputError, WorkError
from mifid.features import Features, compute, load, save
from mifid.network import Network
from mifid.pictures import evenly_spaced
from submission import archive

BATCH = 64  # pictures that are handed to the network at once


@dataclass(frozen=True)
class Reals:
    """Real pictures (M, 64, 64, 3) uint8, their features, and the breed of each."""

    pictures: np.ndarray
    features: Features
    labels: np.ndarray
    breeds: list[str]

    def of(self, breed: str, limit: int | None = None) -> np.ndarray:
        """Rows of a breed, evenly spaced; empty where there is none of that name."""
        if breed not in self.breeds:
            return np.empty(0, int)
        return _rows(self.labels, self.breeds.index(breed), limit)

    def few(self, each: int) -> "Reals":
        """At most so many pictures of each breed."""
        rows = of_each(self.labels, len(self.breeds), each)
        values = self.features.values[rows]
        own = replace(self.features, values=values, names=(), moments=None)
        return Reals(self.pictures[rows], own, self.labels[rows], self.breeds)


def real_side(
    path: Path, network: Network, limit: int | None = None, each: int | None = None
) -> Reals:
    """The real pictures at `path`, evenly spaced; their features are kept.

    Args:
        path: as for `prepare`.
        network: that gives the features.
        limit: of all pictures.
        each: limit of the pictures of one breed, in place of the other.

    Raises:
        local.errors.InputError: as `prepare`.
    """
    dogs = prepare(path, archive.SIZE, "squash", CACHE)
    if each:
        rows = of_each(dogs.labels.numpy(), len(dogs.breeds), each)
    else:
        rows = np.array(evenly_spaced(len(dogs), limit))
    return reals(dogs, rows, partial(kept, network=network))


def reals(dogs: TrainingSet, rows: np.ndarray, look: Callable[[np.ndarray], Features]) -> Reals:
    """These rows of a set as a real side, in the size that the metric takes.

    look: gives the features of pictures (N, 64, 64, 3) uint8.
    """
    chosen = torch.from_numpy(rows)
    (pictures,) = submitted([as_bytes(dogs.pictures[chosen])])
    return Reals(pictures, look(pictures), dogs.labels[chosen].numpy(), dogs.breeds)


def of_each(labels: np.ndarray, breeds: int, each: int) -> np.ndarray:
    """Rows of at most `each` pictures of each breed, by the breeds (N,) of all, evenly spaced."""
    return np.concatenate([_rows(labels, label, each) for label in range(breeds)])


def _rows(labels: np.ndarray, label: int, limit: int | None) -> np.ndarray:
    rows = np.flatnonzero(labels == label)
    return rows[evenly_spaced(len(rows), limit)]


def as_bytes(pictures: Tensor) -> np.ndarray:
    """A set's pictures (N, 3, S, S) uint8 as (N, S, S, 3)."""
    return pictures.permute(0, 2, 3, 1).contiguous().numpy()


def fake_side(
    generator: nn.Module, draws: Draws, device: torch.device, network: Network
) -> tuple[np.ndarray, Features]:
    """Pictures (N, 64, 64, 3) uint8 of a generator in eval mode, and their features."""
    pictures = fakes(generator, draws, device)
    return pictures, features(pictures, network, "generated")


def fakes(generator: nn.Module, draws: Draws, device: torch.device) -> np.ndarray:
    """Pictures (N, 64, 64, 3) uint8 of a generator in eval mode, in the size of the metric."""
    return np.concatenate(list(submitted(sample(generator, draws, device))))


def features(pictures: np.ndarray, network: Network, title: str) -> Features:
    """The features of pictures (N, 64, 64, 3) uint8; `title` is of the progress bar."""
    batches = (pictures[first : first + BATCH] for first in range(0, len(pictures), BATCH))
    values = compute(batches, network, len(pictures), f"{title} pictures")
    return Features(values, network.name, network.identity, precision=network.precision)


def kept(pictures: np.ndarray, network: Network) -> Features:
    """The pictures' features, computed once."""
    key = hashlib.sha256(np.ascontiguousarray(pictures).data)
    key.update(f"{network.identity} {network.precision}".encode())
    file = CACHE / f"features-{key.hexdigest()[:32]}.npz"
    if file.is_file():
        try:
            return load(file)
        except InputError as error:
            print(f"{error}; computing it anew", file=sys.stderr, flush=True)
    found = features(pictures, network, "real")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save(found, file)
    except (OSError, InputError, WorkError) as error:
        print(f"the features are not kept ({error})", file=sys.stderr, flush=True)
    return found
