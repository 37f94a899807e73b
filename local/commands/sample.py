"""`python -m local sample`: pictures from a run."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from local import nets
from local.commands.arguments import DEVICE_HELP, count, output, parser, positive, seed
from local.errors import InputError
from local.images import facts, write_images
from local.project import commit
from local.runs import load_recipe
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
    if options.breed:
        raise InputError(f"--breed {options.breed}: recipe {recipe.name} does not know breeds")
    device = devices.choose(options.device)
    generator = nets.generator(recipe)
    snapshot = snapshots.newest(
        options.run, lambda snapshot: snapshots.load_weights(snapshot, "average", generator)
    )
    if snapshot is None:
        raise InputError(f"{options.run}: no snapshot yet; train it first")
    generator.to(device.device).eval()
    images = snapshot.steps * recipe.batch
    comment = facts(recipe, device.name, images, snapshot.seconds, commit())
    comment |= {"seed": options.seed, "truncation": options.truncation}
    write_images(
        options.out,
        generator,
        recipe.latent,
        device,
        comment,
        options.count,
        options.seed,
        options.truncation,
    )
    print(options.out)
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("sample", "Samples pictures of a run's newest snapshot.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--count", type=count, default=archive.COUNT, metavar="N")
    command.add_argument("--out", type=Path, default=Path("images.zip"), metavar="ZIP")
    command.add_argument("--seed", type=seed, default=0, help="of the latents (0)")
    command.add_argument(
        "--truncation", type=positive, help="largest value of a latent (none); about 1 is usual"
    )
    command.add_argument("--breed", help="of a conditional recipe")
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    return command.parse_args(words)
