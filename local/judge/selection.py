"""Selection at sampling: the best n of m draws, never towards copies.

Quality is the judge's: how much likelier what it sees is among real pictures than among the draws
(the ratio by which a discriminator that were right would accept them: Azadi et al. 2019,
"Discriminator Rejection Sampling", arXiv 1810.06758, section 3); or the discriminator's logit, the
same idea. Neither has the paper's acceptance probability: a share is kept.

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
from local.judge.frechet import Gaussian, Sums
from local.judge.nearness import Known
from local.judge.scoring import SCORED, KernelJudge, better
from local.sampling import Draws, sample
from local.train.augment import to_floats

ALLOWED = 0.0  # by which the mean distance may fall below that of the draws
ROUNDS = 32  # in which the nearest draws are ruled out, at most
FLOOR = 0.1  # of the mean variance: a direction in which pictures hardly differ must not decide
# Pictures (N, S, S, 3) uint8 and labels (N,) to how real they look (N,).
Logits = Callable[[np.ndarray, Tensor], Tensor]


@dataclass(frozen=True)
class Chosen:
    """Rows (n,) of the draws in their order, and how many of the nearest were ruled out."""

    rows: Tensor
    ruled_out: int


@dataclass(frozen=True)
class Selection:
    """The draws to hand in, which rows (n,) of the candidates they are, and facts about them."""

    draws: Draws
    rows: Tensor
    facts: dict[str, Any]


def select(
    judge: KernelJudge,
    generator: nn.Module,
    draws: Draws,
    count: int,
    known: Known,
    logits: Logits | None = None,
    allowed: float = ALLOWED,
) -> Selection:
    """The best `count` of the draws; the first ones, where that is not better.

    Either way copies are left out, and so are the nearest, as far as `choose` has to.

    Each breed keeps its share, but for what copies take. The judge's score decides whether the
    chosen are better than the draws as they come.

    Args:
        judge: that sees and scores.
        generator: in eval mode on the judge's device.
        draws: to choose from, more than `count`.
        count: how many are needed.
        known: the training pictures.
        logits: what is best; None: `realness`.
        allowed: by how much the mean distance to training pictures may fall.
    """
    features, said = _seen(judge, generator, draws, logits)
    worth = realness(features, judge.reals.gaussian) if said is None else said
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
    kept = Draws(draws.latents[final.rows], draws.labels[final.rows])
    return Selection(kept, final.rows, facts)


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


def realness(features: Tensor, reals: Gaussian) -> Tensor:
    """How much likelier features (M, D) are among real ones than among themselves: (M,) float64.

    Twice the logarithm of the ratio of both densities, each a normal distribution's, but for a
    constant: a quadratic discriminant. The density of real ones alone, as in DeVries et al. 2020,
    arXiv 2007.15255, takes the most usual pictures, of which there are too many already.
    """
    rows = features.double().cpu()
    return _oddness(rows, Sums.of(rows).gaussian()) - _oddness(rows, reals)


def _oddness(rows: Tensor, gaussian: Gaussian) -> Tensor:
    """The squared Mahalanobis length (M,) of each row (M, D)."""
    values, vectors = torch.linalg.eigh(gaussian.covariance)
    least = max(FLOOR * float(values.mean()), 1e-12)  # 0 are those of one picture again and again
    whitening = vectors * values.clamp(min=least).rsqrt()
    return ((rows - gaussian.mean) @ whitening).square().sum(dim=1)


def by_discriminator(discriminator: nn.Module, device: torch.device) -> Logits:
    """The discriminator's logit: how real a picture looks to it, beside others of its breed.

    In eval mode: a logit must not depend on the pictures beside it.
    """

    @torch.inference_mode()
    def logits(pictures: np.ndarray, labels: Tensor) -> Tensor:
        shown = to_floats(torch.tensor(pictures).permute(0, 3, 1, 2).to(device))
        training = discriminator.training
        discriminator.eval()
        try:
            judged = nets.logits(discriminator(shown, labels.to(device)))
        finally:
            discriminator.train(training)
        return judged.float()

    return logits


def _seen(
    judge: KernelJudge, generator: nn.Module, draws: Draws, logits: Logits | None
) -> tuple[Tensor, Tensor | None]:
    """Features (M, D) on the device, and logits (M,) if any, of the draws; no picture is kept."""
    features: list[Tensor] = []
    said: list[Tensor] = []
    done = 0
    for pictures in sample(generator, draws, judge.device):
        labels = draws.labels[done : done + len(pictures)]
        features.append(judge.features(pictures))
        if logits:
            said.append(logits(pictures, labels).double().cpu())
        done += len(pictures)
    return torch.cat(features), torch.cat(said) if said else None


def _some(rows: Tensor) -> Tensor:
    """SCORED of the rows at most, evenly spaced."""
    return rows[:: max(1, len(rows) // SCORED)][:SCORED]
