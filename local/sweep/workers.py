"""Who runs the trials: this process, or several beside each other on one storage."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from typing import Any

import numpy as np
import torch
from optuna import Study
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import MaxTrialsCallback
from optuna.trial import FrozenTrial, TrialState

from local.errors import guarded
from local.sweep import storage
from local.sweep.judge import Judge
from local.sweep.plan import Plan
from local.sweep.trial import DEVIATION, Interrupted, Objective
from local.train.devices import Device
from local.train.interrupt import Interrupt
from local.train.watchers import Record, StatusLine, Watcher


class Ticks(StatusLine):
    """The status line of a trial, whose grids nobody keeps."""

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Says nothing."""


def work(
    plan: Plan,
    study: Study,
    judge: Judge,
    device: Device,
    interrupted: Callable[[], bool],
    watchers: tuple[Watcher, ...] = (),
) -> None:
    """Runs trials in this process until the study has as many as the plan says, or a stop.

    A trial in which a stop comes is put back, and runs again first when the sweep goes on.

    Raises:
        OSError: the disk is full.
        One of `storage.ERRORS`: the storage is lost.
    """
    objective = Objective(plan, judge, device, interrupted, watchers)
    enough = MaxTrialsCallback(plan.trials, states=storage.FINISHED)

    def told(study: Study, trial: FrozenTrial) -> None:
        _tell(study, trial, plan)
        if interrupted():
            study.stop()

    with suppress(Interrupted):
        while storage.finished(study) < plan.trials and not interrupted():
            with _beaten_to_it(), _storage_error():
                study.optimize(objective, callbacks=[told, enough], gc_after_trial=True)


@contextmanager
def _beaten_to_it() -> Iterator[None]:
    """Lets a process go on whose trial another one has finished.

    SQLite has no lock on a row: two processes that look for a waiting trial at one moment may both
    take the same. Whoever ends second is refused, and only its work is lost.
    """
    try:
        yield
        return
    except UpdateFinishedTrialError:
        pass  # it ended between the look at its state and the writing
    except ValueError as error:
        if not str(error).startswith("Cannot tell a"):
            raise
    print("another process had the same trial; going on", file=sys.stderr, flush=True)


@contextmanager
def _storage_error() -> Iterator[None]:
    """Raises what Optuna hides: a storage that is lost as a trial ends makes it stumble itself."""
    try:
        yield
    except UnboundLocalError as error:
        if isinstance(error.__context__, storage.ERRORS):
            raise error.__context__ from error.__context__.__cause__
        raise


def _tell(study: Study, trial: FrozenTrial, plan: Plan) -> None:
    done = f"{storage.finished(study)} of {plan.trials} trials"
    if trial.state == TrialState.COMPLETE:
        best = study.best_trial
        deviation = trial.user_attrs[DEVIATION]
        done = (
            f"trial {trial.number}: KID {trial.value:.4g} (deviation {deviation:.2g}); "
            f"best {best.value:.4g}, trial {best.number}; {done}"
        )
    print(done, file=sys.stderr, flush=True)


def work_together(
    plan: Plan, devices: Sequence[Device], count: int, interrupted: Callable[[], bool]
) -> bool:
    """Runs trials in `count` processes, which take the devices in turn.

    A process that dies is told of, and the others go on: its trial is run again.

    Returns:
        Whether all ended well.
    """
    # OpenMP has one thread for each core; as many processes would each wait for the others'.
    threads = max(1, torch.get_num_threads() // count)
    context = multiprocessing.get_context("spawn")
    members: list[BaseProcess] = [
        context.Process(
            target=_member, args=(plan, devices[i % len(devices)], threads), name=f"worker {i + 1}"
        )
        for i in range(count)
    ]
    # Ctrl-C reaches every process of a terminal, and one that still imports would die of it: they
    # ignore it from their first moment on, and this process stops them.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        for member in members:
            member.start()
        signal.signal(signal.SIGINT, before)
        _watch(members, interrupted)
    finally:
        signal.signal(signal.SIGINT, before)
        for member in members:
            if member.is_alive():
                member.kill()
    return not any(member.exitcode for member in members)


def _watch(members: Sequence[BaseProcess], interrupted: Callable[[], bool]) -> None:
    there: dict[Any, BaseProcess] = {member.sentinel: member for member in members}
    told = False
    while there:
        for sentinel in wait(list(there), timeout=0.5):
            member = there.pop(sentinel)
            member.join()
            if member.exitcode and not interrupted():
                print(
                    f"{member.name} is gone (exit code {member.exitcode})",
                    file=sys.stderr,
                    flush=True,
                )
        if interrupted() and not told:
            told = True
            for member in there.values():
                member.terminate()


def _member(plan: Plan, device: Device, threads: int) -> None:
    """What a process of several does."""
    torch.set_num_threads(threads)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def run() -> int:
        judge = Judge.open(plan.graph, device.device.type, plan.test, plan.images)
        with Interrupt() as interrupted, storage.told(plan.storage):
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            study = storage.open_study(plan)
            work(plan, study, judge, device, lambda: interrupted() or not parent.is_alive())
        return 0

    sys.exit(guarded("local sweep", run))
