"""Improved precision and recall: how much of either side lies within reach of the other.

Paper: Kynkaanniemi et al. 2019, "Improved Precision and Recall Metric for Assessing Generative
Models". Agrees with the package ``prdc`` 0.2 pair by pair: the same balls, open ones (the paper's
own code counts points on a ball's edge as inside), measured in float64.
"""

from dataclasses import dataclass

import numpy as np

from mifid.errors import InputError
from mifid.neighbours import in_balls, nearest_others

K = 3  # the paper's


@dataclass(frozen=True)
class PrecisionRecall:
    """precision: share of the generated rows in some real row's ball; recall: the reverse."""

    precision: float
    recall: float


def precision_recall(
    generated: np.ndarray,
    real: np.ndarray,
    k: int = K,
    *,
    real_neighbours: np.ndarray | None = None,
) -> PrecisionRecall:
    """Return both, 0..1, of (N, D) and (M, D) features; a ball reaches to the k-th neighbour.

    real_neighbours: ``nearest_others(real, n)`` for n of k or more, where it is there already.

    Raises InputError for fewer than k + 1 rows on a side.
    """
    for features, side in ((generated, "generated"), (real, "real")):
        if len(features) <= k:
            raise InputError(
                f"precision and recall need at least {k + 1} {side} pictures,"
                f" and there are {len(features)}; add some"
            )
    if real_neighbours is None:
        real_neighbours = nearest_others(real, k)
    hits, _ = in_balls(generated, real, real_neighbours[:, k - 1])
    found, _ = in_balls(real, generated, nearest_others(generated, k)[:, k - 1])
    return PrecisionRecall(float((hits > 0).mean()), float((found > 0).mean()))
