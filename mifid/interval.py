"""How far MiFID, FID and distance would move if the generator drew its pictures again.

Method: the infinitesimal jackknife (Jaeckel 1972; Efron 1982, "The Jackknife, the Bootstrap and
Other Resampling Plans", chapter 6). It resamples by changing one generated row's weight at a time,
to first order: the value's deviation is that of the rows' influences over the root of N. The real
side is the competition's and stays as it is. Agrees with leaving out each row in turn.

The bootstrap would not do. A resample repeats rows and lacks 37 % of them, as a smaller set would:
its FID is biased upward once more, by about as much as the FID itself, and its percentiles may
lie entirely above the value. The jackknife needs no seed either, and two decompositions of
matrices in place of hundreds.

The FID's influences are the derivative of the Frechet distance: with T = S2^(1/2) (S2^(1/2) S1
S2^(1/2))^(-1/2) S2^(1/2), the optimal transport from generated to real, a row x less its mean has
2 (m1 - m2) x + x' (I - T) x. Where S1 has no full rank, the inverse on its range is the derivative
of the sum of singular values that the FID then holds.

An interval is for the value at this N, whose bias it leaves in (``infinity`` takes that out).
Measured at 95 %: on Gaussians of D features it holds the mean of 500 repeats in 93 to 97 % of them,
with N from D / 2 to 100 D; on features of dogs, with N = 5 D, in 97 %. The deviation is rather too
wide than too narrow: by a fifth there, by a third where N is under D.
"""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from scipy import linalg

from mifid.distance import counted, nearest_real
from mifid.errors import InputError
from mifid.frechet import BLOCK, moments
from mifid.profiles import EPSILON, PUBLIC

LEAST = 30  # rows under which no deviation is worth its name


@dataclass(frozen=True)
class Interval:
    """A value, its limits, and its standard deviation; the limits stay where values can be."""

    value: float
    low: float
    high: float
    deviation: float


@dataclass(frozen=True)
class Intervals:
    """The three values' intervals at confidence ``level``, 0..1.

    undecided: the distance's limits lie on both sides of the threshold: MiFID's limits then reach
        from the lower of the penalised and the plain score to the higher.
    """

    mifid: Interval
    fid: Interval
    distance: Interval
    level: float
    undecided: bool


def intervals(
    generated: np.ndarray,
    real: np.ndarray,
    threshold: float = PUBLIC.threshold,
    level: float = 0.95,
    distances: np.ndarray | None = None,
) -> Intervals:
    """Return the intervals of (N, D) generated against (M, D) real features.

    distances: those of ``nearest_real``, where they are known already.

    Raises InputError for fewer than 30 generated rows, or fewer than 2 real ones.
    """
    if len(generated) < LEAST:
        raise InputError(
            f"an interval needs at least {LEAST} generated pictures,"
            f" and there are {len(generated)}; add some"
        )
    width = NormalDist().inv_cdf((1 + level) / 2)
    fid, pull = fid_influences(generated, real)
    distance, push = distance_influences(generated, real, distances)
    of_fid = _interval(fid, pull, width)
    of_distance = _interval(distance, push, width, most=1.0)
    # Under the threshold the quotient counts; on the other side, what it would be at the threshold.
    divisor = min(distance, threshold) + EPSILON
    quotient = fid / divisor
    penalised = _interval(quotient, (pull - quotient * push) / divisor, width)
    mifid = penalised if distance < threshold else of_fid
    undecided = of_distance.low < threshold <= of_distance.high
    if undecided:
        low, high = min(penalised.low, of_fid.low), max(penalised.high, of_fid.high)
        mifid = Interval(mifid.value, low, high, mifid.deviation)
    return Intervals(mifid, of_fid, of_distance, level, undecided)


def fid_influences(generated: np.ndarray, real: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the FID, and the influence (N,) of each generated row on it; they sum to 0."""
    fake, true = moments(generated), moments(real)
    values, vectors = linalg.eigh(true.covariance)
    root = vectors * np.sqrt(values.clip(min=0))  # S2^(1/2), but for a rotation
    values, vectors = linalg.eigh(root.T @ fake.covariance @ root)
    rank = min(fake.count - 1, true.count - 1, len(values))  # the rest is rounding (see frechet)
    values, vectors = values[-rank:].clip(min=0), vectors[:, -rank:]
    shift = fake.mean - true.mean
    traces = np.trace(fake.covariance) + np.trace(true.covariance)
    fid = float(shift @ shift + traces - 2 * np.sqrt(values).sum())
    sure = values > len(root) * np.finfo(float).eps * values[-1]
    transport = root @ (vectors[:, sure] * values[sure] ** -0.25)  # T is this, times its transpose
    influences = np.empty(len(generated))
    for start in range(0, len(generated), BLOCK):
        rows = generated[start : start + BLOCK] - fake.mean
        square = (rows**2).sum(axis=1) - ((rows @ transport) ** 2).sum(axis=1)
        influences[start : start + BLOCK] = 2 * rows @ shift + square
    return fid, influences - influences.mean()


def distance_influences(
    generated: np.ndarray, real: np.ndarray, distances: np.ndarray | None = None
) -> tuple[float, np.ndarray]:
    """Return the memorization distance, and the influence (N,) of each generated row on it.

    distances: those of ``nearest_real``, where they are known already.
    """
    if distances is None:
        distances, _ = nearest_real(generated, real)
    influences = np.zeros(len(generated))
    rows = counted(generated)
    share = len(rows) / len(generated)
    influences[rows] = (distances - distances.mean()) / share
    return float(distances.mean()), influences


def _interval(
    value: float, influences: np.ndarray, width: float, most: float = math.inf
) -> Interval:
    deviation = float(influences.std(ddof=1)) / math.sqrt(len(influences))
    low, high = value - width * deviation, value + width * deviation
    # Rounding may leave an FID of zero just below it: the limits then begin with the value itself.
    return Interval(value, min(max(low, 0.0), value), max(min(high, most), value), deviation)
