"""The training loop: steps until the budget is spent, a tick every few seconds, snapshots."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local.safe import SafeSubmission
from local.sampling import draw
from local.train import snapshots
from local.train.clock import Clock
from local.train.stepper import Stepper
from local.train.trainer import Trainer
from local.train.watchers import Record, Watcher

TICK_SECONDS = 5.0, 60.0  # shortest, at the start, and longest: nine hours fit into a log
TICK_SHARE = 0.01  # of the time spent so far, between these two
GRID = 64  # pictures in the fixed-latent grid
SNAPSHOT_SHARE = 0.05  # of the time spent may go into snapshots, all of them together
FIRST_BY = 0.3  # share of the budget after which a first submission comes although it costs more,
FIRST_SHARE = 0.2  # up to this share of the budget
# Scores by name, of a trainer whose statistics are fresh after so many seconds of training.
QuickScore = Callable[[Trainer, float], dict[str, float]]


def train(
    trainer: Trainer,  # new, or restored from a snapshot; its team's leader
    clock: Clock,  # budget and time
    run: Path,  # folder that gets snapshots
    watchers: Sequence[Watcher] = (),  # told at each tick and snapshot
    stop: Callable[[], bool] = lambda: False,  # asked after each step
    submission: SafeSubmission | None = None,  # kept valid along the way
    quick: QuickScore | None = None,  # asked every `recipe.quick_every` steps
) -> bool:
    """Trains until one more step would not fit or `stop` says so, and leaves a final snapshot.

    Returns False where the run gave up before, because its losses blew up again and again.
    """
    stepper = Stepper(trainer, run)
    loop = _Loop(trainer, clock, run, watchers, submission, quick)
    clock.lag = stepper.pace.lag + stepper.ahead
    clock.paused()  # what came before is not part of the first step
    while not stepper.over:
        ends = not clock.fits(trainer.steps + stepper.ahead) or stop()
        if ends and not stepper.ahead:
            break
        loop.after_step(stepper.step(clock.progress(trainer.steps), ends))
        if not ends and loop.snapshot_is_due():
            loop.snapshot(stepper)
    for statistics in stepper.rest():
        loop.count(statistics)
    loop.finish(stepper)
    return not stepper.gave_up


class _Loop:
    """What happens between the steps."""

    def __init__(
        self,
        trainer: Trainer,
        clock: Clock,
        run: Path,
        watchers: Sequence[Watcher],
        submission: SafeSubmission | None,
        quick: QuickScore | None,
    ) -> None:
        self.trainer = trainer
        self.clock = clock
        self.run = run
        self.watchers = watchers
        self.submission = submission
        self.quick = quick
        recipe = trainer.recipe
        self.draws = draw(recipe, trainer.classes, GRID, recipe.seed)
        self.saved_steps = trainer.steps
        self.next_snapshot = self._mark()
        self.snapshot_seconds = 0.0  # that snapshots have taken so far
        self.snapshot_costs = submission.seconds if submission else 0.0  # the next one, it seems
        self.snapshots = 0
        if trainer.steps == 0:  # a run that blows up early goes back to its beginning
            self._save()
        self._new_tick()

    def after_step(self, statistics: list[float] | None) -> None:
        """Counts what arrived, and ends the tick where its time is over."""
        self.clock.stepped()
        if statistics is not None:
            self.count(statistics)
        shortest, longest = TICK_SECONDS
        pause = min(max(TICK_SHARE * self.clock.seconds, shortest), longest)
        if self.counted and self.clock.now() - self.tick_started >= pause:
            self._tick()
        steps, every = self.trainer.steps, self.trainer.recipe.quick_every
        restored = steps == self.saved_steps  # after a setback: this step has its score already
        if self.quick and every and steps % every == 0 and not restored:
            self._score(self.quick)

    def count(self, statistics: list[float]) -> None:
        """Adds a step's numbers to the tick's."""
        for i in range(len(self.trainer.statistics)):
            self.sums[i] += statistics[i]
        self.counted += 1

    def finish(self, stepper: Stepper) -> None:
        """The last tick, and a snapshot of the last step."""
        if self.counted:
            self._tick()
        if self.trainer.steps != self.saved_steps:
            self.snapshot(stepper, last=True)

    def _score(self, quick: QuickScore) -> None:
        start = self.clock.now()
        self.trainer.recalibrate()
        scores = quick(self.trainer, self.clock.seconds)
        for watcher in self.watchers:
            watcher.scores(self._record(), scores)
        self.clock.paused()
        self.tick_started += self.clock.now() - start

    def _mark(self) -> float:
        """The progress at which the next snapshot is due: evenly spaced marks."""
        count = self.trainer.recipe.snapshots
        return (int(self.clock.progress(self.trainer.steps) * count + 1e-9) + 1) / count

    def snapshot_is_due(self) -> bool:
        """Whether the next mark is reached, and what snapshots cost leaves room for one."""
        clock, steps = self.clock, self.trainer.steps
        if steps == self.saved_steps:  # just restored: it is there already
            return False
        if clock.left(steps) < self.snapshot_costs:  # the end brings one anyway
            return False
        progress = clock.progress(steps)
        marked = progress >= min(self.next_snapshot, 1 - 1e-9)
        cost = self.snapshot_seconds + self.snapshot_costs
        within_share = cost <= SNAPSHOT_SHARE * clock.seconds
        if self.submission is None or self.submission.kimg is not None:
            # The first one of a run without submissions tells what they cost.
            return marked and (within_share or not self.snapshots)
        # The first submission comes as soon as its share of the time is spent, or at the first
        # mark, where that is sooner and the budget will bear it. On a short budget it comes all
        # the same, late enough to hold something; on a shorter one the end itself is near.
        return (
            within_share
            or (marked and cost <= SNAPSHOT_SHARE * clock.whole)
            or (progress >= FIRST_BY and cost <= FIRST_SHARE * clock.whole)
        )

    def _new_tick(self) -> None:
        self.tick_started = self.clock.now()
        self.sums = [0.0] * len(self.trainer.statistics)
        self.counted = 0

    def _tick(self) -> None:
        seconds = max(self.clock.now() - self.tick_started, 1e-9)
        means = [total / self.counted for total in self.sums]
        record = self._record() | dict(zip(self.trainer.statistics, means, strict=True))
        record["images_per_second"] = self.counted * self.trainer.recipe.shown / seconds
        for watcher in self.watchers:
            watcher.tick(record)
        self._new_tick()

    def _record(self) -> Record:
        trainer, clock = self.trainer, self.clock
        return {
            "step": trainer.steps,
            "kimg": trainer.images / 1000,
            "epoch": trainer.images / len(trainer.data),
            "seconds": clock.seconds,
            "seconds_left": clock.left(trainer.steps),
            "progress": clock.progress(trainer.steps),
        }

    def snapshot(self, stepper: Stepper, last: bool = False) -> None:
        """Saves the run, shows the grid, and brings the submission up to date.

        The last one leaves the submission to the caller, who has nothing else to do then.
        """
        start = self.clock.now()
        trainer = self.trainer
        if not stepper.well():
            # The next numbers say so to the whole team; after the last step there are none.
            if last:
                stepper.go_back()
            return
        self._save()
        for name, pictures in trainer.views(self.draws).items():
            for watcher in self.watchers:
                watcher.pictures(self._record(), name, pictures)
        if self.submission and not last:
            self.submission.offer(trainer)
        self.snapshots += 1
        self.snapshot_costs = self.clock.now() - start
        self.snapshot_seconds += self.snapshot_costs
        self.next_snapshot = self._mark()
        # The end brings another one.
        self.clock.keep(self.snapshot_costs + (self.submission.ending if self.submission else 0.0))
        self.clock.paused()
        # The seconds of a snapshot are not the device's speed.
        self.tick_started += self.snapshot_costs

    def _save(self) -> None:
        self.trainer.recalibrate()  # whoever samples a snapshot finds fresh statistics
        try:
            snapshots.save(self.run, self.trainer, self.clock.seconds)
            self.saved_steps = self.trainer.steps
        except OSError as error:  # a full disk must not end a run that still has its submission
            print(f"no snapshot: {error}", file=sys.stderr, flush=True)


def steps_for_epochs(epochs: float, pictures: int, shown: int) -> int:
    """Steps that show each of `pictures` pictures `epochs` times on average, at least one.

    shown: real pictures of one step, in all its batches.
    """
    return max(1, round(epochs * pictures / shown))
