"""`python -m submission COMMAND`: a submission's life, from the check to the leaderboard."""

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from local.commands.arguments import Parser, count, guarded, output, positive
from local.errors import InputError
from local.pictures import save_png, sheet
from submission import archive
from submission.rehearsal_report import text
from submission.rehearse import RehearsalError, rehearse

CHECK = """\
examples:
  python -m submission check images.zip
  python -m submission check runs/first/images.zip --sheet sheet.png --json"""
REHEARSE = """\
examples:
  python -m submission rehearse --limit 300
  python -m submission rehearse --data generative-dog-images.zip --limit 1200 --out images.zip
Run `python build_kernel.py` first: the built file is what runs."""
SHEET = 64  # pictures


def check(options: argparse.Namespace) -> int:
    """Verifies an archive."""
    if options.sheet:
        output(options.sheet)
    summary = archive.check(options.zip, options.count, options.size)
    if options.sheet:
        save_png(sheet(archive.pixels(options.zip, SHEET)), options.sheet)
    if options.json:
        print(json.dumps(asdict(summary)))
        return 0
    pixels = f"{summary.size}x{summary.size}"
    print(f"{options.zip}: {summary.images:,} RGB PNGs of {pixels}, {summary.bytes:,} bytes: valid")
    for key, value in summary.comment.items():
        print(f"  {key:10}{json.dumps(value)}")
    return 0


def run_rehearsal(options: argparse.Namespace) -> int:
    """Runs the built kernel as Kaggle would."""
    if options.out and options.out.is_dir():
        raise InputError(f"{options.out} is a folder; name a file")
    report = rehearse(options.kernel, options.data, options.limit, out=options.out)
    print(json.dumps(asdict(report)) if options.json else text(report))
    return 0 if report.ok else 1


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m submission", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _add(commands, "check", check, "verifies an images.zip", CHECK)
    command.add_argument("zip", type=Path, metavar="ZIP")
    command.add_argument("--count", type=count, default=archive.COUNT, help="pictures (10,000)")
    command.add_argument("--size", type=count, default=archive.SIZE, help="pixels a side (64)")
    command.add_argument("--sheet", type=Path, metavar="PNG", help="writes the first 64 pictures")

    about = "runs the built kernel as Kaggle would, and judges what it leaves"
    command = _add(commands, "rehearse", run_rehearsal, about, REHEARSE)
    command.add_argument("--data", type=Path, metavar="PATH", help="default: drawn dogs")
    command.add_argument("--limit", type=positive, required=True, metavar="SECONDS")
    command.add_argument("--kernel", type=Path, default=Path("kernel/kernel.py"), metavar="FILE")
    command.add_argument("--out", type=Path, metavar="ZIP", help="keeps the images.zip here")
    return parser


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    function: Callable[[argparse.Namespace], int],
    about: str,
    examples: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="prints JSON, for programs")
    command.set_defaults(function=function)
    return command


def main(words: list[str]) -> int:
    """Runs a command; returns the exit code."""
    options = _parser().parse_args(words)
    bad_input = InputError, RehearsalError, archive.ArchiveError
    return guarded("submission", lambda: int(options.function(options)), bad_input)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
