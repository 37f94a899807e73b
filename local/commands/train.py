"""`python -m local train`: trains a recipe on a data set into a run's folder."""

import argparse
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from local import recipes, runs
from local.commands.arguments import DEVICE_HELP, add_data, count, parser, positive
from local.data.default import data_path
from local.data.prepared import Dogs, prepare
from local.images import facts, write_images
from local.lock import exclusive
from local.project import CACHE, commit
from local.recipes import Recipe
from local.tensorboard import TensorBoard
from local.train import devices, snapshots
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.devices import Device
from local.train.interrupt import Interrupt
from local.train.loop import steps_for_epochs, train
from local.train.watchers import RunFolder, StatusLine, Watcher
from submission import archive

EXAMPLES = """\
  python -m local train --minutes 5
  python -m local train --data generative-dog-images.zip --recipe dcgan --epochs 30 --out runs/first
  python -m local train --data all-dogs/ --steps 2000 batch=64 crop=squash
  python -m local train --data mnist size=32 crop=squash
The same --out again goes on where the run stopped."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    folder = options.out or Path("runs") / options.recipe
    recipe = recipes.override(recipes.get(options.recipe), options.settings)
    device = devices.choose(options.device).for_seconds((options.minutes or math.inf) * 60)
    dogs = prepare(data_path(options.data), recipe.size, recipe.crop, CACHE)
    say(f"data: {dogs.counts}")
    runs.claim(folder, recipe, dogs)
    with exclusive(folder):
        return _train(options, recipe, device, dogs, folder)


def _train(
    options: argparse.Namespace, recipe: Recipe, device: Device, dogs: Dogs, folder: Path
) -> int:
    adversaries = Adversaries(recipe, device)
    snapshot = snapshots.resume(folder, adversaries)
    if snapshot:
        say(f"resuming at {adversaries.images / 1000:.1f} kimg")
    clock = Clock(_budget(options, recipe, len(dogs)), snapshot.seconds if snapshot else 0.0)
    say(f"recipe {recipe.name} on {device.name} in {device.dtype} -> {folder}")
    watchers: list[Watcher] = [
        StatusLine(sys.stderr),
        RunFolder(folder, adversaries.steps),
        TensorBoard(folder, adversaries.steps),
    ]
    with Interrupt() as interrupted:
        train(adversaries, dogs, clock, folder, watchers, stop=interrupted)
    if interrupted():
        say(f"stopped at {adversaries.images / 1000:.1f} kimg; the same command goes on from there")
        return 130

    images = folder / "images.zip"
    comment = facts(recipe, device.name, adversaries.images, clock.seconds, commit())
    write_images(
        images, adversaries.average, recipe.latent, device, comment, options.images, recipe.seed
    )
    print(images)
    return 0


def say(line: str) -> None:
    """Progress goes to stderr; stdout is for results."""
    print(line, file=sys.stderr, flush=True)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("train", "Trains a recipe and writes its pictures to images.zip.", EXAMPLES)
    add_data(command)
    names = ", ".join(recipes.PRESETS)
    command.add_argument("--recipe", default=recipes.DEFAULT, help=f"one of: {names}")
    command.add_argument("--minutes", type=positive, metavar="M", help="budget of training time")
    command.add_argument("--epochs", type=positive, metavar="E", help="budget of epochs")
    command.add_argument("--steps", type=count, metavar="S", help="budget of steps")
    command.add_argument("--out", type=Path, metavar="DIR", help="run's folder (runs/RECIPE)")
    command.add_argument(
        "--images", type=count, default=archive.COUNT, metavar="N", help="pictures in images.zip"
    )
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    command.add_argument("settings", nargs="*", metavar="key=value", help="settings of the recipe")
    return command.parse_intermixed_args(words)


def _budget(options: argparse.Namespace, recipe: Recipe, pictures: int) -> Budget:
    """The limits given; without any the recipe's own horizon."""
    epochs = options.epochs
    if not (options.minutes or options.steps or epochs):
        epochs = recipe.epochs
    limits = [options.steps] if options.steps else []
    if epochs:
        limits.append(steps_for_epochs(epochs, pictures, recipe.batch))
    return Budget(
        seconds=options.minutes * 60 if options.minutes else None,
        steps=min(limits) if limits else None,
    )
