"""The Frechet distance between two Gaussians, fitted to two sets of features.

Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
Nash Equilibrium", equation 6; covariances with n-1, as in the competition's notebook.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
from scipy import linalg

from mifid.errors import InputError
from mifid.processes import ALONE, Team

BLOCK = 2048  # rows that are held in float64 at once


@dataclass(frozen=True)
class Moments:
    """A set of features as a Gaussian: mean (D,), covariance (D, D), float64.

    count: of how many different rows; the covariance's rank is less.
    """

    mean: np.ndarray
    covariance: np.ndarray
    count: int

    @property
    def total_variance(self) -> float:
        """Return the covariance's trace."""
        return float(np.trace(self.covariance))


def moments(features: np.ndarray, team: Team = ALONE) -> Moments:
    """Return the moments of (N, D) features, whatever their precision, summed in float64.

    Deviations from the mean are squared, not the features themselves: a feature that hardly varies
    keeps its digits. The rows may be spread over a ``team``: as they stay where they are, the mean
    of all is known before any deviation is squared, and the sums of each are simply added (the
    two-pass algorithm of Chan, Golub & LeVeque 1983, "Algorithms for Computing the Sample
    Variance"), where merging moments about different means would round once more.

    Raises InputError for fewer than 2 rows, which have no covariance.
    """
    count, dimensions = sum(team.gather(len(features))), features.shape[1]
    if count < 2:
        raise InputError(f"a covariance needs at least 2 pictures, and there is {count}; add some")
    mean = team.add_up(features.sum(axis=0, dtype=np.float64)) / count
    products = np.zeros((dimensions, dimensions))
    for start in range(0, len(features), BLOCK):
        deviations = features[start : start + BLOCK] - mean
        products += deviations.T @ deviations
    return Moments(mean, team.add_up(products) / (count - 1), different_rows(features, team))


def different_rows(features: np.ndarray, team: Team = ALONE) -> int:
    """Return how many rows, of all in the ``team``, differ from each other to the last bit."""
    # By a digest: the rows themselves would be a copy of all features.
    digests = b"".join(hashlib.blake2b(row.tobytes(), digest_size=16).digest() for row in features)
    return len(np.unique(np.frombuffer(b"".join(team.gather(digests)), "S16")))


def frechet_distance(a: Moments, b: Moments) -> float:
    """Return |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), in squared features.

    S1 S2 has the eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric: its root's trace needs no
    matrix root, never turns complex, and exists for covariances without full rank. The result is
    not clamped: equal sets give a rounding error of either sign.
    """
    shift = a.mean - b.mean
    traces = a.total_variance + b.total_variance
    return float(shift @ shift + traces - 2 * _trace_of_root(a, b))


def _trace_of_root(a: Moments, b: Moments) -> float:
    values, root = linalg.eigh(a.covariance)
    root *= np.sqrt(values.clip(min=0))  # S1^(1/2), but for a rotation, which changes no eigenvalue
    eigenvalues = linalg.eigvalsh(root.T @ b.covariance @ root)
    # A covariance of n different rows has rank n-1 at most. Eigenvalues beyond are 0, and come out
    # as some 1e-16 of the largest; thousands of their roots, 1e-8 each, would show in the result.
    rank = min(a.count - 1, b.count - 1, len(eigenvalues))
    return float(np.sqrt(eigenvalues[len(eigenvalues) - rank :].clip(min=0)).sum())
