"""What a sweep's trials say: the best, how much each setting mattered, and how sure that is."""

import math
import statistics
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from optuna import Study
from optuna.exceptions import ExperimentalWarning
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from local.recipes import Recipe
from local.recipes.ranges import Choice, Space
from local.recipes.text import readable
from local.sweep.trial import DEVIATION, WHY, rounded

ENOUGH = 10  # scores; importances of fewer are luck
TOP, SHARE_OF_TOP = 5, 0.1  # that PED-ANOVA takes for good trials: at least five, says Optuna
SURE_TRIALS, SURE_ERRORS = 5, 3.0  # a side, and standard errors, from which a difference is clear
STATES = {
    TrialState.COMPLETE: "scored",
    TrialState.PRUNED: "stopped",
    TrialState.FAIL: "broken off",
    TrialState.RUNNING: "at work",
    TrialState.WAITING: "to run again",
}


@dataclass(frozen=True)
class Row:
    """A trial.

    Attributes:
        state: of STATES.
        score: the final KID; None without.
        deviation: of a subset's KID; None without.
        marks: KID of few pictures, by the share of the budget in eighths.
        why: it has no score, where its marks were not the reason.
        seconds: from start to end; None while it is at work.
    """

    number: int
    state: str
    score: float | None
    deviation: float | None
    settings: dict[str, Any]
    marks: dict[int, float]
    why: str
    seconds: float | None


@dataclass(frozen=True)
class Group:
    """Trials that are alike in a setting: a choice, or a third of a range's trials."""

    name: str
    trials: int  # with a score
    stopped: int  # before they had one
    mean: float | None
    error: float | None  # standard error of the mean; None for fewer than two


@dataclass(frozen=True)
class Effect:
    """What a setting did.

    Attributes:
        best: its value in the best trial.
        own: the recipe's.
        importance: share of all settings', 0 to 1; None where there are too few trials.
        groups: a range's thirds from low to high, or the choices.
        good, bad: names of the groups with the lowest and the highest mean score.
        difference: of their means; None where fewer than two groups have a score.
        error: its standard error; None where a group has one trial.
        clear: whether it is more than chance.
    """

    setting: str
    best: Any
    own: Any
    importance: float | None
    groups: list[Group]
    good: str
    bad: str
    difference: float | None
    error: float | None
    clear: bool


@dataclass(frozen=True)
class Findings:
    """All of a sweep. `own` is the trial of the recipe's own settings."""

    rows: list[Row]
    best: Row | None
    own: Row | None
    effects: list[Effect]

    def count(self, state: str) -> int:
        """Trials in a state."""
        return sum(row.state == state for row in self.rows)

    def numbers(self) -> dict[str, Any]:
        """All of it as JSON."""
        return asdict(self)


def find(study: Study, recipe: Recipe, spaces: dict[str, Space]) -> Findings:
    """Looks at a study.

    Args:
        study: of any number of trials.
        recipe: with the fixed settings.
        spaces: of the settings that were drawn.
    """
    rows = [_row(trial) for trial in study.get_trials(deepcopy=False)]
    scored = [row for row in rows if row.score is not None]
    best = min(scored, key=_score, default=None)
    values = {name: getattr(recipe, name) for name in spaces}
    own = next((row for row in scored if row.settings == values), None)
    shares = _importances(study, len(scored))
    effects = [
        _effect(name, space, rows, best, values[name], shares.get(name))
        for name, space in spaces.items()
    ]
    return Findings(rows, best, own, sorted(effects, key=lambda e: -(e.importance or 0)))


def _row(trial: FrozenTrial) -> Row:
    score = trial.value if trial.state == TrialState.COMPLETE else None
    marks = {k: v for k, v in trial.intermediate_values.items() if math.isfinite(v)}
    return Row(
        number=trial.number,
        state=STATES[trial.state],
        score=score,
        deviation=trial.user_attrs.get(DEVIATION),
        settings={name: rounded(value) for name, value in trial.params.items()},
        marks=dict(sorted(marks.items())),
        why=trial.user_attrs.get(WHY, ""),
        seconds=trial.duration.total_seconds() if trial.duration else None,
    )


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score


def _importances(study: Study, scored: int) -> dict[str, float]:
    """PED-ANOVA's shares (Watanabe et al. 2023, https://arxiv.org/abs/2304.10255).

    They say which settings the best trials share, and the others do not.
    """
    if scored < ENOUGH:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        evaluator = PedAnovaImportanceEvaluator(target_quantile=max(SHARE_OF_TOP, TOP / scored))
        return get_param_importances(study, evaluator=evaluator)


def _effect(
    name: str, space: Space, rows: Sequence[Row], best: Row | None, own: Any, share: float | None
) -> Effect:
    ended = [row for row in rows if row.state in ("scored", "stopped") and name in row.settings]
    groups = [_group(label, rows) for label, rows in _parts(name, space, ended)]
    ranked = sorted((g for g in groups if g.mean is not None), key=lambda g: g.mean or 0.0)
    good, bad = (ranked[0], ranked[-1]) if len(ranked) > 1 else (None, None)
    difference = error = None
    clear = False
    if good and bad:
        difference = (bad.mean or 0.0) - (good.mean or 0.0)
        if good.error is not None and bad.error is not None:
            error = math.hypot(good.error, bad.error)
            enough = min(good.trials, bad.trials) >= SURE_TRIALS
            clear = enough and difference > SURE_ERRORS * error
    return Effect(
        setting=name,
        best=best.settings[name] if best else None,
        own=own,
        importance=share,
        groups=groups,
        good=good.name if good else "",
        bad=bad.name if bad else "",
        difference=difference,
        error=error,
        clear=clear,
    )


def _parts(name: str, space: Space, rows: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Rows by choice, or in three equal parts from the lowest value to the highest."""
    value: Callable[[Row], Any] = lambda row: row.settings[name]  # noqa: E731
    if isinstance(space, Choice):
        return [(readable(v), [row for row in rows if value(row) == v]) for v in space.values]
    ordered = sorted(rows, key=value)
    thirds = [[ordered[i] for i in part] for part in np.array_split(np.arange(len(ordered)), 3)]
    return [(f"{value(part[0]):g} to {value(part[-1]):g}", part) for part in thirds if part]


def _group(name: str, rows: Sequence[Row]) -> Group:
    scores = [row.score for row in rows if row.score is not None]
    return Group(
        name=name,
        trials=len(scores),
        stopped=len(rows) - len(scores),
        mean=statistics.fmean(scores) if scores else None,
        error=statistics.stdev(scores) / math.sqrt(len(scores)) if len(scores) > 1 else None,
    )
