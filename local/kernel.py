"""The kernel's entry: what runs on Kaggle, from the mounted data to `images.zip`."""

import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from threading import Timer
from typing import Any

from local import recipes, runs
from local.data.prepared import Dogs, prepare_for
from local.errors import InputError, reason
from local.images import facts
from local.judge import budget
from local.judge.kernel import Assessed, choose, hire
from local.lock import exclusive
from local.phases import Phases
from local.recipes import Recipe
from local.safe import SafeSubmission
from local.train import devices, snapshots
from local.train.build import trainer
from local.train.clock import Budget, Clock, reserved
from local.train.crew import Crew
from local.train.interrupt import Interrupt
from local.train.loop import train
from local.train.trainer import Trainer
from local.train.watchers import StatusLine
from submission import archive

OUTPUT = Path("images.zip")
KEPT_RUN = Path("not-submittable")  # folder of a kept run: Kaggle takes nothing beside the archive
LAST_SECOND = 1.0  # before the deadline: whatever goes on then, the process ends


def main(build: dict[str, Any], started: float) -> int:
    """Trains the built-in recipe until the time is spent, and leaves only `images.zip`.

    Args:
        build: what `build_kernel.py` wrote into the file: `recipe`, `hours`, `commit`, `dirty`, and
            `keep_run` where the weights are to be left too.
        started: `time.monotonic()` at the kernel's first line, from where the deadline counts.

    Returns:
        The exit code: 0 a valid archive is in place, even where the run ended before its time; 1
        there is none; 2 bad input; 128 + N ended by signal N. The last line on stdout is one JSON
        object about the run, unless the input was bad.
    """
    try:
        with exclusive(Path.cwd()):
            return _Kernel(build, started).run()
    except InputError as error:
        print(f"kernel: {error}", file=sys.stderr, flush=True)
        return 2


class _Kernel:
    """One run: its settings, its phases, and the archive that it keeps in place.

    Attributes:
        stopped: why the run ended before its time, in words.
        assessed: the run's own judge, and the pictures it knows; None where there is none.
        choices: of the judge, in the end.
    """

    def __init__(self, build: dict[str, Any], started: float) -> None:
        self.build = build
        self.recipe = recipes.from_dict(build["recipe"])
        self.deadline = started + _limit(build)
        self.phases = Phases(started)
        self.devices: list[devices.Device] = []
        self.stopped: str | None = None
        self.dogs: Dogs | None = None
        self.assessed: Assessed | None = None
        self.choices: dict[str, Any] = {}
        self.clock: Clock | None = None
        self.trainer: Trainer | None = None
        self.submission: SafeSubmission | None = None

    def run(self) -> int:
        """From the data to the archive; returns the exit code."""
        last_moment = Timer(
            self.deadline - LAST_SECOND - time.monotonic(), self._end_now, ["at the deadline"]
        )
        last_moment.daemon = True
        last_moment.start()
        with Interrupt(holds=False) as interrupted:
            try:
                with self._surviving():
                    self._train(interrupted)
                with self._surviving():
                    self._write()
                    if not (self.stopped or interrupted.number):
                        self._choose()
                with self._surviving():
                    self._keep()
            except KeyboardInterrupt:
                pass  # at once, then: before the training, or a second signal
            finally:
                last_moment.cancel()
            number = interrupted.number
            if number:
                self.stopped = f"by {signal.Signals(number).name}"
            self._report()
        return 128 + number if number else self._exit_code()

    def _train(self, interrupted: Interrupt) -> None:
        left = self.deadline - time.monotonic()
        self.devices = [device.for_budget(Budget(seconds=left)) for device in devices.choose_all()]
        self.phases.begin("data")
        self.dogs = dogs = _data(self.recipe)
        self.assessed = self._hire(dogs)
        judge = self.assessed[0] if self.assessed else None
        self.phases.begin("probe")
        # Everything but the archive stays outside the current folder, which Kaggle keeps.
        with tempfile.TemporaryDirectory(prefix="run-", ignore_cleanup_errors=True) as name:
            run = Path(name)
            with Crew(self.devices, self.recipe, dogs, run, self._end_now) as team:
                self.devices = self.devices[: team.size]
                print(f"training on {self._device_names()} in {self.devices[0].dtype}", flush=True)
                if self.recipe.quick_every:
                    print("kernel: no quick scores here: no network to judge by", file=sys.stderr)
                self.trainer = trainer(self.recipe, self.devices[0], dogs, team)
                self.submission = SafeSubmission(OUTPUT, self._facts, dogs.pictures, judge)
                self.submission.estimate(self.trainer)
                if judge:  # its choices take time, and another submission
                    self.submission.ending = self.submission.seconds + budget(left)
                self.phases.begin("train")
                self.clock = Clock(Budget(deadline=self.deadline))
                self.clock.keep(self.submission.seconds + self.submission.ending)
                interrupted.holds = True  # from here on, between two steps
                if not train(
                    self.trainer,
                    self.clock,
                    run,
                    watchers=[StatusLine(sys.stdout)],
                    stop=interrupted,
                    submission=self.submission,
                ):
                    self.stopped = "by losses that blew up"

    def _hire(self, dogs: Dogs) -> Assessed | None:
        """The run's own judge, where there is time for one."""
        self.phases.begin("judge")
        preparing = self.phases.seconds()["data"]
        seconds = budget(self.deadline - time.monotonic())
        return hire(self.recipe, dogs, _where(), preparing, self.devices[0], seconds)

    def _write(self) -> None:
        """The last archive of the training."""
        self.phases.begin("write")
        if self.trainer is None or self.submission is None:
            return
        if not self.trainer.steps:
            if self.stopped:
                return
            print("kernel: no step fits into the limit; the pictures are noise", file=sys.stderr)
        if self.stopped:
            self.trainer.recalibrate()  # an error came in between
        self.submission.offer(self.trainer)

    def _choose(self) -> None:
        """Offers the judge's choice of draws in place of the recipe's."""
        trainer, submission, assessed = self.trainer, self.submission, self.assessed
        if not (trainer and submission and assessed and submission.weights):
            return
        self.phases.begin("choose")
        left = self.deadline - time.monotonic() - reserved(submission.seconds)
        if not submission.judge or left <= 0:
            return
        if planned := choose(trainer, submission, assessed[1], left):
            self.choices = planned.facts
            print(f"choices {json.dumps(self.choices)}", flush=True)
            submission.offer(trainer, planned.draws)

    def _keep(self) -> None:
        """Leaves what `python -m local sample` can read, in a folder that says what that means."""
        trainer, dogs, clock = self.trainer, self.dogs, self.clock
        if not (self.build.get("keep_run") and trainer and dogs and clock):
            return
        shutil.rmtree(KEPT_RUN, ignore_errors=True)  # of an earlier run
        runs.claim(KEPT_RUN, self.recipe, dogs)
        snapshots.save(KEPT_RUN, trainer, clock.seconds)
        print(f"kernel: run kept in {KEPT_RUN}/: this output cannot be submitted", file=sys.stderr)

    @contextmanager
    def _surviving(self) -> Iterator[None]:
        """Within this context an error ends what is being done, not the run; bad data does."""
        try:
            yield
        except Exception as error:
            if isinstance(error, InputError) and self.dogs is None:
                raise
            traceback.print_exc()
            self.stopped = f"by an error: {reason(error)}"

    def _end_now(self, why: str) -> None:
        """Ends the process from another thread: the main one may be waiting for ever."""
        self.stopped = why
        archive.remove_partials(OUTPUT)
        self._report()
        os._exit(self._exit_code())

    def _score(self) -> list[float] | None:
        """The judge's score of the archive in place, and its error."""
        score = self.submission.score if self.submission else None
        return [score.value, score.error] if score else None

    def _exit_code(self) -> int:
        return 0 if self.submission and self.submission.kimg is not None else 1

    def _report(self) -> None:
        """The last lines: what went wrong, for people, and what the run did, for programs."""
        in_place = not self._exit_code()
        if self.stopped:
            print(f"kernel: stopped {self.stopped}", file=sys.stderr, flush=True)
        if not in_place:
            print("kernel: no valid images.zip; its log says why", file=sys.stderr, flush=True)
        about = {
            "images": archive.COUNT if in_place else 0,
            "zip": str(OUTPUT),
            "zip_bytes": OUTPUT.stat().st_size if in_place else 0,
            "steps": self.trainer.steps if self.trainer else 0,
            "stopped": self.stopped,
            "dirty": self.build["dirty"],
            "commit": self.build["commit"],
            "recipe": asdict(self.recipe),
            "seed": self.recipe.seed,
            "kimg": self.submission.kimg if self.submission else None,
            "score": self._score(),
            "choices": self.choices,
            "device": self._device_names(),
            "submittable": in_place and not self.build.get("keep_run"),
            "seconds": self.phases.seconds(),
            "total_seconds": self.phases.total(),
        }
        print(json.dumps(about), flush=True)

    def _facts(self, trainer: Trainer) -> dict[str, Any]:
        """What the archive's comment says."""
        assert self.clock
        images, seconds = trainer.images, self.clock.seconds
        told = facts(self.recipe, self._device_names(), images, seconds, self.build["commit"])
        return told | {"seconds": self.phases.seconds(), "choices": self.choices}

    def _device_names(self) -> str:
        names = [device.name for device in self.devices]
        return f"{len(names)} x {names[0]}" if len(names) > 1 else "".join(names)


def _limit(build: dict[str, Any]) -> float:
    """Seconds that the kernel may take: $KERNEL_SECONDS, or the hours built in."""
    text = os.environ.get("KERNEL_SECONDS")
    try:
        limit = float(text) if text else build["hours"] * 3600
    except ValueError:
        limit = float("nan")
    if not 0 < limit < float("inf"):
        raise InputError(f"KERNEL_SECONDS={text}: must be a number of seconds over 0")
    return limit


def _where() -> Path:
    return Path(os.environ.get("KAGGLE_INPUT", "/kaggle/input"))


def _data(recipe: Recipe) -> Dogs:
    try:
        dogs = prepare_for(recipe, _where())
    except InputError as error:
        raise InputError(
            f"{error}; on Kaggle, add the competition generative-dog-images as data source;"
            " elsewhere, set KAGGLE_INPUT to the folder or archive with the pictures"
        ) from None
    print(f"data {dogs.counts}", flush=True)
    return dogs
