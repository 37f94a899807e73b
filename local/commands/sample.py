"""`python -m local sample`: pictures from a run."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from local import nets
from local.commands.arguments import DEVICE_HELP, count, output, parser, positive, seed
from local.data.classes import Classes
from local.errors import InputError
from local.images import facts, write_images
from local.project import commit
from local.recipes import Recipe
from local.runs import load_classes, load_recipe
from local.sampling import draw
from local.train import devices, snapshots
from submission import archive

EXAMPLES = """\
  python -m local sample runs/dcgan --count 10000 --out images.zip
  python -m local sample runs/dcgan --count 64 --truncation 1.0 --seed 7 --out few.zip"""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    output(options.out)
    recipe = load_recipe(options.run)
    classes = load_classes(options.run)
    breed = _breed(options, recipe, classes)
    draws = draw(recipe, classes, options.count, options.seed, options.truncation, breed)
    device = devices.choose(options.device)
    generator = nets.generator(recipe, len(classes))
    snapshot = snapshots.newest(
        options.run, lambda snapshot: snapshots.load_weights(snapshot, "average", generator)
    )
    if snapshot is None:
        raise InputError(f"{options.run}: no snapshot yet; train it first")
    generator = device.place(generator).eval()
    images = snapshot.steps * recipe.batch * recipe.d_steps
    comment = facts(recipe, device.name, images, snapshot.seconds, commit())
    comment |= {"seed": options.seed, "truncation": options.truncation, "breed": options.breed}
    write_images(options.out, generator, draws, device, comment)
    print(options.out)
    return 0


def _breed(options: argparse.Namespace, recipe: Recipe, classes: Classes) -> int | None:
    if options.breed is None:
        return None
    if not recipe.kind.conditional:
        raise InputError(f"--breed {options.breed}: recipe {recipe.name} does not know breeds")
    return classes.index(options.breed)


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("sample", "Samples pictures of a run's newest snapshot.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--count", type=count, default=archive.COUNT, metavar="N")
    command.add_argument("--out", type=Path, default=Path("images.zip"), metavar="ZIP")
    command.add_argument("--seed", type=seed, default=0, help="of the latents (0)")
    command.add_argument(
        "--truncation", type=positive, help="largest value of a latent (none); about 1 is usual"
    )
    command.add_argument("--breed", help="pictures of one breed only, of a conditional recipe")
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    return command.parse_args(words)
