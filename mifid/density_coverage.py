"""Density and coverage: precision and recall's successors, which outliers cannot inflate.

Paper: Naeem et al. 2020, "Reliable Fidelity and Diversity Metrics for Generative Models". Agrees
with the authors' package ``prdc`` 0.2 pair by pair, measured in float64.
"""

from dataclasses import dataclass

import numpy as np

from mifid.errors import InputError
from mifid.neighbours import in_balls, nearest_others

K = 5  # the paper's


@dataclass(frozen=True)
class DensityCoverage:
    """Two shares of the balls that reach from each real row to its k-th real neighbour.

    density: how many of them a generated row lies in, as a multiple of k; about 1 for equal
        distributions, and without an upper limit.
    coverage: the share of them that hold a generated row, 0..1.
    """

    density: float
    coverage: float


def density_coverage(
    generated: np.ndarray,
    real: np.ndarray,
    k: int = K,
    *,
    real_neighbours: np.ndarray | None = None,
) -> DensityCoverage:
    """Return both, of (N, D) generated and (M, D) real features.

    real_neighbours: ``nearest_others(real, n)`` for n of k or more, where it is there already.

    Raises InputError for fewer than k + 1 real rows, or no generated one.
    """
    for features, side, least in ((generated, "generated", 1), (real, "real", k + 1)):
        if len(features) < least:
            raise InputError(
                f"density and coverage need at least {least} {side} pictures,"
                f" and there are {len(features)}; add some"
            )
    if real_neighbours is None:
        real_neighbours = nearest_others(real, k)
    per_point, per_ball = in_balls(generated, real, real_neighbours[:, k - 1])
    return DensityCoverage(float(per_point.mean() / k), float((per_ball > 0).mean()))
