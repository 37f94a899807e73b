"""What several commands ask for in the same words."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from local import recipes
from local.errors import InputError

DEVICE_HELP = "auto (default), cpu, cuda or cuda:N"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where argparse prints the usage too."""

    def error(self, message: str) -> NoReturn:
        """Leaves with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def parser(name: str, about: str, examples: str) -> Parser:
    """A parser for `python -m local NAME`, whose help ends with examples."""
    return Parser(
        prog=f"python -m local {name}",
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive(text: str) -> float:
    """A finite number over 0."""
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number over 0")
    return number


def not_negative(text: str) -> float:
    """A finite number, 0 or more."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not a number from 0 on")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def whole(low: int, high: int) -> Callable[[str], int]:
    """A whole number from `low` to `high`."""

    def number(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = low - 1
        if not low <= value <= high:
            told = f"{text} is not a whole number from {low:,} to {high:,}"
            raise argparse.ArgumentTypeError(told)
        return value

    return number


count = whole(1, 10_000_000)
seed = whole(0, 2**63 - 1)  # what random generators take


def output(path: Path) -> Path:
    """A file that can be written, found out before the work.

    Raises:
        InputError: its folder does not exist, or it is a folder itself.
    """
    if path.is_dir() or not path.parent.is_dir():
        raise InputError(f"{path}: no place for a file; name one in a folder that exists")
    return path


def output_folder(path: Path) -> Path:
    """The folder to fill, made before the work.

    Raises:
        InputError: something else is there, or it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{path}: no folder to fill ({error.strerror}); name another") from None
    return path


def add_recipe(to: argparse.ArgumentParser) -> None:
    """The option `--recipe`."""
    names = ", ".join(recipes.NAMED)
    to.add_argument("--recipe", default=recipes.DEFAULT, help=f"one of: {names}")


def add_data(to: argparse.ArgumentParser) -> None:
    """The option `--data`."""
    to.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="folder or archive of pictures in any layout of docs/data.md, or mnist, cifar10 or"
        " celeba to download (default: drawn dogs)",
    )


def add_graph(to: argparse.ArgumentParser) -> None:
    """The option `--graph`."""
    to.add_argument(
        "--graph",
        type=Path,
        metavar="FILE",
        help="the network that judges pictures, a frozen graph (default: $MIFID_GRAPH, the fetched"
        " one, or a random network, whose scores mean nothing)",
    )
