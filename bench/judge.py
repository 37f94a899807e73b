"""`python -m bench judge`: does the kernel's own judge rank as the metric's network does?

Learns a judge (local/judge) from the real pictures, draws pictures of every snapshot of some runs
at several truncations, and scores each set twice: by the judge and by the metric's network. Said
are the rank correlations (Spearman), of the judge's score against all real pictures and against
the part that it never learned from.
"""

import argparse
import json
import shlex
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scipy.stats import spearmanr

from bench.sides import machine
from local import judge, nets
from local.commands.arguments import DEVICE_HELP, Parser, add_graph, count, positive, seed
from local.data.prepared import prepare
from local.errors import InputError, guarded
from local.judge import KernelJudge
from local.judge.network import SIZE
from local.judge.scoring import GROUPS, SCORED
from local.judging import Reals, fake_side, real_side
from local.progress import say
from local.project import CACHE
from local.runs import load_classes, load_recipe
from local.sampling import draw
from local.train import devices, snapshots
from local.train.devices import Device
from local.trained import Trained
from mifid import history
from mifid.errors import InputError as MetricInputError
from mifid.errors import WorkError
from mifid.network import Network, open_network
from mifid.score import score_features

FEWEST = 12  # sets of pictures of which a correlation is said
FEWEST_IMAGES = 2 * GROUPS  # of a set: a group of one picture has no deviation
EXAMPLES = """\
examples:
  python -m bench judge runs/a runs/b --data generative-dog-images.zip --graph GRAPH.pb
  python -m bench judge runs/* --data all-dogs/ --graph GRAPH.pb --truncations none 1.5 1 0.8 \\
      --images 5000 --reals 2000 --seconds 120 --out judge.jsonl

Of runs/* what is no run with snapshots is left out.
A run keeps two snapshots: copy RUN/snapshots/step-* aside while it trains, and back at the end.
Exit code: 0 done, 1 the judge could not learn, 2 wrong input.
"""


@dataclass(frozen=True)
class Row:
    """One set of pictures: the judge's scores, lower is better, and what the metric says.

    truncation: of the latents; 0 is none. seconds: that the judge took for its two scores, features
    included; the metric's network: its features.
    """

    run: str
    steps: int
    truncation: float
    score: float
    error: float
    score_unseen: float | None
    fid: float
    distance: float
    label: str
    seconds: float
    network_seconds: float


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(words)
    problems = (InputError, MetricInputError)
    failures = (OSError, WorkError, judge.JudgeError)
    return guarded("bench judge", lambda: _run(options, words), problems, failures)


def _parser() -> Parser:
    parser = Parser(
        prog="python -m bench judge",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("runs", type=Path, nargs="+", metavar="RUN", help="folders of runs, with their snapshots")
    add("--data", type=Path, required=True, metavar="PATH", help="real pictures")
    add_graph(parser)
    add(
        "--truncations",
        type=_truncation,
        nargs="+",
        default=[0.0, 1.5, 1.0],
        metavar="T",
        help="of latents; none: all of them (none 1.5 1)",
    )
    add(
        "--images",
        type=count,
        default=SCORED,
        metavar="N",
        help=f"generated, of each set: {FEWEST_IMAGES} or more (%(default)s)",
    )
    add("--reals", type=count, metavar="M", help="real pictures for the metric's network (all)")
    add("--seconds", type=positive, default=60.0, metavar="S", help="of the judge's lessons (60)")
    add("--seed", type=seed, default=0, help="of the judge (0)")
    add("--device", default="auto", help=DEVICE_HELP)
    add("--json", action="store_true", help="print one JSON object")
    add("--out", type=Path, metavar="FILE", help="add a line of JSON to FILE for each set")
    return parser


def _truncation(text: str) -> float:
    return 0.0 if text == "none" else positive(text)


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    if options.out:
        history.check(options.out)
    if options.images < FEWEST_IMAGES:
        few = f"--images {options.images}: too few to score"
        raise InputError(f"{few}; take {FEWEST_IMAGES} or more")
    device = devices.choose(options.device)
    found = _snapshots(list(dict.fromkeys(options.runs)))
    sets = [
        (path, truncation) for path in found for truncation in dict.fromkeys(options.truncations)
    ]
    if len(sets) < FEWEST:
        raise InputError(
            f"{len(sets)} sets of pictures are too few for a rank correlation, and {FEWEST} are"
            " needed; name more runs with more snapshots, or more --truncations"
        )
    network = open_network(options.graph, device=device.device.type)
    dogs = prepare(options.data, SIZE, "squash", CACHE)
    mine = judge.learn(dogs, device, options.seconds, options.seed)
    reals = real_side(options.data, network, options.reals)
    head = {
        "machine": f"{machine()}, {device.name}",
        "command": shlex.join(["python", "-m", "bench", "judge", *words]),
        "data": f"{options.data}: {dogs.counts}",
        "network": network.name,
        "judge": mine.facts,
    }
    side = _Sides(mine, network, reals, device, options.images)
    rows = []
    for snapshot, truncation in sets:
        rows.append(row := side.row(snapshot, truncation))
        told = f"{row.steps:,} steps of {row.run}, truncation {truncation:g}"
        say(f"{len(rows)} of {len(sets)}: {told}: FID {row.fid:.4g}")
        if options.out:
            history.append(options.out, asdict(row), head)
    result = _result(rows)
    if options.json:
        print(json.dumps(head | result | {"rows": [asdict(r) for r in rows]}, allow_nan=False))
    else:
        print("\n".join([*map(str, head.values()), "", *_table(rows), "", *_said(result)]))
    return 0


@dataclass(frozen=True)
class _Sides:
    """Both judges, and what they compare with; `images` generated pictures a set."""

    judge: KernelJudge
    network: Network
    reals: Reals
    device: Device
    images: int

    def row(self, folder: Path, truncation: float) -> Row:
        """The scores of a snapshot's pictures."""
        trained = _load(folder, self.device)
        recipe = trained.recipe
        draws = draw(recipe, trained.classes, self.images, recipe.seed, truncation)
        start = time.perf_counter()
        pictures, fakes = fake_side(trained.generator, draws, self.device.device, self.network)
        network_seconds = time.perf_counter() - start
        metric = score_features(fakes, self.reals.features)
        start = time.perf_counter()
        features = self.judge.features(pictures)
        score = self.judge.score_features(features)
        unseen = self.judge.unseen and self.judge.score_features(features, self.judge.unseen)
        return Row(
            run=str(folder.parents[1]),
            steps=trained.snapshot.steps,
            truncation=truncation,
            score=score.value,
            error=score.error,
            score_unseen=unseen.value if unseen else None,
            fid=metric.fid,
            distance=metric.distance,
            label=metric.label,
            seconds=time.perf_counter() - start,
            network_seconds=network_seconds,
        )


def _snapshots(runs: Sequence[Path]) -> list[Path]:
    """Folders of all the runs' snapshots. Files, which `runs/*` names too, are passed over.

    Raises:
        InputError: a path is not there, or there is no snapshot in any.
    """
    found, left_out = [], []
    for path in runs:
        if not path.exists():
            raise InputError(f"{path}: no such folder")
        if path.is_dir():
            try:
                found += _snapshots_of(path)
            except InputError as error:
                left_out.append(str(error))
    if not found:
        why = left_out[0] if left_out else f"{runs[0]} is no folder"
        raise InputError(f"no snapshots to judge ({why}); train a run first")
    for why in left_out:
        say(f"bench judge: left out: {why}")
    return found


def _snapshots_of(run: Path) -> list[Path]:
    load_recipe(run), load_classes(run)  # said now, and not after the judge's lessons
    files = sorted(run.glob("snapshots/step-*/average.safetensors"))
    if not files:
        raise InputError(f"{run}: a run without snapshots")
    return [file.parent for file in files]


def _load(folder: Path, device: Device) -> Trained:
    path = folder.parents[1]
    recipe, classes = load_recipe(path), load_classes(path)
    generator = nets.generator(recipe, len(classes))
    snapshot = snapshots.Snapshot(folder, int(folder.name.removeprefix("step-")), 0.0)
    snapshots.load_weights(snapshot, "average", generator)
    return Trained(recipe, classes, device.place(generator).eval(), snapshot)


def _result(rows: Sequence[Row]) -> dict[str, Any]:
    """Rank correlations with the FID, and the FID of what the judge would have taken."""
    fids = [row.fid for row in rows]
    result: dict[str, Any] = {"sets": len(rows), "label": rows[0].label}
    result["correlation"] = _correlation([row.score for row in rows], fids)
    unseen = [row.score_unseen for row in rows]
    known = [value for value in unseen if value is not None]
    result["correlation_unseen"] = _correlation(known, fids) if len(known) == len(fids) else None
    result["fid_of_the_judges_best"] = min(rows, key=lambda row: row.score).fid
    result["fid_of_the_best"] = min(fids)
    result["fid_of_the_middle"] = sorted(fids)[len(fids) // 2]
    return result


def _correlation(a: Sequence[float], b: Sequence[float]) -> float | None:
    """Spearman's; None where one side has no ranks, as all of its scores are equal."""
    ranked = len(set(a)) > 1 and len(set(b)) > 1
    return float(spearmanr(a, b).statistic) if ranked else None


def _table(rows: Sequence[Row]) -> list[str]:
    """Lines of Markdown, the best FID first."""
    label = rows[0].label
    lines = [
        f"| run | steps | truncation | {label} | distance | judge | judge, unseen part |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in sorted(rows, key=lambda row: row.fid):
        truncation = f"{row.truncation:g}" if row.truncation else "none"
        unseen = "" if row.score_unseen is None else f"{row.score_unseen:.2f}"
        lines.append(
            f"| {Path(row.run).name} | {row.steps:,} | {truncation} | {row.fid:.1f}"
            f" | {row.distance:.3f} | {row.score:.2f} ± {row.error:.2f} | {unseen} |"
        )
    return lines


def _said(result: dict[str, Any]) -> list[str]:
    unseen, all_reals = result["correlation_unseen"], result["correlation"]
    found = "none, as all have one score" if all_reals is None else f"{all_reals:.3f}"
    lines = [f"Spearman over {result['sets']} sets: {found} with all real pictures"]
    if unseen is not None:
        lines.append(f"with the part that the judge never learned from: {unseen:.3f}")
    return [
        *lines,
        f"{result['label']} of the judge's best {result['fid_of_the_judges_best']:.1f}, of the best"
        f" {result['fid_of_the_best']:.1f}, of the middle one {result['fid_of_the_middle']:.1f}",
    ]
