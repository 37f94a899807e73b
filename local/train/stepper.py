"""Steps whose numbers are looked at: one that blew up takes the run back to where it was good."""

import sys
from pathlib import Path

from local.errors import InputError
from local.train import snapshots
from local.train.pace import Pace
from local.train.trainer import Trainer

RETRIES = 3  # times that a run goes back; after that it ends with what it had
CAUTION = 0.5  # factor of the learning rates each time
EXPLODED = 1e5  # no loss here comes near it while a run is well


class Stepper:
    """Takes steps, each with its team, and goes back to the last snapshot when losses blow up.

    Args:
        trainer: that takes the steps.
        run: the folder with its snapshots; None for a member that does not lead.

    Attributes:
        over: whether training has ended: the team's leader has said so, or the run gave up.
        gave_up: whether losses blew up too often, or there was no snapshot to go back to.
    """

    def __init__(self, trainer: Trainer, run: Path | None) -> None:
        self.trainer = trainer
        self.run = run
        self.pace = Pace(trainer.device.device)
        self.over = self.gave_up = False
        self.setbacks = 0
        self._progress = 0.0  # as the leader last said

    @property
    def ahead(self) -> int:
        """Steps that are still taken after the leader has decided to stop."""
        return 0 if self.trainer.team.size == 1 else 1 + self.pace.lag

    def step(self, progress: float, stop: bool = False) -> list[float] | None:
        """Takes a step; returns the statistics that have arrived, None where none have.

        Args:
            progress: share of the budget spent; a team follows its leader's.
            stop: the leader's wish to end; it is granted when all of the team know of it.
        """
        team = self.trainer.team
        if team.size == 1:
            numbers = self.trainer.step(progress)
        else:
            signals = (progress, float(stop)) if team.leads else (0.0, 0.0)
            numbers = self.trainer.step(self._progress, signals)
        arrived = self.pace.push(numbers)
        if arrived is None:
            return None
        count = len(self.trainer.statistics)
        statistics, said = arrived[:count], arrived[count:]
        if said:
            self._progress = said[0]
            self.over = self.over or said[1] > 0
        if self._blew_up(statistics):
            self.go_back()
            return None
        return statistics

    def well(self) -> bool:
        """Whether weights and losses are in order, as of the last step; waits for the device."""
        return self.trainer.finite() and not any(map(self._blew_up, self.pace.peek()))

    def rest(self) -> list[list[float]]:
        """Waits for the device; returns the numbers that are left, none where a loss blew up."""
        arrived = self.pace.rest()
        if any(self._blew_up(numbers) for numbers in arrived):
            self.go_back()
            return []
        return arrived

    def go_back(self) -> None:
        """Restores the last snapshot, with lower rates and other batches; or gives up.

        All of a team see the same losses, and so do this after the same step.
        """
        trainer = self.trainer
        lost, caution, splits = trainer.steps, trainer.caution, trainer.splits
        self.pace.rest()
        restored = self._restore()
        self.setbacks += 1
        trainer.caution = caution * CAUTION
        trainer.splits = splits  # the memory is no larger than it was
        trainer.random.manual_seed(trainer.recipe.seed + self.setbacks)
        self.gave_up = self.setbacks > RETRIES or not restored
        self.over = self.over or self.gave_up
        rates = f"learning rates are {trainer.caution:g} times the recipe's"
        then = "the run ends there" if self.gave_up else rates
        where = f"back to step {trainer.steps}" if restored else "no snapshot to go back to"
        if trainer.team.leads:
            print(f"losses blew up at step {lost}: {where}; {then}", file=sys.stderr, flush=True)

    def _blew_up(self, numbers: list[float]) -> bool:
        named = zip(self.trainer.statistics, numbers, strict=False)  # the leader's signals follow
        losses = (number for name, number in named if "loss" in name)
        return any(not abs(loss) < EXPLODED for loss in losses)  # so that NaN counts

    def _restore(self) -> bool:
        restored = False
        if self.run:
            try:
                restored = snapshots.resume(self.run, self.trainer) is not None
            except InputError as error:
                print(error, file=sys.stderr, flush=True)
        # Once it is over the others have left.
        return restored if self.over else snapshots.hand_out(self.trainer, restored)


def follow(trainer: Trainer) -> None:
    """Trains as a member that does not lead, until the leader says that it is over.

    Args:
        trainer: with a team whose leader is elsewhere.
    """
    stepper = Stepper(trainer, None)
    while not stepper.over:
        stepper.step(0.0)
