"""`python -m local explore`: what a data set holds, as a page with pictures."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from local.atomic import replacing
from local.commands.arguments import add_data, output_folder, parser, seed
from local.data.competition import find
from local.data.crops import checked_crop
from local.data.default import data_path
from local.explore.findings import analyse
from local.explore.report import Report, summary
from local.explore.scan import scan

EXAMPLES = """\
  python -m local explore --data generative-dog-images.zip --out look
  python -m local explore --data all-dogs/ --out look --crop squash --seed 3
  python -m local explore --data train/ --out look --json | jq .duplicates.near
DIR gets index.html, which opens anywhere, its pictures as PNG and statistics.json."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    data = data_path(options.data)
    collection = find(data)
    folder = output_folder(options.out)
    findings = analyse(collection, scan(collection))
    numbers = json.dumps({"data": str(data), **findings.numbers()}, allow_nan=False)
    with replacing(folder / "statistics.json") as partial:
        partial.write_text(numbers + "\n", encoding="utf-8")
    page = Report(findings, folder, options.crop, options.seed).write(str(data))
    if options.json:
        print(numbers)
        return 0
    print(page)
    for name, value in summary(findings).items():
        print(f"  {name:28}{value:>10}")
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("explore", "Looks at a data set: a page, pictures and numbers.", EXAMPLES)
    add_data(command)
    command.add_argument("--out", type=Path, metavar="DIR", required=True, help="folder to fill")
    command.add_argument(
        "--crop",
        type=checked_crop,
        default="box",
        metavar="POLICY",
        help="of the samples: one of docs/data.md, or several with + between (%(default)s)",
    )
    command.add_argument("--seed", type=seed, default=0, help="of the samples drawn by lot (0)")
    command.add_argument("--json", action="store_true", help="print statistics.json")
    return command.parse_args(words)
