"""`python -m submission compare`: two rows of the ledger side by side."""

import argparse
import json
from pathlib import Path

from local.atomic import replacing
from local.commands.arguments import count, output
from submission.commands import Commands, command
from submission.commands.history import width
from submission.compare import as_dict, side
from submission.compare_table import text
from submission.ledger import Ledger

EXAMPLES = """\
examples:
  python -m submission compare 3 4
  python -m submission compare 3 4 --html compare.html
Rows are numbered by `python -m submission history`."""


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "two rows of the ledger side by side: settings, scores, curves, pictures"
    parser = command(commands, "compare", compare, about, EXAMPLES)
    parser.add_argument("rows", type=count, nargs=2, metavar="ROW")
    parser.add_argument(
        "--html", type=Path, metavar="FILE", help="writes a page with curves and pictures"
    )


def compare(options: argparse.Namespace) -> int:
    """Compares two rows."""
    if options.html:
        output(options.html)
    ledger = Ledger()
    sides = [side(ledger.row(number)) for number in options.rows]
    if options.html:
        from submission.compare_page import page  # noqa: PLC0415 - matplotlib takes a second

        with replacing(options.html) as partial:
            partial.write_text(page(sides), encoding="utf-8")
    print(json.dumps(as_dict(sides)) if options.json else text(sides, width()))
    return 0
