"""Steps whose numbers are looked at: one that blew up takes the run back to where it was good."""

import sys
from pathlib import Path

from torch import Tensor

from local.errors import InputError
from local.train import snapshots
from local.train.adversaries import STATISTICS, Adversaries
from local.train.pace import Pace

RETRIES = 3  # times that a run goes back; after that it ends with what it had
CAUTION = 0.5  # factor of the learning rates each time
EXPLODED = 1e5  # no loss here comes near it while a run is well
ACCOUNTS = tuple(STATISTICS.index(name) for name in ("loss_d", "loss_g"))


class Stepper:
    """Takes steps, each with its team, and goes back to the last snapshot when losses blow up.

    Attributes:
        over: whether training has ended: the team's leader has said so, or the run gave up.
        gave_up: whether losses blew up too often, or there was no snapshot to go back to.
    """

    def __init__(self, adversaries: Adversaries, dogs: Tensor, run: Path) -> None:
        self.adversaries = adversaries
        self.dogs = dogs
        self.run = run
        self.pace = Pace(adversaries.device.device)
        self.over = self.gave_up = False
        self.setbacks = 0
        self._progress = 0.0  # as the leader last said

    @property
    def ahead(self) -> int:
        """Steps that are still taken after the leader has decided to stop."""
        return 0 if self.adversaries.team.size == 1 else 1 + self.pace.lag

    def step(self, progress: float, stop: bool = False) -> list[float] | None:
        """Takes a step; returns the STATISTICS that have arrived, None where none have.

        Args:
            progress: share of the budget spent; a team follows its leader's.
            stop: the leader's wish to end; it is granted when all of the team know of it.
        """
        team = self.adversaries.team
        if team.size == 1:
            numbers = self.adversaries.step(self.dogs, progress)
        else:
            signals = (progress, float(stop)) if team.leads else (0.0, 0.0)
            numbers = self.adversaries.step(self.dogs, self._progress, signals)
        arrived = self.pace.push(numbers)
        if arrived is None:
            return None
        statistics, said = arrived[: len(STATISTICS)], arrived[len(STATISTICS) :]
        if said:
            self._progress = said[0]
            self.over = self.over or said[1] > 0
        if _blew_up(statistics):
            self.go_back()
            return None
        return statistics

    def well(self) -> bool:
        """Whether weights and losses are in order, as of the last step; waits for the device."""
        return self.adversaries.finite() and not any(map(_blew_up, self.pace.peek()))

    def rest(self) -> list[list[float]]:
        """Waits for the device; returns the numbers that are left, none where a loss blew up."""
        arrived = self.pace.rest()
        if any(_blew_up(numbers) for numbers in arrived):
            self.go_back()
            return []
        return arrived

    def go_back(self) -> None:
        """Restores the last snapshot, with lower rates and other batches; or gives up.

        All of a team see the same losses, and so do this after the same step.
        """
        adversaries = self.adversaries
        lost, caution, splits = adversaries.steps, adversaries.caution, adversaries.splits
        self.pace.rest()
        restored = self._restore()
        self.setbacks += 1
        adversaries.caution = caution * CAUTION
        adversaries.splits = splits  # the memory is no larger than it was
        adversaries.random.manual_seed(adversaries.recipe.seed + self.setbacks)
        self.gave_up = self.setbacks > RETRIES or not restored
        self.over = self.over or self.gave_up
        rates = f"learning rates are {adversaries.caution:g} times the recipe's"
        then = "the run ends there" if self.gave_up else rates
        where = f"back to step {adversaries.steps}" if restored else "no snapshot to go back to"
        if adversaries.team.leads:
            print(f"losses blew up at step {lost}: {where}; {then}", file=sys.stderr, flush=True)

    def _restore(self) -> bool:
        try:
            return snapshots.resume(self.run, self.adversaries) is not None
        except InputError as error:
            print(error, file=sys.stderr, flush=True)
            return False


def _blew_up(numbers: list[float]) -> bool:
    return any(not abs(numbers[i]) < EXPLODED for i in ACCOUNTS)  # so that NaN counts


def follow(adversaries: Adversaries, dogs: Tensor, run: Path) -> None:
    """Trains as a member that does not lead, until the leader says that it is over.

    Args:
        adversaries: with a team whose leader is elsewhere.
        dogs: the same training set as the leader's, on this member's device.
        run: the folder in which the leader takes snapshots.
    """
    stepper = Stepper(adversaries, dogs, run)
    while not stepper.over:
        stepper.step(0.0)
