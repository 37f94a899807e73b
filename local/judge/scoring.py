"""What pictures are worth to the judge, and whether two scores differ."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from local.judge.frechet import Sums, Target
from local.pictures import submitted
from local.train.augment import to_floats

BATCH = 250  # pictures at once through the network
SCORED = 2500  # pictures behind a score, unless said otherwise: twenty times the features
GROUPS = 20  # of a score's pictures; its error is told by leaving each out in turn
SURE = 2.0  # standard errors of a difference that make it one
ALIKE = 1e-5  # deviation in units of the features' size that is but rounding


class JudgeError(Exception):
    """There is no judge, or none to trust. Whoever asked for one goes on without."""


@dataclass(frozen=True)
class Score:
    """A Frechet distance, lower is better, and the standard error that the draws bring into it."""

    value: float
    error: float

    def __str__(self) -> str:
        return f"{self.value:.2f} ± {self.error:.2f}"


def better(a: Score, b: Score) -> bool:
    """Whether `a` is lower than `b` by more than what other draws would change.

    Of two sets of draws of one generator, the first is called better once in forty times.
    """
    return a.value < b.value - SURE * math.hypot(a.error, b.error)


class KernelJudge:
    """Features of pictures, and scores against real ones.

    Args:
        network: a `Classifier`, or what else has its `features`; in eval mode on the device.
        device: on which it is.
        raw: its features (R, D) of real pictures.
        held_out: which of these rows (R,) it never learned from.
        facts: about how it came to be, for reports.

    Attributes:
        reals: the real side of scores, all R rows.
        unseen: the same of the held-out rows alone; None where they are fewer than two.

    Raises:
        JudgeError: the features are no numbers, or do not vary.
    """

    def __init__(
        self,
        network: nn.Module,
        device: torch.device,
        raw: Tensor,
        held_out: Tensor,
        facts: dict[str, Any] | None = None,
    ) -> None:
        self.network, self.device = network, device
        self.facts = facts or {}
        deviation = raw.double().std(dim=0)
        size = float(raw.double().abs().mean())
        if not float(deviation.mean()) > ALIKE * size:  # so written that a NaN fails too
            raise JudgeError("its network came out broken: real pictures have no usable features")
        # In units of the real pictures' deviation, one for all features: a number to read.
        self._centre = raw.double().mean(dim=0).float().to(device)
        self._scale = float(deviation.square().mean().sqrt())
        rows = self._standard(raw.to(device)).cpu()
        self.reals = Target(Sums.of(rows).gaussian())
        self.unseen = _target(rows[held_out])
        learned = _target(rows[~held_out])
        if self.unseen and learned:
            self.facts["split_distance"] = learned.distance(self.unseen.gaussian)

    @torch.inference_mode()
    def features(self, pictures: np.ndarray) -> Tensor:
        """Features (N, D) float32 on the device, of pictures (N, H, W, 3) uint8.

        Others than 64x64 are resized as Kaggle gets them.
        """
        rows = []
        for first in range(0, len(pictures), BATCH):
            (batch,) = submitted([pictures[first : first + BATCH]])
            shown = torch.tensor(batch).permute(0, 3, 1, 2).to(self.device)
            rows.append(self._standard(raw_features(self.network, shown)))
        return torch.cat(rows)

    def score(self, pictures: np.ndarray, against: Target | None = None) -> Score:
        """The score of pictures (N, H, W, 3) uint8, N >= 40, against `reals` or another side.

        Scores of different N do not compare: fewer pictures look worse than they are.
        """
        return self.score_features(self.features(pictures), against)

    def score_features(self, rows: Tensor, against: Target | None = None) -> Score:
        """The same of features (N, D); its error is the jackknife's (Quenouille; Tukey 1958)."""
        if len(rows) < 2 * GROUPS:
            raise ValueError(f"a score needs {2 * GROUPS} pictures, and there are {len(rows)}")
        target = against or self.reals
        # Every twentieth, not one twentieth after another: pictures may come breed by breed.
        groups = [Sums.of(rows[first::GROUPS]) for first in range(GROUPS)]
        whole = sum(groups[1:], groups[0])
        without = [target.distance((whole - group).gaussian()) for group in groups]
        mean = sum(without) / GROUPS
        variance = (GROUPS - 1) / GROUPS * sum((value - mean) ** 2 for value in without)
        return Score(target.distance(whole.gaussian()), math.sqrt(variance))

    def _standard(self, raw: Tensor) -> Tensor:
        return (raw - self._centre) / self._scale


def raw_features(network: nn.Module, pictures: Tensor) -> Tensor:
    """What the network sees in pictures (N, 3, 64, 64) uint8, in float32: (N, D)."""
    shown = to_floats(pictures).contiguous(memory_format=torch.channels_last)
    features: Tensor = network.features(shown)  # type: ignore[operator]
    return features.float()


def _target(rows: Tensor) -> Target | None:
    return Target(Sums.of(rows).gaussian()) if len(rows) > 1 else None
