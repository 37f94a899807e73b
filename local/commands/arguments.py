"""What several commands ask for in the same words."""

import argparse
import math
from pathlib import Path

DEVICE_HELP = "auto (default), cpu, cuda or cuda:N"


def parser(name: str, about: str, examples: str) -> argparse.ArgumentParser:
    """A parser for `python -m local NAME`, whose help ends with examples."""
    return argparse.ArgumentParser(
        prog=f"python -m local {name}",
        description=about,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def positive(text: str) -> float:
    """A finite number over 0."""
    number = float(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"{text}: must be a number over 0")
    return number


def count(text: str) -> int:
    """A whole number from 1 on."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number from 1 on")
    return number


def add_data(to: argparse.ArgumentParser) -> None:
    """The option `--data`."""
    to.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="folder or archive with dogs, in any layout of the competition (default: drawn dogs)",
    )
