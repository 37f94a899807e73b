"""The memorization distance: how near the generated pictures lie to the training pictures.

Reference: the competition's published notebook, "Demo MiFID metric for Dog image generation comp".
"""

from collections.abc import Iterator

import numpy as np
import torch

from mifid.errors import InputError
from mifid.npz import blocks_of
from mifid.processes import ALONE, Team

BLOCK = 1024  # rows of either side that are compared at once: 4 MB of cosines


def memorization_distance(generated: np.ndarray, real: np.ndarray) -> float:
    """Return the mean over the generated rows of the distance to the nearest real row, 0..1.

    The direction matters: averaged over the real rows, a few copies among many pictures would not
    show. (N, D) and (M, D) features of any precision; right to 1e-12.
    """
    return float(nearest_real(generated, real)[0].mean())


def nearest_real(
    generated: np.ndarray, real: np.ndarray, team: Team = ALONE
) -> tuple[np.ndarray, np.ndarray]:
    """Return each generated row's distance to its nearest real row (float64), and that row's index.

    The distance is 1 - |cosine|. Rows whose sum is 0 are dropped on both sides first; the index
    counts all real rows. Raises InputError when a side has no other rows.

    Both sides may be spread over a ``team``: each process then answers for its own generated rows,
    and the real ones pass by, block by block; their index counts those of all processes.

    The search runs in float32, which is twice as fast; the distances of the pairs that it finds are
    computed again in float64, so that an exact copy has distance 0 to 1e-15.
    """
    kept_generated, kept_real = counted(generated), counted(real)
    for kept, side in ((kept_generated, "generated"), (kept_real, "real")):
        if not sum(team.gather(kept.size)):
            raise InputError(
                f"every {side} picture has features of sum 0; is this the right network?"
            )
    nearest = _search(_unit(generated, kept_generated), real, kept_real, team)
    return _measured(generated, kept_generated, real, nearest, team), nearest


def counted(features: np.ndarray) -> np.ndarray:
    """Return the indices of the rows whose sum is not 0: the others have no part in a distance."""
    return np.flatnonzero(features.sum(axis=1, dtype=np.float64))


def _normalised(features: np.ndarray) -> np.ndarray:
    rows = features.astype(np.float64)
    rows /= np.abs(rows).max(axis=1, keepdims=True)  # or tiny ones would have squares of 0
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    return rows


def _unit(features: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return some rows with length 1, in float32; no more than a block is copied besides."""
    unit = np.empty((len(rows), features.shape[1]), np.float32)
    for start in range(0, len(rows), BLOCK):
        unit[start : start + BLOCK] = _normalised(features[rows[start : start + BLOCK]])
    return unit


def _search(unit: np.ndarray, real: np.ndarray, kept: np.ndarray, team: Team) -> np.ndarray:
    """Return the index of each generated row's nearest one among the ``kept`` rows of ``real``.

    By |cosine|; the generated rows have length 1. The real side, twice as large, is made so block
    by block and never held as a whole.
    """
    generated = torch.from_numpy(unit)
    best = torch.full((len(generated),), -1.0)
    index = torch.zeros(len(generated), dtype=torch.int64)
    before = sum(team.gather(len(real))[: team.rank])
    for indices, block in team.relay(_unit_blocks(real, kept, before)):
        here, others = torch.from_numpy(indices), torch.from_numpy(block).T
        for first in range(0, len(generated), BLOCK):
            rows = slice(first, first + BLOCK)
            cosines, places = (generated[rows] @ others).abs_().max(dim=1)
            better = cosines > best[rows]
            best[rows] = torch.where(better, cosines, best[rows])
            index[rows] = torch.where(better, here[places], index[rows])
    return index.numpy()


def _unit_blocks(
    real: np.ndarray, kept: np.ndarray, before: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the ``kept`` rows with length 1, and their indices after ``before`` others."""
    for start in range(0, len(kept), BLOCK):
        rows = kept[start : start + BLOCK]
        yield rows + before, _unit(real, rows)


def _measured(
    generated: np.ndarray, kept: np.ndarray, real: np.ndarray, nearest: np.ndarray, team: Team
) -> np.ndarray:
    """Return the distances (float64) of ``kept`` generated rows to the real rows ``nearest``."""
    distances = np.empty(len(nearest))
    order = nearest.argsort(kind="stable")  # those with a neighbour in the same block lie together
    ordered, start = nearest[order], 0
    for block in team.relay(blocks_of(real)):
        first, end = np.searchsorted(ordered, (start, start + len(block)))
        for place in range(first, end, BLOCK):
            rows = order[place : min(place + BLOCK, end)]
            pairs = _normalised(generated[kept[rows]]) * _normalised(block[nearest[rows] - start])
            # A copy's cosine may round to just over 1, and no distance is negative.
            distances[rows] = (1 - np.abs(pairs.sum(axis=1))).clip(min=0)
        start += len(block)
    return distances
