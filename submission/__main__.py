"""`python -m submission COMMAND`: a submission's life, from the check to the leaderboard."""

import sys

from local.commands.arguments import Parser
from local.errors import InputError, guarded
from submission import archive
from submission.commands import check, compare, history, pull, push, rehearse, submit, watch

COMMANDS = (check, rehearse, push, watch, pull, submit, history, compare)


def _parser() -> Parser:
    parser = Parser(prog="python -m submission", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for module in COMMANDS:
        module.add(commands)
    return parser


def main(words: list[str]) -> int:
    """Runs a command; returns the exit code."""
    return guarded("submission", lambda: _run(words), (InputError, archive.ArchiveError))


def _run(words: list[str]) -> int:
    options = _parser().parse_args(words)
    return int(options.function(options))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
