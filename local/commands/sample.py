"""`python -m local sample`: pictures from a run."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from local.commands.arguments import DEVICE_HELP, count, not_negative, output, parser, seed
from local.images import facts, write_images
from local.project import commit
from local.sampling import draw
from local.train import devices
from local.trained import load
from submission import archive

EXAMPLES = """\
  python -m local sample runs/dcgan --count 10000 --out images.zip
  python -m local sample runs/dcgan --count 64 --truncation 1.0 --seed 7 --out few.zip"""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    output(options.out)
    device = devices.choose(options.device)
    trained = load(options.run, device)
    recipe = trained.recipe
    breed = None if options.breed is None else trained.label(options.breed)
    if options.truncation is not None:
        recipe = replace(recipe, truncation=options.truncation)
    draws = draw(recipe, trained.classes, options.count, options.seed, breed=breed)
    comment = facts(recipe, device.name, trained.images, trained.snapshot.seconds, commit())
    comment |= {"seed": options.seed, "truncation": recipe.truncation, "breed": options.breed}
    write_images(options.out, trained.generator, draws, device, comment)
    print(options.out)
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("sample", "Samples pictures of a run's newest snapshot.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--count", type=count, default=archive.COUNT, metavar="N")
    command.add_argument("--out", type=Path, default=Path("images.zip"), metavar="ZIP")
    command.add_argument("--seed", type=seed, default=0, help="of the latents (0)")
    command.add_argument(
        "--truncation",
        type=not_negative,
        metavar="T",
        help="largest value of a latent, about 1 is usual; 0 for none (the recipe's)",
    )
    command.add_argument(
        "--breed",
        metavar="NAME",
        help="pictures of one breed only, of a conditional recipe; a name that is none lists them",
    )
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    return command.parse_args(words)
