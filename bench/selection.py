"""`python -m bench selection`: what is picking the best of more draws worth, by the metric?

Learns a judge (local/judge) from the real pictures, draws more pictures of each run's newest
snapshot than are needed, and scores so many of them by the metric's network: as they come, picked
by the judge, and picked by the run's own discriminator. Where the judge does not find what it
picked better, a kernel hands in the first of the draws but for those too near to training pictures,
and so does this.
"""

import argparse
import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from torch import Tensor

from bench.sides import machine
from local import judge, nets
from local.commands.arguments import DEVICE_HELP, Parser, add_graph, count, positive, seed
from local.data.prepared import prepare
from local.errors import InputError, guarded
from local.judge import KernelJudge
from local.judge.learning import MOST_SECONDS
from local.judge.nearness import Known, known
from local.judge.network import SIZE
from local.judge.plan import OVER
from local.judge.scoring import GROUPS, SCORED
from local.judge.selection import Logits, by_discriminator, select
from local.judging import Reals, fake_side, real_side
from local.progress import say
from local.project import CACHE
from local.recipes.networks import RECONSTRUCTION
from local.sampling import draw
from local.train import devices, snapshots
from local.train.devices import Device
from local.trained import Trained, load
from mifid import history
from mifid.errors import InputError as MetricInputError
from mifid.errors import WorkError
from mifid.features import Features
from mifid.network import Network, open_network
from mifid.score import score_features

FEWEST_IMAGES = 2 * GROUPS  # of a set: a group of one picture has no deviation
EXAMPLES = """\
examples:
  python -m bench selection runs/a --data generative-dog-images.zip --graph GRAPH.pb
  python -m bench selection runs/a runs/b --data all-dogs/ --graph GRAPH.pb --images 10000

Exit code: 0 done, 1 the judge could not learn, 2 wrong input.
"""


@dataclass(frozen=True)
class Row:
    """One way to come to so many pictures of a run, and what the metric says of them.

    taken: whether the judge found what was picked better than the draws as they come.
    """

    run: str
    by: str
    taken: bool
    candidates: int
    images: int
    fid: float
    distance: float
    label: str


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(words)
    problems = (InputError, MetricInputError)
    failures = (OSError, WorkError, judge.JudgeError)
    return guarded("bench selection", lambda: _run(options, words), problems, failures)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m bench selection",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs, with their snapshots")
    add("--data", type=Path, required=True, metavar="PATH", help="real pictures")
    add_graph(parser)
    add(
        "--images",
        type=count,
        default=SCORED,
        metavar="N",
        help=f"that are picked: {FEWEST_IMAGES} or more (%(default)s)",
    )
    add("--over", type=count, default=OVER, metavar="K", help=f"draws for each of them ({OVER})")
    add("--reals", type=count, metavar="M", help="real pictures for the metric's network (all)")
    add("--seconds", type=positive, default=MOST_SECONDS, help="for the judge (%(default)g)")
    add("--seed", type=seed, default=0, help="of the judge (0)")
    add("--device", default="auto", help=DEVICE_HELP)
    add("--json", action="store_true", help="print one JSON object")
    add("--out", type=Path, metavar="FILE", help="add a line of JSON to FILE for each row")
    return parser


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    if options.out:
        history.check(options.out)
    if options.images < FEWEST_IMAGES:
        few = f"--images {options.images}: too few to score"
        raise InputError(f"{few}; take {FEWEST_IMAGES} or more")
    if options.over < 2:
        raise InputError(f"--over {options.over}: leaves nothing to pick from; take 2 or more")
    device = devices.choose(options.device)
    trained = {path: load(path, device) for path in options.runs}
    network = open_network(options.graph, device=device.device.type)
    dogs = prepare(options.data, SIZE, "squash", CACHE)
    mine = judge.learn(dogs, device, options.seconds, options.seed)
    reals = real_side(options.data, network, options.reals)
    head = {
        "machine": f"{machine()}, {device.name}",
        "command": shlex.join(["python", "-m", "bench", "selection", *words]),
        "data": f"{options.data}: {dogs.counts}",
        "network": network.name,
        "judge": mine.facts,
    }
    side = _Sides(mine, known(mine, dogs.pictures), network, reals, device)
    rows = []
    for path, one in trained.items():
        for row in side.rows(path, one, options.images, options.over):
            rows.append(row)
            say(f"{row.run}, by {row.by}: FID {row.fid:.4g}")
            if options.out:
                history.append(options.out, asdict(row), head)
    if options.json:
        print(json.dumps(head | {"rows": [asdict(row) for row in rows]}, allow_nan=False))
    else:
        print("\n".join([*map(str, head.values()), "", *_table(rows)]))
    return 0


@dataclass(frozen=True)
class _Sides:
    """Who picks, who scores, and what they compare with."""

    judge: KernelJudge
    known: Known
    network: Network
    reals: Reals
    device: Device

    def rows(self, path: Path, trained: Trained, images: int, over: int) -> Iterator[Row]:
        """The draws as they come, then each way to pick from them."""
        recipe, generator = trained.recipe, trained.generator
        draws = draw(recipe, trained.classes, over * images, recipe.seed)
        _, fakes = fake_side(generator, draws, self.device.device, self.network)

        def row(by: str, values: Features, taken: bool) -> Row:
            metric = score_features(values, self.reals.features)
            fid, distance, label = metric.fid, metric.distance, metric.label
            return Row(str(path), by, taken, len(draws), images, fid, distance, label)

        yield row("as they come", _only(fakes, slice(images)), False)
        for by, logits in self._pickers(trained):
            found = select(self.judge, generator, draws, images, self.known, logits)
            yield row(by, _only(fakes, found.rows), found.facts["selected"])

    def _pickers(self, trained: Trained) -> Iterator[tuple[str, Logits | None]]:
        yield "judge", None
        recipe = trained.recipe
        if recipe.kind.losses != RECONSTRUCTION:
            network = nets.discriminator(recipe, len(trained.classes))
            snapshots.load_weights(trained.snapshot, "discriminator", network)
            placed = self.device.place(network)
            yield "discriminator", by_discriminator(placed, self.device.device)


def _only(features: Features, rows: Tensor | slice) -> Features:
    values = features.values[rows if isinstance(rows, slice) else rows.numpy()]
    return replace(features, values=values, names=(), moments=None)


def _table(rows: Sequence[Row]) -> list[str]:
    """Lines of Markdown."""
    first = rows[0]
    drawn = f"{first.images:,} of {first.candidates:,} draws"
    lines = [f"| run | {drawn} | {first.label} | distance |", "|---|---|---|---|"]
    for row in rows:
        by = row.by
        if by != "as they come":
            by = f"picked by {by}" if row.taken else f"not picked by {by}: not found better"
        lines.append(f"| {Path(row.run).name} | {by} | {row.fid:.1f} | {row.distance:.3f} |")
    return lines
