"""Trials that were broken off: each runs again as a copy, which keeps its settings."""

import warnings

from optuna import Study, Trial
from optuna.exceptions import ExperimentalWarning
from optuna.storages import RetryHeartbeatStaleTrialCallback
from optuna.trial import FrozenTrial, TrialState, create_trial

RETRIES = 3  # times that a killed trial is run again, or one that kills would do so for ever
FIRST = "failed_trial"  # Optuna's attribute of a copy: the number of the trial that it repeats

with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    killed = RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)


def put_back(trial: Trial) -> None:
    """Has a trial run again that is broken off, through no fault of its settings: it is no kill.

    It waits before Optuna hears that it failed: whatever happens in between, it is not lost.
    """
    there = trial.study.trials[trial.number]
    if there.state != TrialState.RUNNING:
        return  # it was taken for killed, and has its copy
    copy = create_trial(
        state=TrialState.WAITING,
        params=there.params,
        distributions=there.distributions,
        system_attrs={FIRST: there.number, **there.system_attrs},
    )
    trial.study.add_trial(copy)


def place(study: Study, trial: FrozenTrial) -> int:
    """How many trials came before, copies not counted; a copy has the place of the first."""
    first = trial.system_attrs.get(FIRST, trial.number)
    trials = study.get_trials(deepcopy=False)
    return sum(other.number < first and FIRST not in other.system_attrs for other in trials)
