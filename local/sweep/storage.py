"""Where a sweep is kept: an Optuna study in a data base that several processes write to."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna.exceptions import DuplicatedStudyError, ExperimentalWarning, StorageInternalError
from optuna.pruners import MedianPruner
from optuna.storages import RDBStorage
from optuna.study import Study
from optuna.trial import TrialState
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from local.errors import InputError, reason
from local.recipes.text import readable
from local.sweep import again
from local.sweep.plan import Plan
from local.sweep.sampler import Sampler

ERRORS = (StorageInternalError, SQLAlchemyError)  # Optuna's, and those of the library below it
FINISHED = (TrialState.COMPLETE, TrialState.PRUNED)
HEARTBEAT = 20  # seconds between two signs of life of a trial
GRACE = 90  # seconds without one after which it counts as killed, and is run again
START_WAIT = 10.0  # seconds for another process that makes tables and study
FILE_WAIT = 60.0  # and for one that writes to the file
# The median of those before, at the same share of the budget. A trial's best mark so far is
# compared, so that one unlucky mark stops nobody; the first third of a training says little.
WARM_TRIALS, WARM_MARKS = 5, 3
IDENTITY = "sweep"  # the study's attribute that says what it is a sweep of


class Storage(RDBStorage):
    """Optuna's, whose signs of life go on after one that could not be given.

    The thread that gives them would end with the error, and a living trial would count as killed.
    """

    _told = False

    def record_heartbeat(self, trial_id: int) -> None:
        """Gives a sign of life, or says once that there is none; the next beat tries again."""
        try:
            super().record_heartbeat(trial_id)
            self._told = False
        except ERRORS as error:
            if not self._told:
                what = f"no sign of life ({_why(error)}); trying again every {HEARTBEAT} seconds"
                print(f"storage {shown(self.url)}: {what}", file=sys.stderr, flush=True)
            self._told = True


@contextmanager
def told(url: str, at_start: bool = False) -> Iterator[None]:
    """Has a storage that fails told in one line.

    Raises:
        InputError: it fails at the start, so that what is wrong is the URL.
        OSError: it fails on the way.
    """
    try:
        yield
    except ERRORS as error:
        if at_start:
            raise InputError(f"storage {shown(url)}: not usable ({_why(error)})") from None
        says = f"storage {shown(url)}: {_why(error)}; the same command goes on"
        raise OSError(says) from error


def _why(error: BaseException) -> str:
    """What the data base said, which Optuna and SQLAlchemy wrap."""
    while isinstance(error, ERRORS) and error.__cause__:
        error = error.__cause__
    return reason(error)


def connect(url: str) -> RDBStorage:
    """The data base, with its tables.

    Raises:
        InputError: it cannot be used.
    """
    _check(url)
    try:
        with told(url, at_start=True):
            return _with_tables(url)
    except ImportError as error:
        module = getattr(error.__cause__, "name", None) or "its driver"
        why = f"{module} is not installed; install it, or leave --storage out"
        raise InputError(f"storage {shown(url)}: {why}") from None
    except (RuntimeError, TypeError, ValueError) as error:  # another Optuna's; the URL's options
        raise InputError(f"storage {shown(url)}: not usable ({reason(error)})") from None


def _check(url: str) -> None:
    try:
        parsed = make_url(url)
    except (SQLAlchemyError, ValueError):  # who knows what it holds: not even the error is shown
        why = "no URL of a data base; write it as postgresql://USER@HOST/NAME"
        raise InputError(f"storage as given: not usable ({why})") from None
    if parsed.get_backend_name() == "sqlite" and _in_memory(parsed):
        why = "it is in memory, and ends with this process; name a file, or leave --storage out"
        raise InputError(f"storage {shown(url)}: not usable ({why})")


def _in_memory(url: URL) -> bool:
    return not url.database or ":memory:" in url.database or url.query.get("mode") == "memory"


def _with_tables(url: str) -> Storage:
    """Of two processes that make the same tables at once, one fails: it tries again."""
    until = time.monotonic() + START_WAIT
    while True:
        try:
            return _storage(url)
        except ERRORS as error:
            if "already exists" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.1)


def _storage(url: str) -> Storage:
    patient = {"connect_args": {"timeout": FILE_WAIT}} if url.startswith("sqlite") else {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return Storage(
            url.replace("{", "{{").replace("}", "}}"),  # Optuna takes it for a template
            # A server that was started anew has closed the connections that are kept here.
            engine_kwargs={"pool_pre_ping": True, **patient},
            heartbeat_interval=HEARTBEAT,
            grace_period=GRACE,
            heartbeat_stale_trial_callback=again.killed,
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
    """A storage's URL without a password, which may stand among its options too."""
    return make_url(url).set(query={}).render_as_string(hide_password=True)


def claim(plan: Plan, identity: dict[str, Any]) -> Study:
    """The plan's study, which is new or a sweep of the same things.

    A new one begins with the recipe's own settings, if they lie within the ranges: what another
    trial helped is told against them.

    Raises:
        InputError: it is another sweep, whose scores would not compare; or it cannot be written.
    """
    with told(plan.storage, at_start=True):
        try:
            study = open_study(plan, new=True)
        except DuplicatedStudyError:
            study = open_study(plan)
            _wait(study)
        there = study.user_attrs.get(IDENTITY)
        if there is None:
            _begin(study, plan)
            study.set_user_attr(IDENTITY, identity)
    if there not in (None, identity):
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
