"""What a score that was measured here says about Kaggle's: a line through the pairs of both."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from mifid.profiles import PUBLIC
from submission.ledger import Row

ENOUGH = 3  # pairs; two always lie on a line
SURE = 0.95


@dataclass(frozen=True)
class Prediction:
    """A public score that a local one predicts, and limits for a single submission at 95 %."""

    row: int | None  # whose local score it is; None: one for the plot
    fid: float
    public: float
    low: float
    high: float


@dataclass(frozen=True)
class Fit:
    """A line by least squares; scores of different labels never share one.

    label: of the local scores. rows, fids, publics: the pairs.
    slope, intercept: public = intercept + slope * FID.
    spread: standard deviation of what the line leaves over (n - 2 degrees of freedom).
    """

    label: str
    rows: tuple[int, ...]
    fids: tuple[float, ...]
    publics: tuple[float, ...]
    slope: float
    intercept: float
    spread: float

    def at(self, fid: float) -> float:
        """The line's public score for a local one."""
        return self.intercept + self.slope * fid

    def predict(self, fid: float, row: int | None = None) -> Prediction:
        """What the line says of a local score."""
        count, mean = len(self.fids), float(np.mean(self.fids))
        across = float(np.sum((np.array(self.fids) - mean) ** 2))
        error = self.spread * math.sqrt(1 + 1 / count + (fid - mean) ** 2 / across)
        students = float(stdtrit(count - 2, (1 + SURE) / 2))  # Student's t quantile
        reach = students * error
        public = self.at(fid)
        return Prediction(row, fid, public, public - reach, public + reach)


@dataclass(frozen=True)
class Pairing:
    """All rows of one label that have a local score.

    pairs: those that have a public one too. fit: of them; None: they are too few, or of one score.
    predictions: for the rows that have none.
    """

    label: str
    pairs: tuple[Row, ...]
    fit: Fit | None
    predictions: tuple[Prediction, ...]

    def sentence(self) -> str:
        """What was found, in words."""
        if self.fit is None:
            need = f"a line needs {ENOUGH} of different local scores"
            return f"{self.label}: {len(self.pairs)} with a public score too; {need}."
        return (
            f"{self.label}: public = {self.fit.intercept:.4g} + {self.fit.slope:.4g} * FID over"
            f" {len(self.pairs)} pairs, residual spread {self.fit.spread:.3g}."
        )

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON; pairs by their rows' numbers."""
        return {
            "label": self.label,
            "pairs": [row.number for row in self.pairs],
            "fit": self.fit and asdict(self.fit),
            "predictions": [asdict(prediction) for prediction in self.predictions],
        }


def pairings(rows: Sequence[Row]) -> list[Pairing]:
    """A pairing for each label of local scores.

    Penalised rows are left out: their public score is not their FID.
    """
    free = [row for row in rows if row.distance is None or row.distance >= PUBLIC.threshold]
    scored = [row for row in free if row.fid is not None and row.label]
    return [
        _pairing(label, [row for row in scored if row.label == label])
        for label in dict.fromkeys(row.label for row in scored if row.label)
    ]


def _pairing(label: str, rows: Sequence[Row]) -> Pairing:
    pairs = tuple(row for row in rows if row.public is not None)
    fit = _fit(label, pairs)
    unscored = [row for row in rows if row.public is None and row.fid is not None]
    predictions = tuple(fit.predict(row.fid or 0.0, row.number) for row in unscored) if fit else ()
    return Pairing(label, pairs, fit, predictions)


def _fit(label: str, pairs: Sequence[Row]) -> Fit | None:
    fids = np.array([row.fid for row in pairs], float)
    publics = np.array([row.public for row in pairs], float)
    if len(pairs) < ENOUGH or np.ptp(fids) == 0:
        return None
    slope = float(np.cov(fids, publics)[0, 1] / np.var(fids, ddof=1))
    intercept = float(publics.mean() - slope * fids.mean())
    left = publics - intercept - slope * fids
    spread = math.sqrt(float(left @ left) / (len(pairs) - 2))
    numbers = tuple(row.number for row in pairs)
    return Fit(
        label, numbers, tuple(fids.tolist()), tuple(publics.tolist()), slope, intercept, spread
    )
