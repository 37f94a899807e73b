"""The training loop: steps until the budget is spent, a tick every few seconds, snapshots."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from local.data.prepared import Dogs
from local.safe import SafeSubmission
from local.sampling import draw_latents, sample
from local.train import snapshots
from local.train.adversaries import STATISTICS, Adversaries
from local.train.clock import Clock
from local.train.stepper import Stepper, mean
from local.train.watchers import Record, Watcher

TICK_SECONDS = 5.0, 60.0  # shortest, at the start, and longest: nine hours fit into a log
TICK_SHARE = 0.01  # of the time spent so far, between these two
GRID = 64  # pictures in the fixed-latent grid
SNAPSHOT_SHARE = 0.05  # of the time spent may go into snapshots
FIRST_BY = 0.3  # share of the budget after which the first submission comes, though it costs
FIRST_SHARE = 0.2  # more than its share, up to this one


def train(
    adversaries: Adversaries,  # new, or restored from a snapshot; its team's leader
    dogs: Dogs,  # the training set
    clock: Clock,  # budget and time
    run: Path,  # folder that gets snapshots
    watchers: Sequence[Watcher] = (),  # told at each tick and snapshot
    stop: Callable[[], bool] = lambda: False,  # asked after each step
    submission: SafeSubmission | None = None,  # kept valid along the way
) -> None:
    """Trains until one more step would not fit or `stop` says so, and leaves a final snapshot."""
    pictures = dogs.pictures.to(adversaries.device.device)
    stepper = Stepper(adversaries, pictures, run)
    loop = _Loop(adversaries, len(dogs), clock, run, watchers, submission)
    clock.lag = stepper.pace.lag + stepper.ahead
    clock.paused()  # what came before is not part of the first step
    while not stepper.over:
        ends = not clock.fits(adversaries.steps + stepper.ahead) or stop()
        if ends and not stepper.ahead:
            break
        loop.after_step(stepper.step(clock.progress(adversaries.steps), ends))
        if loop.snapshot_is_due():
            loop.snapshot(stepper)
    for statistics in stepper.pace.rest():
        loop.count(statistics)
    loop.finish(stepper)


class _Loop:
    """What happens between the steps."""

    def __init__(
        self,
        adversaries: Adversaries,
        pictures: int,
        clock: Clock,
        run: Path,
        watchers: Sequence[Watcher],
        submission: SafeSubmission | None,
    ) -> None:
        self.adversaries = adversaries
        self.pictures = pictures
        self.clock = clock
        self.run = run
        self.watchers = watchers
        self.submission = submission
        recipe = adversaries.recipe
        self.latents = draw_latents(GRID, recipe.latent, recipe.seed)
        self.saved_steps = adversaries.steps
        self.next_snapshot = self._mark()
        self.snapshot_seconds = 0.0  # all of them
        self.last_snapshot_seconds = submission.seconds if submission else 0.0
        self._new_tick()
        if not snapshots.latest(run):  # a run that blows up early goes back to its beginning
            self._save()

    def after_step(self, statistics: list[float] | None) -> None:
        """Counts what arrived, and ends the tick where its time is over."""
        self.clock.stepped()
        if statistics is not None:
            self.count(statistics)
        shortest, longest = TICK_SECONDS
        pause = min(max(TICK_SHARE * self.clock.seconds, shortest), longest)
        if self.counted and self.clock.now() - self.tick_started >= pause:
            self._tick()

    def count(self, statistics: list[float]) -> None:
        """Adds a step's numbers to the tick's."""
        for i in range(len(STATISTICS)):
            self.sums[i] += statistics[i]
        self.counted += 1

    def finish(self, stepper: Stepper) -> None:
        """The last tick, and a snapshot of the last step."""
        if self.counted:
            self._tick()
        if self.adversaries.steps != self.saved_steps:
            self.snapshot(stepper, last=True)

    def _mark(self) -> float:
        """The progress at which the next snapshot is due: evenly spaced marks."""
        count = self.adversaries.recipe.snapshots
        return (int(self.clock.progress(self.adversaries.steps) * count + 1e-9) + 1) / count

    def snapshot_is_due(self) -> bool:
        """Whether the next mark is reached, and what snapshots cost leaves room for one."""
        progress = self.clock.progress(self.adversaries.steps)
        if progress < min(self.next_snapshot, 1 - 1e-9):
            return False
        expected = self.snapshot_seconds + self.last_snapshot_seconds
        if self.snapshot_seconds:
            return expected <= SNAPSHOT_SHARE * self.clock.seconds
        if self.submission is None or expected <= SNAPSHOT_SHARE * self.clock.whole:
            return True  # the first one tells what they cost
        # On a short budget one submission comes all the same, late enough to hold something; on a
        # shorter one there is no time for two, and the end is near.
        return progress >= FIRST_BY and expected <= FIRST_SHARE * self.clock.whole

    def _new_tick(self) -> None:
        self.tick_started = self.clock.now()
        self.sums = [0.0] * len(STATISTICS)
        self.counted = 0

    def _tick(self) -> None:
        seconds = max(self.clock.now() - self.tick_started, 1e-9)
        record = self._record() | mean(self.sums, self.counted)
        record["images_per_second"] = self.counted * self.adversaries.recipe.batch / seconds
        for watcher in self.watchers:
            watcher.tick(record)
        self._new_tick()

    def _record(self) -> Record:
        adversaries, clock = self.adversaries, self.clock
        return {
            "step": adversaries.steps,
            "kimg": adversaries.images / 1000,
            "epoch": adversaries.images / self.pictures,
            "seconds": clock.seconds,
            "seconds_left": clock.left(adversaries.steps),
            "progress": clock.progress(adversaries.steps),
        }

    def snapshot(self, stepper: Stepper, last: bool = False) -> None:
        """Saves the run, shows the grid, and brings the submission up to date.

        The last one leaves the submission to the caller, who has nothing else to do then.
        """
        start = self.clock.now()
        adversaries = self.adversaries
        if not adversaries.finite():
            stepper.go_back()
            return
        adversaries.recalibrate()
        self._save()
        grid = next(sample(adversaries.average, self.latents, adversaries.device.device))
        for watcher in self.watchers:
            watcher.samples(self._record(), grid)
        if self.submission and not last:
            self.submission.offer(adversaries)
            self.clock.keep(self.submission.seconds)
        self.last_snapshot_seconds = self.clock.now() - start
        self.snapshot_seconds += self.last_snapshot_seconds
        self.next_snapshot = self._mark()
        self.clock.paused()
        # The seconds of a snapshot are not the device's speed.
        self.tick_started += self.last_snapshot_seconds

    def _save(self) -> None:
        try:
            snapshots.save(self.run, self.adversaries, self.clock.seconds)
            self.saved_steps = self.adversaries.steps
        except OSError as error:  # a full disk must not end a run that still has its submission
            print(f"no snapshot: {error}", file=sys.stderr, flush=True)


def steps_for_epochs(epochs: float, pictures: int, batch: int) -> int:
    """Steps that show each of `pictures` pictures `epochs` times on average, at least one."""
    return max(1, round(epochs * pictures / batch))
