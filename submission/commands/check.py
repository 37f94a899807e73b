"""`python -m submission check`: verifies an archive."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from local.commands.arguments import count, output
from local.pictures import save_png, sheet
from submission import archive
from submission.commands import Commands, command

EXAMPLES = """\
examples:
  python -m submission check images.zip
  python -m submission check runs/first/images.zip --sheet sheet.png --json"""
SHEET = 64  # pictures


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    parser = command(commands, "check", check, "verifies an images.zip", EXAMPLES)
    parser.add_argument("zip", type=Path, metavar="ZIP")
    parser.add_argument("--count", type=count, default=archive.COUNT, help="pictures (10,000)")
    parser.add_argument("--size", type=count, default=archive.SIZE, help="pixels a side (64)")
    parser.add_argument("--sheet", type=Path, metavar="PNG", help="writes the first 64 pictures")


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
