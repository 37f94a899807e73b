"""`python -m bench metric`: the same pictures scored by this kit's metric and by other tools.

Every side is a process of its own, one after another, with the same pictures of 64x64 and the same
weights. Seconds count from the start of its process to the end, caches empty; the memory is the
peak of the largest process: what loaders hold in others comes on top, and so does a GPU's own.
"""

import argparse
import json
import shlex
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import torch
from tqdm import tqdm

from bench.contenders import ROOT, SIDES, VALUES, Job, Row, measure
from bench.samples import write_sides
from bench.sides import machine
from bench.weights import export
from local.commands.arguments import Parser, count
from local.errors import guarded
from mifid import history
from mifid.device import choose_device
from mifid.errors import InputError, WorkError
from mifid.openvino_module import installed

DOGS = ROOT / "generative-dog-images.zip"
PEERS = ROOT / ".venv-peers" / "bin" / "python"
EXAMPLES = """\
examples:
  make peers
  python -m bench metric --graph classify_image_graph_def.pb
  python -m bench metric --graph GRAPH.pb --data all-dogs/ --rounds 3 --sides this published
  python -m bench metric --graph GRAPH.pb --images images.zip --count 10000 --device cuda

The table is Markdown. Exit code: 0 done, 1 a side failed, 2 wrong input.
"""
COLUMNS = (
    *("side", "seconds", "without imports", "processor s", "peak MB"),
    *("FID", "distance", "MiFID", "remarks"),
)


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(words)
    try:
        return guarded("bench metric", lambda: _run(options, words), (InputError,))
    except WorkError as error:
        print(f"bench metric: {error}", file=sys.stderr)
        return 1


def _parser() -> Parser:
    parser = Parser(
        prog="python -m bench metric",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--graph", type=Path, required=True, metavar="FILE", help="the network, a frozen .pb")
    add("--data", type=Path, default=DOGS, metavar="PATH", help=f"dogs (default: {DOGS.name})")
    add(
        "--images",
        type=Path,
        metavar="PATH",
        help="generated pictures (default: dogs that are not on the real side)",
    )
    add("--count", type=count, default=2500, metavar="N", help="pictures a side (2500)")
    add("--sides", nargs="+", choices=SIDES, default=list(SIDES), metavar="NAME", help=_names())
    add("--rounds", type=count, default=1, metavar="R", help="runs of each side, in turn (1)")
    add("--device", choices=("cpu", "cuda"), default="cpu", help="default: cpu")
    add("--peers", type=Path, default=PEERS, metavar="PYTHON", help="the other tools' interpreter")
    add("--json", action="store_true", help="print one JSON object")
    add("--out", type=Path, metavar="FILE", help="add a line of JSON to FILE as each process ends")
    return parser


def _names() -> str:
    return f"which of {', '.join(SIDES)} (all)"


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    if options.out:
        history.check(options.out)
    if not options.graph.is_file():
        raise InputError(f"{options.graph}: not found; give a frozen graph, a .pb")
    peers = options.peers.absolute()  # not resolved: behind the link is no environment
    chosen = list(dict.fromkeys(options.sides))
    present = [name for name in chosen if not SIDES[name].peer or peers.is_file()]
    if not present:
        raise InputError(f"{peers}: not found; make peers, or choose other --sides")
    device = choose_device(options.device)
    head = {
        "machine": _machine(device),
        "command": shlex.join(["python", "-m", "bench", "metric", *words]),
        "data": _data(options),
    }
    rows = [Row(name, 0, "not installed: make peers") for name in chosen if name not in present]
    with tempfile.TemporaryDirectory(prefix="bench-metric-") as place:
        sides = write_sides(options.data, options.images, options.count, Path(place))
        weights, graph = Path(place, "weights"), options.graph.resolve()
        if any(SIDES[name].peer for name in present):
            export(graph, weights, device)
        job = Job(*sides, graph, weights, options.device, peers)
        turns = [(turn, name) for turn in range(options.rounds) for name in present]
        for turn, name in tqdm(turns, unit="side", disable=None, leave=False):
            rows.append(measure(name, turn, job))
            if options.out:
                history.append(options.out, asdict(rows[-1]), head)
    if options.json:
        print(json.dumps(head | {"rows": [asdict(row) for row in rows]}, allow_nan=False))
    else:
        print("\n".join([*head.values(), "", *_table(chosen, rows)]))
    return 1 if any(row.problem for row in rows if row.side in present) else 0


def _table(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return lines of Markdown, one a side: the median of its rounds, and their range."""
    lines = [_line(COLUMNS), "|---" * len(COLUMNS) + "|"]
    for name in names:
        mine = [row for row in rows if row.side == name]
        cells = [
            _title(name, mine),
            _spread([row.seconds for row in mine], ".1f"),
            _spread([row.own for row in mine], ".1f"),
            _spread([row.processor_seconds for row in mine], ".1f"),
            _spread([row.peak_bytes and row.peak_bytes / 1e6 for row in mine], ",.0f"),
            *(_spread([(row.values or {}).get(key) for row in mine], ".6g") for key in VALUES),
            next((row.problem for row in mine if row.problem), SIDES[name].remarks),
        ]
        lines.append(_line(cells))
    return lines


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


def _title(name: str, rows: Sequence[Row]) -> str:
    versions = next((row.versions for row in rows if row.versions), {})
    own = [number if of == name else f"{of} {number}" for of, number in versions.items()]
    return f"{name} {', '.join(own)}".strip()


def _spread(numbers: Sequence[float | None], form: str) -> str:
    known = [number for number in numbers if number is not None]
    if not known:
        return ""
    low, middle, high = (format(f(known), form) for f in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low} to {high})"


def _machine(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{machine()}, {torch.cuda.get_device_name(device)}"
    openvino = f"OpenVINO {version('openvino')}" if installed() else "no OpenVINO"
    return f"{machine()}, {openvino}"


def _data(options: argparse.Namespace) -> str:
    generated = options.images or "others of them"
    return f"{options.count:,} a side: real {options.data}, generated {generated}; {options.graph}"
