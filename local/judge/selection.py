"""Selection at sampling: the best n of m draws, never towards copies.

Quality is the judge's (how likely a picture's features are among real ones; DeVries et al. 2020,
"Instance Selection for GANs", arXiv 2007.15255, section 3, applied to what is drawn), or the
discriminator's logit (the idea of Azadi et al. 2019, "Discriminator Rejection Sampling", arXiv
1810.06758, without its acceptance probability: a share is kept).

Either likes a copy of a training picture best of all. So copies go first, whatever their quality;
and if those chosen lie nearer to the training pictures, on average, than the draws they were chosen
from, the nearest draws are ruled out one share after another until they no longer do.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from local import nets
from local.judge.nearness import Known
from local.judge.scoring import SCORED, KernelJudge, better
from local.sampling import Draws, sample
from local.train.augment import to_floats

ALLOWED = 0.0  # by which the mean distance may fall below that of the draws
ROUNDS = 32  # in which the nearest draws are ruled out, at most
# Pictures (N, S, S, 3) uint8, labels (N,) and features (N, D) to what they are worth (N,).
Quality = Callable[[np.ndarray, Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Chosen:
    """Rows (n,) of the draws in their order, and how many of the nearest were ruled out."""

    rows: Tensor
    ruled_out: int


@dataclass(frozen=True)
class Selection:
    """The draws to hand in, and what is to be told about them."""

    draws: Draws
    facts: dict[str, Any]


def select(
    judge: KernelJudge,
    generator: nn.Module,
    draws: Draws,
    count: int,
    known: Known,
    quality: Quality | None = None,
    allowed: float = ALLOWED,
) -> Selection:
    """The best `count` of the draws; the first ones, but for copies, where that is not better.

    Each breed keeps its share, but for what copies take. The judge's score decides whether the
    chosen are better than the draws as they come.

    Args:
        judge: that sees and scores.
        generator: in eval mode on the judge's device.
        draws: to choose from, more than `count`.
        count: how many are needed.
        known: the training pictures.
        quality: what is best; None: `likeness` to real pictures.
        allowed: by how much the mean distance to training pictures may fall.
    """
    value = quality or likeness(judge)
    features, worth = _seen(judge, generator, draws, value)
    distances = known.distances(features)
    plain = choose(-torch.arange(len(draws)).double(), distances, count, known.near, allowed)
    ranks = within_breeds(worth, draws.labels)
    chosen = choose(ranks, distances, count, known.near, allowed)
    before, after = (judge.score_features(features[_some(kind.rows)]) for kind in (plain, chosen))
    taken = better(after, before)
    final = chosen if taken else plain
    facts = {
        "candidates": len(draws),
        "selected": taken,
        "score_before": before.value,
        "score_after": after.value,
        "distance_candidates": float(distances.mean()),
        "distance_chosen": float(distances[final.rows].mean()),
        "distance_least": float(distances[final.rows].min()),
        "copies_found": int((distances < known.near).sum()),
        "copies_left": int((distances[final.rows] < known.near).sum()),
        "ruled_out": final.ruled_out,
    }
    return Selection(Draws(draws.latents[final.rows], draws.labels[final.rows]), facts)


def choose(
    worth: Tensor, distances: Tensor, count: int, near: float, allowed: float = ALLOWED
) -> Chosen:
    """The `count` rows that are worth most, under the limits on nearness.

    Copies, nearer than `near`, are ruled out as far as there are others; then as many more of the
    nearest as it takes for the mean distance of the chosen to be that of all rows, less `allowed`.
    That is always possible: the furthest rows are further than all are on average.

    Args:
        worth: of each row (M,).
        distances: of each row to the nearest training picture (M,) float64.
        count: of rows to choose, M at most.
        near: below which a distance is a copy's.
        allowed: fall of the mean distance.
    """
    nearest_first = distances.argsort(stable=True)
    spare = len(distances) - count
    copies = min(spare, int((distances < near).sum()))
    least = float(distances.mean()) - allowed
    rows, ruled_out = nearest_first[spare:], spare
    for number in torch.linspace(copies, spare, ROUNDS).round().long().unique().tolist():
        left = nearest_first[number:]
        best = left[worth[left].argsort(descending=True, stable=True)[:count]]
        if float(distances[best].mean()) >= least:
            rows, ruled_out = best, number
            break
    return Chosen(rows.sort().values, ruled_out)


def within_breeds(worth: Tensor, labels: Tensor) -> Tensor:
    """The rank (M,) of each row within its label, from over 0, the worst, to 1, the best.

    Chosen by it, the best share of each breed is kept. By the worth itself the breeds that are
    drawn best would crowd out the others.
    """
    ranks = torch.empty(len(worth), dtype=torch.float64)
    for label in labels.unique().tolist():
        own = torch.nonzero(labels == label).flatten()
        order = worth[own].argsort(stable=True)
        ranks[own[order]] = torch.arange(1, len(own) + 1, dtype=torch.float64) / len(own)
    return ranks


def likeness(judge: KernelJudge) -> Quality:
    """How likely features are among real ones: minus the squared Mahalanobis length."""
    real = judge.reals.gaussian
    values, vectors = torch.linalg.eigh(real.covariance)
    # A direction in which real pictures hardly differ must not decide alone.
    scale = values.clamp(min=0.01 * float(values.mean())).rsqrt()
    mean, whitening = real.mean.float(), (vectors * scale).float()

    def quality(pictures: np.ndarray, labels: Tensor, features: Tensor) -> Tensor:
        rows = (features - mean.to(features.device)) @ whitening.to(features.device)
        return -rows.square().sum(dim=1)

    return quality


def by_discriminator(discriminator: nn.Module, device: torch.device) -> Quality:
    """The discriminator's logit: how real a picture looks to it, beside others of its breed.

    In eval mode: a logit must not depend on the pictures beside it.
    """

    @torch.inference_mode()
    def quality(pictures: np.ndarray, labels: Tensor, features: Tensor) -> Tensor:
        shown = to_floats(torch.tensor(pictures).permute(0, 3, 1, 2).to(device))
        training = discriminator.training
        discriminator.eval()
        try:
            logits = nets.logits(discriminator(shown, labels.to(device)))
        finally:
            discriminator.train(training)
        return logits.float()

    return quality


def _seen(
    judge: KernelJudge, generator: nn.Module, draws: Draws, quality: Quality
) -> tuple[Tensor, Tensor]:
    """Features (M, D) on the device and worth (M,) of the draws; no picture is kept."""
    features: list[Tensor] = []
    worth: list[Tensor] = []
    done = 0
    for pictures in sample(generator, draws, judge.device):
        labels = draws.labels[done : done + len(pictures)]
        features.append(judge.features(pictures))
        worth.append(quality(pictures, labels, features[-1]).double().cpu())
        done += len(pictures)
    return torch.cat(features), torch.cat(worth)


def _some(rows: Tensor) -> Tensor:
    """SCORED of the rows at most, evenly spaced."""
    return rows[:: max(1, len(rows) // SCORED)][:SCORED]
