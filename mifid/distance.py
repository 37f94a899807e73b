"""The memorization distance: how near the generated pictures lie to the training pictures.

Reference: the competition's published notebook, "Demo MiFID metric for Dog image generation comp".
"""

import numpy as np
import torch

from mifid.errors import InputError

BLOCK = 1024  # rows of either side that are compared at once: 4 MB of cosines


def memorization_distance(generated: np.ndarray, real: np.ndarray) -> float:
    """Return the mean over the generated rows of the distance to the nearest real row, 0..1.

    The direction matters: averaged over the real rows, a few copies among many pictures would not
    show. (N, D) and (M, D) features of any precision; right to 1e-12.
    """
    return float(nearest_real(generated, real)[0].mean())


def nearest_real(generated: np.ndarray, real: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each generated row's distance to its nearest real row (float64), and that row's index.

    The distance is 1 - |cosine|. Rows whose sum is 0 are dropped on both sides first; the index
    counts all real rows. Raises InputError when a side has no other rows.

    The search runs in float32, which is twice as fast; the distances of the pairs that it finds are
    computed again in float64, so that an exact copy has distance 0 to 1e-15.
    """
    kept_generated, kept_real = counted(generated), counted(real)
    for kept, side in ((kept_generated, "generated"), (kept_real, "real")):
        if not kept.size:
            raise InputError(
                f"every {side} picture has features of sum 0; is this the right network?"
            )
    nearest = _search(_unit(generated, kept_generated), real, kept_real)
    distances = np.empty(len(nearest))
    for start in range(0, len(nearest), BLOCK):
        block = slice(start, start + BLOCK)
        pairs = _normalised(generated[kept_generated[block]]) * _normalised(real[nearest[block]])
        # A copy's cosine may round to just over 1, and no distance is negative.
        distances[block] = (1 - np.abs(pairs.sum(axis=1))).clip(min=0)
    return distances, nearest


def counted(features: np.ndarray) -> np.ndarray:
    """Return the indices of the rows whose sum is not 0: the others have no part in a distance."""
    return np.flatnonzero(features.sum(axis=1, dtype=np.float64))


def _normalised(features: np.ndarray) -> np.ndarray:
    rows = features.astype(np.float64)
    rows /= np.abs(rows).max(axis=1, keepdims=True)  # or tiny ones would have squares of 0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _unit(features: np.ndarray, rows: np.ndarray) -> torch.Tensor:
    """Return some rows with length 1, in float32; no more than a block is copied besides."""
    unit = np.empty((len(rows), features.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        unit[start : start + BLOCK] = _normalised(features[rows[start : start + BLOCK]])
    return torch.from_numpy(unit)


def _search(generated: torch.Tensor, real: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Return the index of each generated row's nearest one among the ``kept`` rows of ``real``.

    By |cosine|; the generated rows have length 1. The real side, twice as large, is made so block
    by block and never held as a whole.
    """
    best = torch.full((len(generated),), -1.0)
    index = torch.zeros(len(generated), dtype=torch.int64)
    for start in range(0, len(kept), BLOCK):
        others = _unit(real, kept[start : start + BLOCK]).T
        for first in range(0, len(generated), BLOCK):
            rows = slice(first, first + BLOCK)
            cosines, places = (generated[rows] @ others).abs_().max(dim=1)
            better = cosines > best[rows]
            best[rows] = torch.where(better, cosines, best[rows])
            index[rows] = torch.where(better, places + start, index[rows])
    return kept[index.numpy()]
