"""`python -m local train`: trains a recipe on a data set into a run's folder."""

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from local import augmentations, breeds, recipes, runs
from local.atomic import replacing
from local.bar import Bar
from local.commands.arguments import (
    DEVICE_HELP,
    add_data,
    add_graph,
    add_recipe,
    count,
    output,
    parser,
    positive,
)
from local.data.default import data_path
from local.data.prepared import Dogs, prepare_for
from local.errors import InputError
from local.images import facts, write_images
from local.judging import real_side
from local.lock import exclusive
from local.pictures import save_png
from local.progress import say
from local.project import CACHE, commit
from local.quick import REALS, Quick
from local.recipes import Recipe
from local.sampling import draw
from local.tensorboard import TensorBoard
from local.train import snapshots
from local.train.build import trainer
from local.train.clock import Budget, Clock
from local.train.cluster import Cluster
from local.train.devices import Device
from local.train.interrupt import Interrupt
from local.train.loop import steps_for_epochs, train
from local.train.place import Place
from local.train.snapshots import Snapshot
from local.train.stepper import follow
from local.train.trainer import Trainer
from local.train.watchers import OnDisk, RunFolder, StatusLine, Watcher
from mifid.network import Network, open_network
from submission import archive
from submission.ledger_rows import remember_training

# Options that train, judge or draw: beside --aug-sheet they have nothing to do.
NOT_OF_A_SHEET = (
    "minutes", "epochs", "steps", "out", "images", "test", "graph", "device", "open",
)  # fmt: skip
EXAMPLES = """\
  python -m local train --minutes 5
  python -m local train --data generative-dog-images.zip --recipe dcgan --epochs 30 --out runs/first
  python -m local train --data all-dogs/ --steps 2000 batch=64 crop=squash
  python -m local train --data mnist --recipe dense-gan size=28 crop=squash
  python -m local train --recipe biggan --minutes 60 --open
  python -m local train --data cifar10 --recipe dcgan-cifar --graph classify_image_graph_def.pb
  python -m local train --aug-sheet sheet.png rotation=10 diffaugment=colour+translation+cutout
  torchrun --nproc-per-node 4 -m local train --recipe biggan --minutes 60 --out runs/big
The same --out again goes on where the run stopped."""


@dataclass(frozen=True)
class _Work:
    """What is there before the first step; in a process that does not lead, only the model."""

    folder: Path
    model: Trainer
    snapshot: Snapshot | None = None  # that the run goes on from
    network: Network | None = None  # that judges
    quick: Quick | None = None


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    place = Place.here()
    with place.speaking():
        options = _parse(words)
    with ExitStack() as held, Cluster(place) as cluster:
        return _run(options, cluster, held)


def _run(options: argparse.Namespace, cluster: Cluster, held: ExitStack) -> int:
    """What every process of a cluster does; `held` ends after it."""
    recipe, device = cluster.together(lambda: _chosen(options, cluster))
    dogs = cluster.in_turn(lambda: prepare_for(recipe, data_path(options.data), CACHE))
    if cluster.leads:
        say(f"data: {dogs.counts}")
    if options.aug_sheet:
        save_png(augmentations.picture(dogs, recipe), options.aug_sheet)
        print(options.aug_sheet)
        return 0
    budget = _budget(options, recipe, len(dogs))
    cluster.agree(lambda: _about(recipe, dogs, budget, device))
    device = device.for_budget(budget)
    work = cluster.together(lambda: _begin(options, recipe, device, dogs, cluster, held))
    cluster.look_for(work.folder)
    with cluster.training(device.device):
        snapshots.hand_out(work.model)
        if not cluster.leads:
            follow(work.model)
            return 0
        outcome = _train(options, work, budget)
    return _finish(options, work, *outcome)


def _chosen(options: argparse.Namespace, cluster: Cluster) -> tuple[Recipe, Device]:
    """The recipe, and this process's device."""
    recipe = recipes.override(recipes.get(options.recipe), options.settings)
    size = cluster.team.size
    if options.aug_sheet:
        output(options.aug_sheet)
        if size > 1:
            raise InputError("--aug-sheet: only draws; start it without torchrun")
    if recipe.batch < size:
        few = f"batch={recipe.batch} cannot be shared by {size} processes"
        raise InputError(f"{few}; take a larger one, or fewer processes")
    return recipe, cluster.device(options.device)


def _about(recipe: Recipe, dogs: Dogs, budget: Budget, device: Device) -> dict[str, Any]:
    """What all processes that train together must have alike."""
    return {
        "settings": asdict(recipe),
        "data": runs.identity(dogs),
        "budget": asdict(budget),
        "devices": {"kind": device.device.type, "precision": str(device.dtype)},
        "software": {"torch": torch.__version__},
    }


def _begin(
    options: argparse.Namespace,
    recipe: Recipe,
    device: Device,
    dogs: Dogs,
    cluster: Cluster,
    held: ExitStack,
) -> _Work:
    """All that may fail before the first step; the folder's lock is held from here on."""
    folder = options.out or Path("runs") / options.recipe
    if not cluster.leads:
        return _Work(folder, trainer(recipe, device, dogs, cluster.team))
    network = _judging(options, recipe, device)
    runs.claim(folder, recipe, dogs)
    held.enter_context(exclusive(folder, cluster.patience))
    model = trainer(recipe, device, dogs, cluster.team)
    snapshot = snapshots.resume(folder, model)
    if snapshot:
        say(f"resuming at {model.images / 1000:.1f} kimg")
    quick = None
    if network and recipe.quick_every:
        reals = real_side(options.test or data_path(options.data), network, REALS)
        say(f"quick scores: {len(reals.labels):,} real pictures, network {network.name}")
        quick = Quick(reals.features, network, folder / "best")
    return _Work(folder, model, snapshot, network, quick)


def _judging(options: argparse.Namespace, recipe: Recipe, device: Device) -> Network | None:
    """The network that judges, where one is asked; opened before hours of training."""
    if options.test and not recipe.quick_every:
        raise InputError("--test: is for quick scores, which this recipe has not; set quick_every=")
    if recipe.quick_every or recipe.by_breed:
        return open_network(options.graph, device=device.device.type)
    if options.graph:
        raise InputError("--graph: this recipe's training is not judged; set quick_every=1000")
    return None


def _train(
    options: argparse.Namespace, work: _Work, budget: Budget
) -> tuple[bool, bool, dict[str, Any]]:
    """Trains; returns whether it went well, whether it was interrupted, and the run's facts."""
    model, folder = work.model, work.folder
    device = _named(model)
    say(f"recipe {model.recipe.name} on {device} in {model.device.dtype} -> {folder}")
    with Interrupt() as interrupted, ExitStack() as around:
        watchers = _watchers(folder, model.steps, options.open, around)
        clock = Clock(budget, work.snapshot.seconds if work.snapshot else 0.0)
        well = train(model, clock, folder, watchers, stop=interrupted, quick=work.quick)
        comment = facts(model.recipe, device, model.images, clock.seconds, commit())
    return well, interrupted(), comment


def _finish(
    options: argparse.Namespace, work: _Work, well: bool, stopped: bool, comment: dict[str, Any]
) -> int:
    """The pictures of a run that has ended, and its row in the ledger; returns the exit code."""
    model, recipe = work.model, work.model.recipe
    resumed = work.snapshot is not None
    remember = partial(remember_training, work.folder, comment, quick=work.quick, resumed=resumed)
    if stopped:
        remember(ok=None, images=None)
        say(f"stopped at {model.images / 1000:.1f} kimg; the same command goes on from there")
        return 130

    images = work.folder / "images.zip"
    if work.network and recipe.by_breed:
        _show_breeds(work.folder, model, data_path(options.data), work.network)
    draws = draw(recipe, model.classes, options.images, recipe.seed)
    write_images(images, model.average, draws, model.device, comment)
    remember(ok=well, images=images)
    print(images)
    if not well:
        say("the losses blew up again and again: the pictures are of the last good snapshot")
    return 0 if well else 1


def _named(model: Trainer) -> str:
    """All devices of a team, which are of one kind."""
    size, name = model.team.size, model.device.name
    return f"{size} x {name}" if size > 1 else name


def _watchers(folder: Path, steps: int, opened: bool, around: ExitStack) -> list[Watcher]:
    """Who looks on, at work while `around` is open; `opened`: a page that grows is one of them."""
    bar = around.enter_context(Bar(sys.stderr))
    watchers: list[Watcher] = [StatusLine(bar.lines), bar]
    watchers += [OnDisk(folder, RunFolder(folder, steps), TensorBoard(folder, steps))]
    if opened:
        from local.report.live import Live  # noqa: PLC0415 - plots take a second to import

        watchers.append(around.enter_context(Live(folder)))
    return watchers


def _show_breeds(run: Path, model: Trainer, data: Path, network: Network) -> None:
    """Writes `breeds.png` and `breeds.json`: real beside generated, and each breed's variety."""
    reals = real_side(data, network, each=breeds.EACH)
    device = model.device.device
    found = breeds.breeds(model.average, model.recipe, model.classes, reals, device, network)
    save_png(breeds.picture(found), run / "breeds.png")
    about = {"network": network.name, "breeds": [breed.as_dict() for breed in found]}
    with replacing(run / "breeds.json") as partial:
        partial.write_text(json.dumps(about, indent=2) + "\n")
    say(f"real beside generated, breed by breed: {run / 'breeds.png'}")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("train", "Trains a recipe and writes its pictures to images.zip.", EXAMPLES)
    add_data(command)
    add_recipe(command)
    command.add_argument("--minutes", type=positive, metavar="M", help="budget of training time")
    command.add_argument("--epochs", type=positive, metavar="E", help="budget of epochs")
    command.add_argument("--steps", type=count, metavar="S", help="budget of steps")
    command.add_argument("--out", type=Path, metavar="DIR", help="run's folder (runs/RECIPE)")
    command.add_argument(
        "--images", type=count, default=archive.COUNT, metavar="N", help="pictures in images.zip"
    )
    command.add_argument(
        "--test", type=Path, metavar="PATH", help="real pictures for quick scores (--data)"
    )
    add_graph(command)
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    command.add_argument(
        "--open",
        action="store_true",
        help="serve the run's growing report on this machine, and open it in the browser",
    )
    command.add_argument(
        "--aug-sheet",
        type=Path,
        metavar="FILE",
        help="only draw what augmentation does to the pictures, as a PNG",
    )
    command.add_argument(
        "settings", nargs="*", metavar="key=value", help="settings: docs/recipes.md"
    )
    options = command.parse_intermixed_args(words)
    if options.aug_sheet:
        given = [n for n in NOT_OF_A_SHEET if getattr(options, n) != command.get_default(n)]
        if given:
            named = ", ".join(f"--{name}" for name in given)
            raise InputError(f"--aug-sheet: only draws, and nothing is trained; leave out {named}")
    return options


def _budget(options: argparse.Namespace, recipe: Recipe, pictures: int) -> Budget:
    """The limits given; without any the recipe's own horizon."""
    epochs, steps = options.epochs, options.steps
    if not (options.minutes or steps or epochs):
        epochs, steps = recipe.epochs, recipe.steps
    limits = [steps] if steps else []
    if epochs:
        limits.append(steps_for_epochs(epochs, pictures, recipe.shown))
    return Budget(
        seconds=options.minutes * 60 if options.minutes else None,
        steps=min(limits) if limits else None,
    )
