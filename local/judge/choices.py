"""What the judge chooses before sampling: the truncation, and the mix of breeds.

Both prefer what is there already. A choice among many, made on noisy scores, is lower than what it
chose is worth; so a mix is only taken if other draws confirm it.
"""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor, nn

from local.data.classes import Classes
from local.judge.frechet import Sums
from local.judge.scoring import SCORED, KernelJudge, Score, better
from local.recipes import Recipe
from local.sampling import Draws, draw, fill, sample

# The least truncated first.
TRUNCATIONS = {
    "normal": (0.0, 2.0, 1.5, 1.2, 1.0, 0.8),
    "uniform": (0.0, 0.9, 0.8, 0.7),
}
KEPT = 0.6  # share of the breeds that stay, however badly they are drawn
EACH = 40  # pictures of a breed that tell how it is drawn
GAIN = 0.01  # of the score, that dropping a breed has to bring: less is noise


@dataclass(frozen=True)
class Truncation:
    """The chosen one, and the score of each; 0 is none."""

    value: float
    scores: dict[float, Score]

    def facts(self) -> dict[str, object]:
        """For JSON."""
        said = {str(key): [score.value, score.error] for key, score in self.scores.items()}
        return {"truncation": self.value, "scores": said}


@dataclass(frozen=True)
class Mix:
    """The breeds to draw: `classes` with no pictures of those dropped; scores without, and with."""

    classes: Classes
    dropped: tuple[str, ...]
    before: Score | None = None
    after: Score | None = None

    def facts(self) -> dict[str, object]:
        """For JSON."""
        scores = {"all": self.before, "mix": self.after}
        said = {key: [score.value, score.error] for key, score in scores.items() if score}
        return {"dropped": list(self.dropped), "scores": said}


def choose_truncation(
    judge: KernelJudge,
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    candidates: tuple[float, ...] | None = None,
    count: int = SCORED,
) -> Truncation:
    """The least truncation whose score is not clearly worse than the best one's.

    Args:
        judge: whose scores count.
        generator: in eval mode on the judge's device, its statistics fresh.
        recipe: of the generator.
        classes: the breeds to draw, each in its share.
        candidates: the least truncated first; None: TRUNCATIONS of the recipe's latents.
        count: pictures behind each score.
    """
    candidates = candidates or TRUNCATIONS[recipe.latents]
    scores: dict[float, Score] = {}
    for candidate in candidates:
        # Not the seed of the pictures that are handed in.
        draws = draw(recipe, classes, count, recipe.seed + 1, candidate)
        scores[candidate] = judge.score(_pictures(generator, draws, judge.device))
    best = min(scores.values(), key=lambda score: score.value)
    chosen = next(value for value in candidates if not better(best, scores[value]))
    return Truncation(chosen, scores)


def choose_breeds(
    judge: KernelJudge,
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    truncation: float = 0.0,
    seconds: float = 60.0,
    count: int = SCORED,
    now: Callable[[], float] = time.monotonic,
) -> Mix:
    """Drops breeds one after another, as long as the judge's score of the mix falls.

    Each time it is the breed without which the score is lowest. KEPT of the breeds stay in any
    case, so that the pictures remain those of many breeds. The mix is taken only if it is better
    than all breeds on other draws.

    Args:
        judge, generator, recipe, classes, count: as for `choose_truncation`.
        truncation: with which breeds are drawn.
        seconds: after which no further breed is dropped.
        now: a monotonic clock; tests bring their own.
    """
    present = [label for label, number in enumerate(classes.counts) if number]
    if not recipe.by_breed or len(present) < 2:
        return Mix(classes, ())
    until = now() + seconds
    sums = _by_breed(judge, generator, recipe, classes, present, truncation)
    kept = _greedy(judge, sums, lambda: now() < until)
    if len(kept) == len(present):
        return Mix(classes, ())
    counts = tuple(n if label in kept else 0 for label, n in enumerate(classes.counts))
    mixed = replace(classes, counts=counts)
    before, after = (
        judge.score(
            _pictures(
                generator, draw(recipe, some, count, recipe.seed + 2, truncation), judge.device
            )
        )
        for some in (classes, mixed)
    )
    if not better(after, before):
        return Mix(classes, (), before, after)
    dropped = tuple(classes.names[label] for label in present if label not in kept)
    return Mix(mixed, dropped, before, after)


def _by_breed(
    judge: KernelJudge,
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    present: list[int],
    truncation: float,
) -> dict[int, Sums]:
    """Sums of EACH pictures' features a breed, weighted as its share of the training set."""
    labels = torch.tensor(present).repeat_interleave(EACH)
    random = torch.Generator().manual_seed(recipe.seed + 1)
    latents = fill(torch.empty(len(labels), recipe.latent), recipe, random, truncation)
    rows = judge.features(_pictures(generator, Draws(latents, labels), judge.device))
    parts: list[Tensor] = list(rows.split(EACH))
    return {
        label: Sums.of(part).times(classes.counts[label] / EACH)
        for label, part in zip(present, parts, strict=True)
    }


def _greedy(judge: KernelJudge, sums: dict[int, Sums], goes_on: Callable[[], bool]) -> set[int]:
    """The breeds that stay."""
    kept, least = set(sums), math.ceil(KEPT * len(sums))
    first, *others = sums.values()
    whole = sum(others, first)
    score = judge.reals.distance(whole.gaussian())
    while len(kept) > least and goes_on():
        trials = {
            label: judge.reals.distance((whole - sums[label]).gaussian()) for label in sorted(kept)
        }
        worst = min(trials, key=trials.__getitem__)
        if trials[worst] > (1 - GAIN) * score:
            break
        kept.remove(worst)
        whole, score = whole - sums[worst], trials[worst]
    return kept


def _pictures(generator: nn.Module, draws: Draws, device: torch.device) -> np.ndarray:
    return np.concatenate(list(sample(generator, draws, device)))
