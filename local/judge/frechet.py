"""The Frechet distance in torch alone, because a kernel has no SciPy.

Reference: Heusel et al. 2017, "GANs Trained by a Two Time-Scale Update Rule Converge to a Local
Nash Equilibrium", equation 6. Agrees with `mifid.frechet`, which takes the same root by the same
eigenvalues. Everything here is float64 on the CPU: a few hundred dimensions are no work for it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 4096  # rows that are held in float64 at once


@dataclass(frozen=True)
class Gaussian:
    """Mean (D,) and covariance (D, D) of `count` rows, with n-1 as in the metric."""

    mean: Tensor
    covariance: Tensor
    count: float


@dataclass(frozen=True)
class Sums:
    """Rows (N, D) added up, so that groups of them are put together and taken out again.

    count: of rows, or their weight. total (D,) and products (D, D): sums of x and of x xT.
    """

    count: float
    total: Tensor
    products: Tensor

    @classmethod
    def of(cls, rows: Tensor) -> "Sums":
        """The sums of rows (N, D) on any device."""
        dimensions = rows.shape[1]
        total = torch.zeros(dimensions, dtype=torch.float64, device=rows.device)
        products = torch.zeros(dimensions, dimensions, dtype=torch.float64, device=rows.device)
        for part in rows.split(BLOCK):
            wide = part.double()
            total += wide.sum(dim=0)
            products += wide.T @ wide
        return cls(float(len(rows)), total.cpu(), products.cpu())

    def __add__(self, other: "Sums") -> "Sums":
        return Sums(
            self.count + other.count, self.total + other.total, self.products + other.products
        )

    def __sub__(self, other: "Sums") -> "Sums":
        return self + other.times(-1.0)

    def times(self, weight: float) -> "Sums":
        """Each row counts so many times."""
        return Sums(weight * self.count, weight * self.total, weight * self.products)

    def gaussian(self) -> Gaussian:
        """Of two rows or more.

        The features of a judge are standardised, so that no digits are lost to their mean.
        """
        mean = self.total / self.count
        spread = self.products - self.count * torch.outer(mean, mean)
        return Gaussian(mean, spread / (self.count - 1), self.count)


class Target:
    """One side of many distances, whose root is taken once."""

    def __init__(self, gaussian: Gaussian) -> None:
        self.gaussian = gaussian
        values, root = torch.linalg.eigh(gaussian.covariance)
        # S1^(1/2), but for a rotation, which changes no eigenvalue below.
        self._root = root * values.clamp(min=0).sqrt()

    def distance(self, other: Gaussian) -> float:
        """|m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2), not clamped.

        S1 S2 has the eigenvalues of S1^(1/2) S2 S1^(1/2), which is symmetric: no matrix root, and
        covariances without full rank have their distance too.
        """
        mine = self.gaussian
        shift = mine.mean - other.mean
        eigenvalues = torch.linalg.eigvalsh(self._root.T @ other.covariance @ self._root)
        # Eigenvalues beyond the smaller rank are 0 but for rounding, which a root would enlarge.
        rank = int(min(mine.count - 1, other.count - 1, len(eigenvalues)))
        root = eigenvalues[len(eigenvalues) - rank :].clamp(min=0).sqrt().sum()
        traces = mine.covariance.trace() + other.covariance.trace()
        return float(shift @ shift + traces - 2 * root)
