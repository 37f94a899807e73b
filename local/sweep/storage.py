"""Where a sweep is kept: an Optuna study in a data base that several processes write to."""

import sys
import time
import warnings
from collections.abc import Iterator
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.pruners import MedianPruner
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from local.errors import InputError, reason
from local.recipes.text import readable
from local.sweep.plan import Plan
from local.sweep.sampler import Sampler

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
HEARTBEAT = 20  # seconds between two signs of life of a trial
GRACE = 90  # seconds without one after which it counts as killed, and is run again
RETRIES = 3  # times that a trial is run again, or one that kills its process would do so for ever
START_WAIT = 10.0  # seconds for another process that makes tables and study
FILE_WAIT = 60.0  # and for one that writes to the file
# The median of those before, at the same share of the budget. A trial's best mark so far is
# compared, so that one unlucky mark stops nobody; the first third of a training says little.
WARM_TRIALS, WARM_MARKS = 5, 3
IDENTITY = "sweep"  # the study's attribute that says what it is a sweep of


with warnings.catch_warnings():
    warnings.simplefilter("ignore", ExperimentalWarning)
    run_again = RetryHeartbeatStaleTrialCallback(max_retry=RETRIES)


def connect(url: str) -> RDBStorage:
    """The data base, with its tables.

    Raises:
        InputError: it cannot be used.
    """
    until = time.monotonic() + START_WAIT
    while True:
        try:
            return _storage(url)
        except ImportError as error:
            module = getattr(error.__cause__, "name", None) or "its driver"
            why = f"{module} is not installed; install it, or leave --storage out"
            raise InputError(f"storage {shown(url)}: {why}") from None
        except (SQLAlchemyError, StorageInternalError, RuntimeError, ValueError) as error:
            # Two processes that come first make the same tables, and one of them fails.
            if "already exists" not in str(error) or time.monotonic() > until:
                raise InputError(f"storage {shown(url)}: not usable ({reason(error)})") from None
            time.sleep(0.1)


def _storage(url: str) -> RDBStorage:
    patient = {"connect_args": {"timeout": FILE_WAIT}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return RDBStorage(
            url,
            engine_kwargs=patient,
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=run_again,
        )


def open_study(plan: Plan, new: bool = False) -> Study:
    """The plan's study.

    Raises:
        InputError: the data base cannot be used.
        DuplicatedStudyError: it is not new.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)  # we tell of trials ourselves
    return optuna.create_study(
        storage=connect(plan.storage),
        sampler=Sampler(plan.seed, all_of_them=plan.trials == plan.combinations),
        pruner=MedianPruner(n_startup_trials=WARM_TRIALS, n_warmup_steps=WARM_MARKS),
        study_name=plan.study,
        direction="minimize",
        load_if_exists=not new,
    )


def shown(url: str) -> str:
    """A storage's URL without a password."""
    try:
        return make_url(url).render_as_string(hide_password=True)
    except SQLAlchemyError:
        return "as given"  # no URL: who knows what it holds


def claim(plan: Plan, identity: dict[str, Any]) -> Study:
    """The plan's study, which is new or a sweep of the same things.

    A new one begins with the recipe's own settings, if they lie within the ranges: what another
    trial helped is told against them.

    Raises:
        InputError: it is another sweep; its scores would not compare.
    """
    try:
        study = open_study(plan, new=True)
    except DuplicatedStudyError:
        study = open_study(plan)
        _wait(study)
    there = study.user_attrs.get(IDENTITY)
    if there is None:
        _begin(study, plan)
        study.set_user_attr(IDENTITY, identity)
    elif there != identity:
        odd = ", ".join(_differences(there, identity))
        raise InputError(f"{plan.folder} holds a sweep with other {odd}; name another --out")
    return study


def _begin(study: Study, plan: Plan) -> None:
    own = {name: getattr(plan.recipe, name) for name in plan.spaces}
    out = [name for name, space in plan.spaces.items() if own[name] not in space]
    if out:
        told = ", ".join(f"{name}={readable(own[name])}" for name in out)
        print(f"no trial of the recipe as it is: {told} outside", file=sys.stderr)
    else:
        study.enqueue_trial(own)


def _wait(study: Study) -> None:
    """Waits for the process that has just made the study, if it lives, to say what it is of."""
    until = time.monotonic() + START_WAIT
    while IDENTITY not in study.user_attrs and time.monotonic() < until:
        time.sleep(0.1)


def _differences(there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    for name, value in here.items():
        old = there.get(name)
        if isinstance(value, dict) and isinstance(old, dict):
            keys = sorted(value.keys() | old.keys())
            odd = {k: (old.get(k), value.get(k)) for k in keys if value.get(k) != old.get(k)}
            if odd:
                pairs = (f"{k}={readable(a)} not {readable(b)}" for k, (a, b) in odd.items())
                yield f"{name} ({', '.join(pairs)})"
        elif value != old:
            yield f"{name} ({old} not {value})"


def finished(study: Study) -> int:
    """Trials that have a score, or were stopped because theirs would be bad."""
    return len(study.get_trials(deepcopy=False, states=FINISHED))
