"""The draws to hand in: truncation, mix of breeds and selection, within a time."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from local.data.classes import Classes
from local.data.shards import Pictures
from local.judge.choices import EACH, TRUNCATIONS, choose_breeds, choose_truncation
from local.judge.nearness import known
from local.judge.scoring import SCORED, KernelJudge
from local.judge.selection import Logits, select
from local.recipes import Recipe
from local.sampling import Draws, draw, sample

OVER = 2  # draws for each picture that is handed in
PROBE = 250  # pictures that tell what drawing and judging cost
MARGIN = 1.3  # on what a stage seems to cost
TAUGHT = 18  # epochs of lessons, below which what a judge picks may be worse (docs/judge.md)


@dataclass(frozen=True)
class Plan:
    """Draws, and how they came to be chosen, for reports."""

    draws: Draws
    facts: dict[str, Any]


def plan(
    judge: KernelJudge,
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    count: int,
    training: Sequence[Pictures],
    seconds: float,
    logits: Logits | None = None,
    now: Callable[[], float] = time.monotonic,
) -> Plan:
    """What to draw, stage by stage; a stage for which there seems to be no time is left out.

    So is selection by a judge that had no time for enough lessons.

    Args:
        judge, generator, recipe, classes: as for `choose_truncation`.
        count: pictures to hand in.
        training: pictures (N, 3, P, P) uint8, as for `known`.
        seconds: for all of it.
        logits: as for `select`.
        now: a monotonic clock; tests bring their own.
    """
    until = now() + seconds
    each = _cost(judge, generator, recipe, classes, now)
    facts: dict[str, Any] = {}
    left_out = []

    def fits(stage: str, pictures: float) -> bool:
        room = now() + MARGIN * each * pictures < until
        if not room:
            left_out.append(stage)
        return room

    truncation = recipe.truncation
    if fits("truncation", len(TRUNCATIONS[recipe.latents]) * SCORED):
        chosen = choose_truncation(judge, generator, recipe, classes, count=SCORED)
        truncation, facts["truncation"] = chosen.value, chosen.facts()
    breeds = len(classes) if recipe.by_breed else 0
    if breeds > 1 and fits("breeds", EACH * breeds + 2 * SCORED):
        half = (until - now()) / 2
        mix = choose_breeds(
            judge, generator, recipe, classes, truncation, half, count=SCORED, now=now
        )
        classes, facts["breeds"] = mix.classes, mix.facts()
    many = OVER * count
    picks = recipe.selection != "none"
    if picks and judge.facts["epochs"] < TAUGHT:
        picks = False
        left_out.append("selection")
    if picks and fits("selection", many + sum(map(len, training))):
        candidates = draw(recipe, classes, many, recipe.seed, truncation)
        copied = known(judge, *training)
        selection = select(judge, generator, candidates, count, copied, logits)
        draws, facts["selection"] = selection.draws, selection.facts
    else:
        draws = draw(recipe, classes, count, recipe.seed, truncation)
    return Plan(draws, facts | {"left_out": left_out})


def _cost(
    judge: KernelJudge,
    generator: nn.Module,
    recipe: Recipe,
    classes: Classes,
    now: Callable[[], float],
) -> float:
    """Seconds that a picture takes, drawn and judged; the first call of a network is slow."""
    draws = draw(recipe, classes, PROBE, recipe.seed)
    for _ in range(2):
        start = now()
        for pictures in sample(generator, draws, judge.device):
            judge.features(pictures)
    return (now() - start) / PROBE
