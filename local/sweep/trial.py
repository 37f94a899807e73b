"""One trial: settings drawn from the ranges, trained, and scored."""

import math
import shutil
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from optuna import Trial, TrialPruned

from local.data.prepared import Dogs, prepare
from local.errors import InputError
from local.pictures import save_png, sheet
from local.project import CACHE
from local.recipes import Recipe
from local.recipes.ranges import Range, Space
from local.recipes.text import readable
from local.sweep import again, storage
from local.sweep.judge import Judge
from local.sweep.marks import Marks
from local.sweep.plan import Plan
from local.train.build import trainer
from local.train.devices import Device, out_of_memory
from local.train.loop import train
from local.train.watchers import Watcher

SHOWN = 64  # pictures on a trial's sheet
WHY = "why"  # the attribute of a trial that says why it has no score
DEVIATION = "deviation"  # that which says how much subsets of its pictures differ


class Interrupted(Exception):
    """The sweep is to stop, in the middle of a trial."""


class Objective:
    """What Optuna calls for each trial.

    Args:
        plan: of the sweep.
        judge: that scores.
        device: that trains.
        interrupted: whether the sweep is to stop.
        watchers: told about the training.
    """

    def __init__(
        self,
        plan: Plan,
        judge: Judge,
        device: Device,
        interrupted: Callable[[], bool],
        watchers: tuple[Watcher, ...] = (),
    ) -> None:
        self.plan, self.judge, self.device = plan, judge, device
        self.interrupted, self.watchers = interrupted, watchers

    def __call__(self, trial: Trial) -> float:
        """The final KID.

        Raises:
            TrialPruned: its marks were bad, or these settings do not work here.
            Interrupted: the sweep stops; the trial waits to run again.
            OSError, or one of `storage.ERRORS`: it cannot go on here; the trial waits too.
        """
        folder = scratch(self.plan.folder, trial.number)
        try:
            recipe = self.plan.recipe.changed(self._draw(trial))
            return self._run(trial, recipe, folder)
        except (Interrupted, KeyboardInterrupt):  # a second signal does not wait for a step's end
            again.put_back(trial)
            raise Interrupted from None
        except (OSError, *storage.ERRORS):
            again.put_back(trial)
            raise
        except InputError as error:
            raise useless(trial, str(error)) from None
        except (RuntimeError, MemoryError) as error:
            if not (isinstance(error, MemoryError) or out_of_memory(error)):
                raise
            raise useless(trial, "memory ran out") from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _draw(self, trial: Trial) -> dict[str, Any]:
        settings = {name: draw(trial, name, space) for name, space in self.plan.spaces.items()}
        told = " ".join(f"{name}={readable(value)}" for name, value in settings.items())
        print(f"trial {trial.number}: {told}", file=sys.stderr, flush=True)
        return settings

    def _run(self, trial: Trial, recipe: Recipe, folder: Path) -> float:
        dogs = _prepared(self.plan.data, recipe.prepared_size, recipe.crop, recipe.crops)
        model = trainer(recipe, self.device, dogs)
        marks = Marks(trial, model, self.judge.quick, self.plan.budget, self.interrupted)
        well = train(model, marks.clock, folder, self.watchers, stop=marks)
        if marks.pruned:
            raise TrialPruned
        if self.interrupted():
            raise Interrupted
        if not well:
            raise useless(trial, "losses blew up")
        score = self.judge.score(model)
        if not math.isfinite(score.kid):  # a failed trial would be drawn again and again
            raise useless(trial, "its pictures have no finite score")
        trial.set_user_attr(DEVIATION, score.deviation)
        save_png(sheet(score.pictures[:SHOWN]), picture(self.plan.folder, trial.number))
        return score.kid


def draw(trial: Trial, name: str, space: Space) -> Any:
    """A setting's value, with four digits: more would make no difference, and be hard to read."""
    if not isinstance(space, Range):
        return trial.suggest_categorical(name, space.values)
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return rounded(trial.suggest_float(name, space.low, space.high, log=space.log))


def rounded(value: Any) -> Any:
    """What a drawn value becomes in the recipe."""
    return float(f"{value:.4g}") if isinstance(value, float) else value


def useless(trial: Trial, why: str) -> TrialPruned:
    """Settings that cannot be scored.

    The trial counts as pruned rather than failed: the sampler learns to avoid such settings, and
    would forget those of a failed one.
    """
    trial.set_user_attr(WHY, why)
    print(f"trial {trial.number}: no score: {why}", file=sys.stderr, flush=True)
    return TrialPruned(why)


def scratch(folder: Path, number: int) -> Path:
    """Where a trial has its snapshots while it runs."""
    return folder / "trials" / f"{number:04}"


def picture(folder: Path, number: int) -> Path:
    """The sheet that a trial leaves."""
    return folder / "trials" / f"{number:04}.png"


@lru_cache(maxsize=2)
def _prepared(data: Path, size: int, crop: str, crops: int) -> Dogs:
    """The same set serves most trials; finding it again means reading all of its archive."""
    return prepare(data, size, crop, CACHE, crops)
