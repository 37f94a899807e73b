"""Authenticity: the percentage of generated rows that are no copies of real rows.

Paper: Alaa et al. 2022, "How Faithful is your Synthetic Data?", section 2.2. Computed as dgm-eval
does (its ``compute_authpct``), in float64 where that is float32: rows differ only at ties.
"""

import numpy as np

from mifid.errors import InputError
from mifid.neighbours import nearest, nearest_others


def authenticity(
    generated: np.ndarray, real: np.ndarray, *, real_neighbours: np.ndarray | None = None
) -> float:
    """Return the percentage, 0..100, of authentic rows among (N, D) generated ones.

    A row is authentic if the real row nearest to it has another real row that is nearer still.
    Distances are Euclidean. Copies give 0; unseen real dogs (2,100 against as many) give 84.6.

    real_neighbours: ``nearest_others(real, n)`` for any n, where it is there already.

    Raises InputError for fewer than 2 real rows, or no generated one.
    """
    for features, side, least in ((generated, "generated", 1), (real, "real", 2)):
        if len(features) < least:
            raise InputError(
                f"authenticity needs at least {least} {side} pictures,"
                f" and there are {len(features)}; add some"
            )
    if real_neighbours is None:
        real_neighbours = nearest_others(real, 1)
    distances, index = nearest(generated, real)
    return float(100 * (distances > real_neighbours[index, 0]).mean())
