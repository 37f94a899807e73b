"""The training loop: steps until the budget is spent, a tick every few seconds, snapshots."""

from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from local.data.prepared import Dogs
from local.sampling import draw_latents, sample
from local.train import snapshots
from local.train.adversaries import STATISTICS, Adversaries
from local.train.clock import Clock
from local.train.watchers import Record, Watcher

TICK_SECONDS = 5.0, 60.0  # shortest, at the start, and longest: nine hours fit into a log
TICK_SHARE = 0.01  # of the time spent so far, between these two
GRID = 64  # pictures in the fixed-latent grid
SNAPSHOT_SHARE = 0.05  # of the time spent may go into snapshots


def train(
    adversaries: Adversaries,  # new, or restored from a snapshot
    dogs: Dogs,  # the training set
    clock: Clock,  # budget and time
    run: Path,  # folder that gets snapshots
    watchers: Sequence[Watcher] = (),  # told at each tick and snapshot
    stop: Callable[[], bool] = lambda: False,  # asked after each step
) -> None:
    """Trains until one more step would not fit or `stop` says so, and leaves a final snapshot."""
    pictures = dogs.pictures.to(adversaries.device.device)
    loop = _Loop(adversaries, len(dogs), clock, run, watchers)
    clock.paused()  # what came before is not part of the first step
    while clock.fits(adversaries.steps) and not stop():
        loop.after_step(adversaries.step(pictures))
    loop.finish()


class _Loop:
    """What happens between the steps."""

    def __init__(
        self,
        adversaries: Adversaries,
        pictures: int,
        clock: Clock,
        run: Path,
        watchers: Sequence[Watcher],
    ) -> None:
        self.adversaries = adversaries
        self.pictures = pictures
        self.clock = clock
        self.run = run
        self.watchers = watchers
        recipe = adversaries.recipe
        self.latents = draw_latents(GRID, recipe.latent, recipe.seed)
        self.saved_steps = adversaries.steps if snapshots.latest(run) else -1
        self.next_snapshot = self._mark()
        self.snapshot_seconds = 0.0  # all of them
        self.last_snapshot_seconds = 0.0
        self.totals: Tensor | None = None
        self._new_tick()

    def after_step(self, statistics: Tensor) -> None:
        """A tick or a snapshot, where one is due. No sync with the device otherwise."""
        self.clock.stepped()
        self.totals = statistics if self.totals is None else self.totals + statistics
        shortest, longest = TICK_SECONDS
        pause = min(max(TICK_SHARE * self.clock.seconds, shortest), longest)
        if self.clock.now() - self.tick_started >= pause:
            self._tick()
        if self._snapshot_is_due():
            self._snapshot()

    def finish(self) -> None:
        """The last tick, and a snapshot of the last step."""
        if self.adversaries.steps > self.tick_steps and self.totals is not None:
            self._tick()
        if self.adversaries.steps != self.saved_steps:
            self._snapshot()

    def _mark(self) -> float:
        """The progress at which the next snapshot is due: evenly spaced marks."""
        count = self.adversaries.recipe.snapshots
        return (int(self.clock.progress(self.adversaries.steps) * count + 1e-9) + 1) / count

    def _snapshot_is_due(self) -> bool:
        if self.clock.progress(self.adversaries.steps) < min(self.next_snapshot, 1 - 1e-9):
            return False
        # The first one tells what they cost; on a short budget some are left out.
        expected = self.snapshot_seconds + self.last_snapshot_seconds
        return expected <= SNAPSHOT_SHARE * self.clock.seconds

    def _new_tick(self) -> None:
        self.tick_started = self.clock.now()
        self.tick_steps = self.adversaries.steps
        self.totals = None

    def _tick(self) -> None:
        assert self.totals is not None
        steps = self.adversaries.steps - self.tick_steps
        means = (self.totals / steps).tolist()  # waits for the device: once a tick is cheap
        seconds = max(self.clock.now() - self.tick_started, 1e-9)
        record = self._record() | dict(zip(STATISTICS, means, strict=True))
        record["images_per_second"] = steps * self.adversaries.recipe.batch / seconds
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

    def _snapshot(self) -> None:
        start = self.clock.now()
        adversaries = self.adversaries
        adversaries.recalibrate()
        device = adversaries.device.device
        grid = next(sample(adversaries.average, self.latents, device))
        snapshots.save(self.run, adversaries, self.clock.seconds)
        for watcher in self.watchers:
            watcher.samples(self._record(), grid)
        self.last_snapshot_seconds = self.clock.now() - start
        self.snapshot_seconds += self.last_snapshot_seconds
        self.saved_steps = adversaries.steps
        self.next_snapshot = self._mark()
        self.clock.paused()
        # The seconds of a snapshot are not the device's speed.
        self.tick_started += self.last_snapshot_seconds


def steps_for_epochs(epochs: float, pictures: int, batch: int) -> int:
    """Steps that show each of `pictures` pictures `epochs` times on average, at least one."""
    return max(1, round(epochs * pictures / batch))
