"""`python -m submission history`: what was tried, and what it scored."""

import argparse
import json
import shutil
from pathlib import Path

from local.atomic import replacing
from local.commands.arguments import add_graph, count, output
from local.progress import say
from submission import ledger, row_files, scoring
from submission.commands import Commands, command
from submission.history import Line, as_csv, lines, plain
from submission.history_fit import pairings
from submission.history_table import text
from submission.ledger import Ledger

EXAMPLES = """\
examples:
  python -m submission history
  python -m submission history --html history.html --csv history.csv
  python -m submission history note 3 "crops of the head alone"
  python -m submission history score 3 --real generative-dog-images.zip --graph FILE
Every `python -m local train`, rehearsal and version on Kaggle adds its row by itself."""
WIDTH = 100  # characters, where there is no terminal


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "the ledger of runs, rehearsals and submissions, and what can be seen in it"
    parser = command(commands, "history", show, about, EXAMPLES)
    parser.add_argument("--html", type=Path, metavar="FILE", help="writes a page with plots")
    parser.add_argument(
        "--csv", type=Path, metavar="FILE", help="writes all columns, for spreadsheets"
    )
    actions = parser.add_subparsers(metavar="ACTION", title="actions on a row")

    words = actions.add_parser("note", help="gives a row its note, in place of the one before")
    words.add_argument("row", type=count, metavar="ROW")
    words.add_argument("text", nargs="+", metavar="TEXT")
    words.set_defaults(function=note)

    judged = actions.add_parser("score", help="scores a row's images.zip, and keeps the score")
    judged.add_argument("row", type=count, metavar="ROW")
    judged.add_argument(
        "--real", type=Path, required=True, metavar="PATH", help="the training pictures"
    )
    add_graph(judged)
    judged.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="prints JSON, for programs"
    )
    judged.set_defaults(function=score)


def show(options: argparse.Namespace) -> int:
    """Shows the ledger."""
    for file in filter(None, (options.html, options.csv)):
        output(file)
    found = lines(Ledger().rows())
    empty = (
        f"no rows in {ledger.FILE} yet: `python -m local train` and"
        " `python -m submission rehearse` add them, and so does each version on Kaggle"
    )
    if options.csv:
        with replacing(options.csv) as partial:
            partial.write_text(as_csv(found), encoding="utf-8")
    if options.html:
        from submission.history_page import page  # noqa: PLC0415 - matplotlib takes a second

        with replacing(options.html) as partial:
            partial.write_text(page(found, empty), encoding="utf-8")
    print(_json(found) if options.json else _text(found, empty))
    for file in filter(None, (options.html, options.csv)):
        say(f"written: {file}")
    return 0


def note(options: argparse.Namespace) -> int:
    """Gives a row its note."""
    words = " ".join(options.text)
    Ledger().note(options.row, words)
    print(f"row {options.row}: {plain(words)}")
    return 0


def score(options: argparse.Namespace) -> int:
    """Scores a row's pictures."""
    row = Ledger().row(options.row)
    scores = scoring.score(row_files.images(row), options.real, options.graph)
    Ledger().update(row.number, **scores)
    print(json.dumps(scores) if options.json else _text(lines([Ledger().row(row.number)]), ""))
    return 0


def width() -> int:
    """Characters of the terminal's line."""
    return shutil.get_terminal_size((WIDTH, 0)).columns


def _json(found: list[Line]) -> str:
    about = {
        "rows": [line.as_dict() for line in found],
        "pairings": [pairing.as_dict() for pairing in pairings([line.row for line in found])],
    }
    return json.dumps(about)


def _text(found: list[Line], empty: str) -> str:
    return text(found, width()) if found else empty
