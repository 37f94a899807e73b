"""What a generator's pictures are worth: features of both sides, by the metric's own network.

Real pictures are whole ones squashed to 64x64, as the metric takes them, in every layout that
training reads; generated ones are resized alike where a network draws another size.
"""

import hashlib
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from local.data.prepared import prepare
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

    def of(self, breed: str) -> np.ndarray:
        """Rows of a breed, empty where there is none of that name."""
        if breed not in self.breeds:
            return np.empty(0, int)
        return np.flatnonzero(self.labels == self.breeds.index(breed))


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
    rows = torch.tensor(evenly_spaced(len(dogs), limit))
    if each:
        breeds = (torch.nonzero(dogs.labels == i).flatten() for i in range(len(dogs.breeds)))
        rows = torch.cat([own[evenly_spaced(len(own), each)] for own in breeds])
    pictures = dogs.pictures[rows].permute(0, 2, 3, 1).contiguous().numpy()
    features = kept(pictures, network)
    return Reals(pictures, features, dogs.labels[rows].numpy(), dogs.breeds)


def fake_side(
    generator: nn.Module, draws: Draws, device: torch.device, network: Network
) -> tuple[np.ndarray, Features]:
    """Pictures (N, 64, 64, 3) uint8 of a generator in eval mode, and their features."""
    pictures = np.concatenate(list(submitted(sample(generator, draws, device))))
    return pictures, _features(pictures, network, "generated")


def _features(pictures: np.ndarray, network: Network, title: str) -> Features:
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
    features = _features(pictures, network, "real")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save(features, file)
    except (OSError, InputError, WorkError) as error:
        print(f"the features are not kept ({error})", file=sys.stderr, flush=True)
    return features
