"""The memorization distance: how near the generated pictures lie to the training pictures.

Reference: the competition's published notebook, "Demo MiFID metric for Dog image generation comp".
"""

import numpy as np
import torch

from mifid.errors import InputError

BLOCK = 2048  # rows of either side that are compared at once: 16 MB of cosines


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
    kept_generated, kept_real = _kept(generated, "generated"), _kept(real, "real")
    nearest = kept_real[_search(_unit(generated, kept_generated), _unit(real, kept_real))]
    distances = np.empty(len(nearest))
    for start in range(0, len(nearest), BLOCK):
        block = slice(start, start + BLOCK)
        pairs = _normalised(generated[kept_generated[block]]) * _normalised(real[nearest[block]])
        # A copy's cosine may round to just over 1, and no distance is negative.
        distances[block] = (1 - np.abs(pairs.sum(axis=1))).clip(min=0)
    return distances, nearest


def _kept(features: np.ndarray, side: str) -> np.ndarray:
    kept = np.flatnonzero(features.sum(axis=1, dtype=np.float64))
    if not kept.size:
        raise InputError(f"every {side} picture has features of sum 0; is this the right network?")
    return kept


def _normalised(features: np.ndarray) -> np.ndarray:
    rows = features.astype(np.float64)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _unit(features: np.ndarray, kept: np.ndarray) -> torch.Tensor:
    """Return the kept rows with length 1, in float32."""
    unit = np.empty((len(kept), features.shape[1]), np.float32)
    for start in range(0, len(kept), BLOCK):
        unit[start : start + BLOCK] = _normalised(features[kept[start : start + BLOCK]])
    return torch.from_numpy(unit)


def _search(generated: torch.Tensor, real: torch.Tensor) -> np.ndarray:
    """Return the index of each generated row's nearest real row, by |cosine|."""
    nearest = []
    for rows in generated.split(BLOCK):
        best = torch.full((len(rows),), -1.0)
        index = torch.zeros(len(rows), dtype=torch.int64)
        for start in range(0, len(real), BLOCK):
            cosines, places = (rows @ real[start : start + BLOCK].T).abs_().max(dim=1)
            better = cosines > best
            best[better] = cosines[better]
            index[better] = places[better] + start
        nearest.append(index)
    return torch.cat(nearest).numpy()
