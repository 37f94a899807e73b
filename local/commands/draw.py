"""`python -m local draw`: dogs drawn by the computer, in the competition's layout."""

from collections.abc import Sequence
from pathlib import Path

from local.commands.arguments import count, parser, seed
from local.data import default, doodle
from local.errors import InputError

EXAMPLES = """\
  python -m local draw
  python -m local draw --out dogs --count 500 --seed 3"""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    command = parser("draw", "Draws dogs with boxes, and prints the folder's name.", EXAMPLES)
    command.add_argument("--out", type=Path, metavar="DIR", help="new folder (default: the cache)")
    command.add_argument("--count", type=count, default=default.COUNT, metavar="N")
    command.add_argument("--seed", type=seed, default=0)
    options = command.parse_args(words)
    if options.out is None:
        if (options.count, options.seed) != (default.COUNT, 0):
            raise InputError("--count and --seed need --out DIR")
        print(default.drawn_dogs())
        return 0
    try:
        doodle.write(options.out, options.count, options.seed)
    except FileExistsError as error:
        raise InputError(str(error)) from None
    print(options.out)
    return 0
