"""Euclidean neighbours among features, block by block.

The products are float32, twice as fast; what they leave close is measured again in float64, from
the differences of the rows: the distances of the neighbours found, and every pair near the edge of
a ball. Memory stays at a few blocks, whatever the number of rows. Only among more near-copies of
one row than ``SPARE``, nearer to each other than float32 can tell, may the nearest be missed.
"""

from collections.abc import Iterator

import numpy as np
import torch

from mifid.errors import InputError

BLOCK = 2048  # rows of either side that are compared at once: 16 MB of squared distances
SPARE = 4  # neighbours found beyond those asked for: float32 may swap near ones
# The error of a squared distance in float32, as a share of the two rows' squares, is under 4e-7 on
# features of dogs. Pairs within many times that of a ball's edge are measured again.
TOLERANCE = 1e-5


def nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return each point's distance (float64) to its nearest centre, and that centre's index.

    (N, D) and (M, D) features of any precision. Raises InputError when there is no centre.
    """
    if not len(centres):
        raise InputError("the nearest picture needs at least 1 to choose from, and there is none")
    origin = _mean(centres)
    index = np.empty((len(points), min(1 + SPARE, len(centres))), np.int64)
    for start, rows, squares in _blocks(points, origin):
        best = _Best(len(rows), index.shape[1])
        for first, others, other_squares in _blocks(centres, origin):
            best.add(_squared(rows, squares, others, other_squares), first)
        index[start : start + len(rows)] = best.index.numpy()
    distances = _measured(points, centres, index)
    place = distances.argmin(axis=1)[:, None]
    return np.take_along_axis(distances, place, 1)[:, 0], np.take_along_axis(index, place, 1)[:, 0]


def nearest_others(features: np.ndarray, count: int) -> np.ndarray:
    """Return each row's distances to the ``count`` nearest other rows: (N, count), ascending.

    Column k-1 holds the radii of the balls that reach to the k-th neighbour. A copy of a row is
    another row, at distance 0. Raises InputError for fewer than ``count`` + 1 rows.
    """
    if len(features) <= count:
        raise InputError(
            f"the {count} nearest others need at least {count + 1} pictures,"
            f" and there are {len(features)}; add some"
        )
    origin, total = _mean(features), len(features)
    kept = min(count + SPARE, total - 1)
    best = [_Best(min(BLOCK, total - start), kept) for start in range(0, total, BLOCK)]
    for start, rows, squares in _blocks(features, origin):
        # Distances are the same in both directions: each pair of blocks is multiplied once.
        for first, others, other_squares in _blocks(features, origin, start):
            table = _squared(rows, squares, others, other_squares)
            if first == start:
                table.fill_diagonal_(float("inf"))  # a row is no neighbour of its own
            else:
                best[first // BLOCK].add(table.T, start)
            best[start // BLOCK].add(table, first)
    index = torch.cat([block.index for block in best]).numpy()
    return np.sort(_measured(features, features, index), axis=1)[:, :count]


def in_balls(
    points: np.ndarray, centres: np.ndarray, radii: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how many balls each point lies in, and how many points each ball holds.

    points: (N, D). centres, radii: (M, D) and (M,). Balls are open: a point on the edge is
    outside, and a ball of radius 0 holds nothing.
    """
    origin = _mean(centres)
    per_point, per_ball = np.zeros(len(points), np.int64), np.zeros(len(centres), np.int64)
    edges = torch.from_numpy(np.where(radii > 0, radii**2, -np.inf)).float()
    for first, others, other_squares in _blocks(centres, origin):
        edge = edges[first : first + len(others)]
        for start, rows, squares in _blocks(points, origin):
            beyond = _squared(rows, squares, others, other_squares).sub_(edge)
            inside = (beyond < 0).numpy()
            slack = TOLERANCE * (squares.max() + other_squares.max())
            narrow = np.stack(np.nonzero((beyond.abs_() <= slack).numpy()))
            for i, j in _chunks(narrow):
                distances = _distances(points[start + i], centres[first + j])
                inside[i, j] = distances < radii[first + j]
            per_point[start : start + len(rows)] += np.count_nonzero(inside, axis=1)
            per_ball[first : first + len(others)] += np.count_nonzero(inside, axis=0)
    return per_point, per_ball


class _Best:
    """The nearest of the columns seen so far, for each row of a block."""

    def __init__(self, rows: int, kept: int) -> None:
        self.squared = torch.full((rows, kept), float("inf"))
        self.index = torch.zeros((rows, kept), dtype=torch.int64)

    def add(self, table: torch.Tensor, first: int) -> None:
        """Look at squared distances (rows, columns), of the columns from ``first`` on."""
        kept = self.squared.shape[1]
        squared, index = table.topk(min(kept, table.shape[1]), dim=1, largest=False)
        squared = torch.cat([self.squared, squared], dim=1)
        index = torch.cat([self.index, index + first], dim=1)
        self.squared, places = squared.topk(kept, dim=1, largest=False)
        self.index = index.gather(1, places)


def _mean(features: np.ndarray) -> np.ndarray:
    return features.mean(axis=0, dtype=np.float64)


def _blocks(
    features: np.ndarray, origin: np.ndarray, start: int = 0
) -> Iterator[tuple[int, torch.Tensor, torch.Tensor]]:
    """Give each block's first index, its rows in float32, and their squares (n,).

    Rows are taken from ``origin``: distances do not change, and float32 keeps more of them.
    Converting a block again costs a fiftieth of multiplying it, and no memory for all of them.
    """
    for first in range(start, len(features), BLOCK):
        rows = torch.from_numpy((features[first : first + BLOCK] - origin).astype(np.float32))
        yield first, rows, (rows * rows).sum(dim=1)


def _squared(
    rows: torch.Tensor, squares: torch.Tensor, others: torch.Tensor, other_squares: torch.Tensor
) -> torch.Tensor:
    """Return the squared distances (n, m) by |x|^2 - 2 xy + |y|^2."""
    return (rows @ others.T).mul_(-2).add_(squares[:, None]).add_(other_squares)


def _measured(points: np.ndarray, centres: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the distances (N, c) of each point to the centres ``index`` (N, c)."""
    distances = np.empty(index.shape)
    for start in range(0, len(points), BLOCK):
        block = slice(start, start + BLOCK)
        for column in range(index.shape[1]):
            distances[block, column] = _distances(points[block], centres[index[block, column]])
    return distances


def _distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    # The same digits in both directions, so that a tie is seen as one.
    return np.sqrt(((a.astype(np.float64) - b) ** 2).sum(axis=1))


def _chunks(pairs: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, pairs.shape[1], BLOCK):
        yield pairs[:, start : start + BLOCK]
