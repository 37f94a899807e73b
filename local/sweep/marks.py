"""Marks along a trial's budget: quick scores by which Optuna stops trials that lead nowhere."""

import sys
import time
from collections.abc import Callable

from optuna import Trial

from local.quick import Quick
from local.train.clock import Budget, Clock
from local.train.trainer import Trainer

MARKS = 8  # equal shares of the budget; the end has the final score


class Marks:
    """The `stop` of a training loop, which scores the trainer wherever a mark is reached.

    Args:
        trial: that is told of every mark, and asked whether to go on.
        trainer: that is scored.
        quick: scores it.
        budget: of the trial.
        interrupted: whether the whole sweep is to stop.

    Attributes:
        clock: for the loop; it stands still during a mark, so that minutes are of training.
        pruned: whether the trial was stopped because of its marks.
    """

    def __init__(
        self,
        trial: Trial,
        trainer: Trainer,
        quick: Quick,
        budget: Budget,
        interrupted: Callable[[], bool],
    ) -> None:
        self.trial, self.trainer, self.quick = trial, trainer, quick
        self.interrupted = interrupted
        self.pruned = False
        self._reached = 0
        self._scoring = 0.0  # seconds
        self.clock = Clock(budget, now=lambda: time.monotonic() - self._scoring)

    def __call__(self) -> bool:
        """Whether training stops here."""
        mark = int(self.clock.progress(self.trainer.steps) * MARKS + 1e-9)
        if mark > self._reached and mark < MARKS and not self.interrupted():
            self._reached = mark
            self._score(mark)
        return self.pruned or self.interrupted()

    def _score(self, mark: int) -> None:
        start = time.monotonic()
        self.trainer.recalibrate()
        kid = self.quick.kid(self.trainer)
        self.trial.report(kid, mark)
        self.pruned = self.trial.should_prune()
        then = "; stopped, worse than the median of those before" if self.pruned else ""
        told = f"trial {self.trial.number}: KID {kid:.4g} at {mark / MARKS:.0%}"
        print(told + then, file=sys.stderr, flush=True)
        self._scoring += time.monotonic() - start
