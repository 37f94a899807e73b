"""`python -m local report`: a run on one page."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from local.commands.arguments import DEVICE_HELP, count, output, parser
from local.data.default import data_path
from local.errors import InputError
from local.report.build import build, write
from local.report.canvas import Canvas
from local.report.subject import Request
from local.train import devices

PAGE = "report.html"
IMAGES, REALS = 1000, 5000
EXAMPLES = """\
  python -m local report runs/first --data generative-dog-images.zip
  python -m local report runs/first --data all-dogs/ --graph classify_image_graph_def.pb
  python -m local report runs/first --data all-dogs/ --breed Chihuahua --breed pug
  python -m local report output/ --out kernel.html --no-png
RUN is a run's folder, or what a kernel left (images.zip and its log). The page opens anywhere; its
figures lie beside it as PNGs, in a folder of its name."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    if not options.run.is_dir():
        raise InputError(f"{options.run}: no such folder; name a run's, as train --out filled it")
    out = output(options.out or options.run / PAGE)
    data = data_path(options.data) if options.data else None
    device = devices.choose(options.device)
    canvas = Canvas(keeps=options.png)
    shown = tuple(dict.fromkeys(options.breed))
    request = Request(options.run, data, options.graph, options.images, options.real_limit, shown)
    page = build(request, device, canvas)
    if options.png:
        canvas.write_pngs(_beside(out))
    write(page, out)
    print(json.dumps({"page": str(out), "tables": canvas.numbers}) if options.json else out)
    return 0


def _beside(page: Path) -> Path:
    """The folder of a page's pictures."""
    return page.with_name(f"{page.stem}-figures")


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("report", "Shows a run on one page, with all that it can tell.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument("--out", type=Path, metavar="FILE", help=f"the page (RUN/{PAGE})")
    command.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="the real pictures, as train takes them (default: the drawn dogs where the run was"
        " trained on them, else none: what compares with real ones is left out)",
    )
    command.add_argument(
        "--graph",
        type=Path,
        metavar="FILE",
        help="the metric's network, a frozen graph (default: $MIFID_GRAPH, the fetched one, or a"
        " small classifier that learns the real pictures, in a minute at most)",
    )
    command.add_argument(
        "--breed",
        action="append",
        default=[],
        metavar="NAME",
        help="a breed to show, real beside generated and in walks; again for more of them (some of"
        " all, from the largest to the smallest); a name that is none lists them",
    )
    command.add_argument(
        "--images", type=count, default=IMAGES, metavar="N", help="generated pictures (1,000)"
    )
    command.add_argument(
        "--real-limit", type=count, default=REALS, metavar="R", help="real pictures (5,000)"
    )
    command.add_argument(
        "--png",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="PNGs of the figures beside the page (they are written)",
    )
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    command.add_argument("--json", action="store_true", help="print the page's tables as JSON")
    return command.parse_args(words)
