"""FID extrapolated to infinitely many generated pictures.

FID reads too high by an amount that falls as 1/N, differently for each generator. Paper: Chong &
Forsyth 2020, "Effectively Unbiased FID and Inception Score and where to find them". Agrees to 1e-9
with dgm-eval's ``compute_FD_infinity``, given its smallest size and the same draws; by default it
starts elsewhere: see ``smallest_size``.
"""

from dataclasses import dataclass

import numpy as np
from scipy import linalg

from mifid.errors import InputError
from mifid.frechet import BLOCK, Moments, moments

POINTS = 15


@dataclass(frozen=True)
class Extrapolation:
    """fid: the line's value at 1/N = 0. slope: what the line adds, times N.

    sizes, fids: the points that the line was fitted to, by least squares.
    """

    fid: float
    slope: float
    sizes: tuple[int, ...]
    fids: tuple[float, ...]


def fid_infinity(
    generated: np.ndarray,
    real: np.ndarray | Moments,
    *,
    points: int = POINTS,
    smallest: int | None = None,
    seed: int = 0,
) -> Extrapolation:
    """Return the FID of (N, D) generated features at ``points`` sizes, and where it tends to.

    real: (M, D) features, or their moments; always all of them. smallest: rows of the first point
    (default ``smallest_size``); the last has all N, the others are even steps between, each drawn
    anew without replacement.

    Raises InputError when there are too few generated rows for as many sizes.
    """
    count = len(generated)
    smallest = smallest_size(count) if smallest is None else smallest
    if smallest < 2 or count - smallest < points - 1:
        raise InputError(
            f"FID at {points} sizes from {max(smallest, 2)} pictures on needs more than the"
            f" {count} generated ones; add some ({2 * points} do at any rate)"
        )
    sizes = np.linspace(smallest, count, points).astype(int)
    subsets = _Subsets(generated, real if isinstance(real, Moments) else moments(real))
    random = np.random.default_rng(seed)
    fids = [subsets.fid(random.choice(count, size, replace=False)) for size in sizes]
    slope, intercept = np.polyfit(1 / sizes, fids, 1)
    return Extrapolation(float(intercept), float(slope), tuple(sizes.tolist()), tuple(fids))


def smallest_size(count: int) -> int:
    """Return the paper's 5,000, or half the rows where those are fewer.

    dgm-eval starts at a tenth. The bias is linear in 1/N only well above D: for Gaussians with
    N = 5 D, as 10,000 pictures have at 2048 features, a tenth overshoots (a true 1.63, 5.12 as it
    reads, becomes -0.38) where half leaves 1.35.
    """
    return min(5000, count // 2)


class _Subsets:
    """The FID of any subset of the generated rows, by what the subset leaves out.

    The rows are turned by the real covariance's root once: a subset's root of the product of
    covariances is then that of its own, and the sums over the rows left out, fewer than half, are
    taken from those over all rows.
    """

    def __init__(self, generated: np.ndarray, real: Moments) -> None:
        self.generated, self.real = generated, real
        self.mean = generated.mean(axis=0, dtype=np.float64)
        values, vectors = linalg.eigh(real.covariance)
        self.root = vectors * np.sqrt(values.clip(min=0))
        self.squares = np.empty(len(generated))
        self.turned = np.empty(generated.shape)
        for start in range(0, len(generated), BLOCK):
            block = slice(start, start + BLOCK)
            deviations = generated[block] - self.mean
            self.squares[block] = (deviations**2).sum(axis=1)
            np.matmul(deviations, self.root, out=self.turned[block])
        self.products = self.turned.T @ self.turned

    def fid(self, rows: np.ndarray) -> float:
        """Return ``frechet_distance(moments(generated[rows]), real)``."""
        count = len(rows)
        rest = np.setdiff1d(np.arange(len(self.generated)), rows)
        # All deviations sum to 0, and so the rows' sum is the others', negated.
        left_out = self.generated[rest].sum(axis=0, dtype=np.float64) - len(rest) * self.mean
        shift = -left_out / count
        trace = (self.squares[rows].sum() - count * shift @ shift) / (count - 1)
        away = self.mean + shift - self.real.mean
        traces = trace + np.trace(self.real.covariance)
        return float(away @ away + traces - 2 * self._trace_of_root(rest, count, shift))

    def _trace_of_root(self, rest: np.ndarray, count: int, shift: np.ndarray) -> float:
        others, turned_shift = self.turned[rest], shift @ self.root
        products = others.T @ others
        np.subtract(self.products, products, out=products)
        products -= count * np.outer(turned_shift, turned_shift)
        products /= count - 1
        eigenvalues = linalg.eigvalsh(products, overwrite_a=True)
        # Beyond the rank eigenvalues are rounding errors, whose roots would show (see frechet).
        rank = min(count - 1, self.real.count - 1, len(eigenvalues))
        return float(np.sqrt(eigenvalues[-rank:].clip(min=0)).sum())
