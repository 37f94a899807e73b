"""Draws the settings of a trial: an Optuna sampler, seeded anew for each."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from optuna import Study
from optuna.distributions import BaseDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, BruteForceSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from local.sweep import again

STARTUP = 10  # trials drawn by lot before any are drawn from what was learnt


class Sampler(BaseSampler):
    """The tree-structured Parzen estimator (Bergstra et al. 2011) with Optuna's own settings.

    Its random numbers depend on the sweep's seed and the trial's place alone. One seed a process
    would let a resumed sweep, and every further worker, draw the first trials again; with none,
    no sweep could be repeated. And with the trial's number, which copies of broken-off trials
    shift, no sweep could that was stopped.

    Args:
        seed: of the sweep.
        all_of_them: draws each combination once, where there are so few that all can be tried:
            the estimator would come back to the best.
    """

    def __init__(self, seed: int, all_of_them: bool = False) -> None:
        self.seed, self.all_of_them = seed, all_of_them
        self.inner = self._seeded(0)

    def _seeded(self, place: int) -> BaseSampler:
        seed = int(np.random.SeedSequence([self.seed, place]).generate_state(1)[0])
        if not self.all_of_them:
            return TPESampler(n_startup_trials=STARTUP, seed=seed)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return BruteForceSampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seeds it."""
        self.inner = self._seeded(again.place(study, trial))

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """As the inner one does."""
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """As the inner one does."""
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """As the inner one does."""
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(
        self,
        study: Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """As the inner one does."""
        self.inner.after_trial(study, trial, state, values)
