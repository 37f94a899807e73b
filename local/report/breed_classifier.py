"""Names the breed of a picture by its features, and knows how often that is right.

Ridge regression of the breeds (one column each) on the features: a linear classifier in closed
form (Hastie et al. 2009, "The Elements of Statistical Learning", 4.2). It is asked about real
pictures that neither it nor the network has learned from, so that its errors are known.
"""

from dataclasses import dataclass

import numpy as np

RIDGE = 0.1  # of the features' mean variance; from 0.01 to 1 hardly anything changes
FEWEST = 50  # real pictures that it has not learned from: fewer tell nothing
WEAK = 0.2  # of the way from chance to never wrong


@dataclass(frozen=True)
class BreedClassifier:
    """A classifier of breeds.

    accuracy: share of unseen real pictures that it names rightly. shares: (breeds,) of what it
        names among these. counts: (breeds,) of them, by their true breed.
    """

    weights: np.ndarray
    mean: np.ndarray
    accuracy: float
    shares: np.ndarray
    counts: np.ndarray

    def named(self, values: np.ndarray) -> np.ndarray:
        """The breed (N,) of each row of features (N, D)."""
        return _named(values, self.mean, self.weights)

    @property
    def unseen(self) -> int:
        """How many real pictures it was asked about."""
        return int(self.counts.sum())

    @property
    def chance(self) -> float:
        """The accuracy of who always names one of the breeds, drawn by lot."""
        return 1 / len(self.shares)

    @property
    def weak(self) -> bool:
        """Whether it is too often wrong for a verdict."""
        return (self.accuracy - self.chance) / (1 - self.chance) < WEAK


def learned(
    values: np.ndarray, labels: np.ndarray, unseen: np.ndarray, breeds: int
) -> BreedClassifier | None:
    """A classifier; None where there is one breed, or too few pictures.

    Args:
        values: features (N, D) of real pictures.
        labels: their breeds (N,).
        unseen: which of them (N,) it is asked about, and does not learn from.
        breeds: how many there are.
    """
    if breeds < 2 or unseen.sum() < FEWEST or (~unseen).sum() < FEWEST:
        return None
    wanted = np.eye(breeds)[labels[~unseen]]
    weights, mean = ridge(values[~unseen], wanted - wanted.mean(axis=0), RIDGE)
    found = _named(values[unseen], mean, weights)
    shares = np.bincount(found, minlength=breeds) / len(found)
    counts = np.bincount(labels[unseen], minlength=breeds)
    return BreedClassifier(weights, mean, float((found == labels[unseen]).mean()), shares, counts)


def _named(values: np.ndarray, mean: np.ndarray, weights: np.ndarray) -> np.ndarray:
    found: np.ndarray = ((values - mean) @ weights).argmax(axis=1)
    return found


def ridge(values: np.ndarray, wanted: np.ndarray, strength: float) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression in closed form.

    Args:
        values: features (N, D).
        wanted: what stands for each row, (N,) or (N, K), around 0.
        strength: of the penalty, in mean variances of the features.

    Returns:
        Weights (D,) or (D, K), and the mean (D,) that is taken from features before they are used.
    """
    rows = values.astype(np.float64)
    mean = rows.mean(axis=0)
    rows -= mean
    square = rows.T @ rows
    square[np.diag_indices_from(square)] += strength * np.trace(square) / len(square)
    return np.linalg.solve(square, rows.T @ wanted), mean
