"""Which real picture each generated one is nearest to, by the memorization distance."""

from dataclasses import dataclass

import numpy as np

from mifid.distance import counted, nearest_real
from mifid.features import Features


@dataclass(frozen=True)
class Pairs:
    """Generated pictures, the real ones nearest to them, and how far apart they are.

    generated, real: (P,) rows of either side's features. distance: (P,) float64, 0..1.
    """

    generated: np.ndarray
    real: np.ndarray
    distance: np.ndarray


def nearest_pairs(fake: Features, true: Features) -> Pairs:
    """Pair each generated picture with its nearest real one.

    As for the score, pictures whose features have the sum 0 have no pair. Where several processes
    hold the features, all of them get all pairs. Raises InputError when a side has no others.
    """
    distance, nearest = nearest_real(fake.values, true.values, fake.team)
    found = fake.team.gather((counted(fake.values) + fake.first, nearest, distance))
    return Pairs(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
