"""One file a command: `add` puts it on the parser, with the function that runs it."""

import argparse
from collections.abc import Callable
from typing import TypeAlias

from local.commands.arguments import Parser

Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


def command(
    commands: "Commands",
    name: str,
    function: Callable[[argparse.Namespace], int],
    about: str,
    examples: str,
) -> argparse.ArgumentParser:
    """The parser of a new command, with `--json`; `function` runs it and returns the exit code."""
    parser = commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="prints JSON, for programs")
    parser.set_defaults(function=function)
    return parser
