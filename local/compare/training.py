"""One recipe's training in a comparison: a run like any other, with a budget that all have."""

import sys
from pathlib import Path

from local.compare import budgets
from local.data.prepared import TrainingSet
from local.lock import exclusive
from local.recipes import Recipe
from local.tensorboard import TensorBoard
from local.train import snapshots
from local.train.build import trainer
from local.train.clock import Budget, Clock
from local.train.devices import Device
from local.train.interrupt import Interrupt
from local.train.loop import train
from local.train.watchers import OnDisk, RunFolder, StatusLine, Watcher
from mifid.errors import WorkError


def spend(run: Path, recipe: Recipe, data: TrainingSet, budget: Budget, device: Device) -> None:
    """Trains in the run's folder, which is claimed, until the budget is spent.

    A run that has spent it is left as it is, and one that stopped goes on. No quick scores are
    taken, whatever the recipe says: they would take their time out of the training's.

    Raises:
        InputError: another process is at work in the folder, or its snapshots are damaged.
        WorkError: the losses blew up again and again.
        KeyboardInterrupt: it was interrupted; its snapshot is in place.
    """
    with exclusive(run):
        there = snapshots.newest(run, lambda snapshot: None)
        if there and budgets.spent(run, budget, there.steps):
            return
        model = trainer(recipe, device, data)
        snapshot = snapshots.resume(run, model)
        clock = Clock(budget, snapshot.seconds if snapshot else 0.0)
        watchers: list[Watcher] = [
            StatusLine(sys.stderr),
            OnDisk(run, RunFolder(run, model.steps), TensorBoard(run, model.steps)),
        ]
        budgets.note(run, budget)
        with Interrupt() as interrupted:
            well = train(model, clock, run, watchers, stop=interrupted)
        if interrupted():
            raise KeyboardInterrupt
        if not well:
            raise WorkError(f"its losses blew up again and again, last after step {model.steps:,}")
        budgets.note(run, budget, ended_at=model.steps)
