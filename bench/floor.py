"""`python -m bench floor`: what real dogs score under each crop policy, before any training.

The real pictures are dealt into two random halves. One of them, whole and squashed, is the metric's
real set. The other is cropped by a policy and scored as if a generator had drawn it, so that a
perfect generator that was trained under this policy would reach its row. The row `squash`, one half
against the other, is what pictures without any fault have. FID falls with the number of pictures;
here every row has as many.
"""

import argparse
import hashlib
import shlex
import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from bench.cropped import POLICIES, chosen, coarse, cropped, named, whole
from bench.sides import machine
from local import errors
from local.commands.arguments import Parser, add_graph, count
from local.data.competition import Collection
from local.judging import kept
from local.progress import say
from mifid import history
from mifid.distance import memorization_distance
from mifid.errors import InputError, WorkError
from mifid.frechet import Moments, frechet_distance, moments
from mifid.kid import kernel_distance
from mifid.network import PRECISIONS, Network, open_network
from mifid.pictures import evenly_spaced
from mifid.score import label_for

EXAMPLES = """\
examples:
  python -m bench floor --data generative-dog-images.zip --graph classify_image_graph_def.pb
  python -m bench floor --data all-dogs/ --graph GRAPH.pb --limit 2500 --out floor.jsonl
  python -m bench floor --data all-dogs/ --graph GRAPH.pb --annotated

The table is Markdown. Features are kept in the cache, so that a second run has only to crop.
"""
COLUMNS = ("crops", "found", "FID", "over squash", "KID x 1000", "distance", "to its own pictures")
COARSE = "squash, as coarse as box"
MIXED = ("box", "tight", "jitter")  # with whole pictures, half and half


@dataclass(frozen=True)
class Row:
    """Crops of one half of the real pictures, scored against the other half.

    policy: of `crops.POLICIES`, or what else was done. split: seed of the halves. found: crops that
    the half's pictures gave; crops: those that count, equally many in all rows. kid: over all of
    them at once. distance: the memorization distance to the real half, in which none of the dogs
    is; own: that to their own whole pictures.
    """

    policy: str
    split: int
    found: int
    crops: int
    fid: float
    kid: float
    distance: float
    own: float


class Judge:
    """Features of pictures, of each different one computed once: without a box all crops agree."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.rows: dict[bytes, np.ndarray] = {}

    def features(self, pictures: np.ndarray) -> np.ndarray:
        """Features (N, D) of pictures (N, 64, 64, 3) uint8."""
        digests = [hashlib.blake2b(p.tobytes(), digest_size=16).digest() for p in pictures]
        new = {digest: row for row, digest in enumerate(digests) if digest not in self.rows}
        if new:
            values = kept(pictures[list(new.values())], self.network).values
            self.rows.update(zip(new, values, strict=True))
        return np.stack([self.rows[digest] for digest in digests])


@dataclass(frozen=True)
class Halves:
    """Features of whole pictures: those that are the real set, and those that are cropped."""

    split: int
    real: np.ndarray
    moments: Moments
    other: np.ndarray

    def row(self, policy: str, found: int, features: np.ndarray) -> Row:
        """Scores crops of the other half."""
        size = len(features)
        return Row(
            policy=policy,
            split=self.split,
            found=found,
            crops=size,
            fid=frechet_distance(moments(features), self.moments),
            kid=kernel_distance(features, self.real, subsets=1, size=size).mean,
            distance=memorization_distance(features, self.real),
            own=memorization_distance(features, self.other),
        )


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_args(words)
    bad_input = (InputError, errors.InputError)
    command = shlex.join(["python", "-m", "bench", "floor", *words])
    return errors.guarded(
        "bench floor", lambda: _run(options, command), bad_input, (OSError, WorkError)
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m bench floor",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="PATH", help="real pictures, with their boxes")
    add_graph(parser)
    add("--limit", type=count, metavar="N", help="whole pictures a half, evenly spaced (all)")
    add("--annotated", action="store_true", help="only pictures that have an annotation")
    add("--splits", type=count, default=5, metavar="S", help="halves for the row squash (5)")
    add("--precision", choices=PRECISIONS, default="exact", help="of the network (exact)")
    add("--device", default="auto", help="auto (default), cpu or cuda")
    add("--out", type=Path, metavar="FILE", help="add a line of JSON to FILE for each row")
    return parser


def _run(options: argparse.Namespace, command: str) -> int:
    if options.out:
        history.check(options.out)
    network = open_network(options.graph, precision=options.precision, device=options.device)
    collection = chosen(options.data, options.limit, options.annotated)
    say(f"{len(collection.pictures):,} pictures of {options.data}")
    names, pictures = whole(collection)
    half, fast = len(names) // 2, network.precision == "fast"
    boxed = sum(p.annotation is not None for p in named(collection, set(names)).pictures)
    sets = _Sets(collection, names, pictures, options.splits)
    label, _ = label_for(network.name, sets.size, half, options.limit, fast=fast)
    head = {
        "machine": machine(),
        "command": command,
        "data": f"{sets.size:,} crops against {half:,} whole pictures of {options.data};"
        f" {boxed / len(names):.0%} have boxes",
        "label": f"{label}, network {network.name} {network.graph[:12]}",
    }
    rows = []
    for row in sets.rows(Judge(network)):
        say(f"{row.policy}: FID {row.fid:.4g}, the halves of split {row.split}")
        rows.append(row)
        if options.out:
            history.append(options.out, asdict(row), head)
    print("\n".join([*head.values(), "", *_table(rows)]))
    return 0


class _Sets:
    """The pictures of all rows."""

    def __init__(
        self, collection: Collection, names: list[str], pictures: np.ndarray, splits: int
    ) -> None:
        self.pictures = pictures
        self.splits = [_deal(len(names), seed) for seed in range(splits)]
        squashed = {names[row]: pictures[row] for row in self.splits[0][1]}
        self.names = list(squashed)
        self.sources: dict[str, list[str]] = {}
        self.found: dict[str, np.ndarray] = {}
        half = named(collection, squashed)
        for policy in POLICIES:
            self.sources[policy], self.found[policy] = cropped(half, policy)
            say(f"{policy}: {len(self.found[policy]):,} crops of {len(squashed):,} pictures")
        self.found[COARSE] = coarse(half, squashed)
        fewest = min(self.found, key=lambda policy: len(self.found[policy]))
        self.size = min(len(self.found[fewest]), len(squashed))
        if self.size < 2:
            raise InputError(
                f"{fewest!r} gives {self.size} crops of {len(squashed)} pictures, and a"
                " score needs 2; raise --limit"
            )

    def rows(self, judge: Judge) -> Iterator[Row]:
        """Scores all of them, each as soon as its features are there; mixtures come last."""
        say(f"features of {len(self.pictures):,} whole pictures, then of each policy's crops")
        values = judge.features(self.pictures)
        for split in range(1, len(self.splits)):
            each = self._halves(values, split)
            yield each.row("squash", len(each.other), self._some(each.other))
        first = self._halves(values, 0)
        yield first.row("squash", len(first.other), self._some(first.other))
        features = {}
        for policy, pictures in self.found.items():
            features[policy] = judge.features(self._some(pictures))
            yield first.row(policy, len(pictures), features[policy])
        for policy in MIXED:
            mixture = self._mixture(policy, features[policy], first.other)
            yield first.row(f"{policy}+squash", len(mixture), mixture)

    def _mixture(self, policy: str, features: np.ndarray, wholes: np.ndarray) -> np.ndarray:
        """Crops of every other picture, and the rest whole, as many as of each policy.

        No picture is there in both ways: two of one dog would count for little more than one, and
        FID reads higher for fewer.
        """
        sources = [self.sources[policy][row] for row in self._chosen(len(self.found[policy]))]
        uncropped = set(self.names[1::2])
        of_crops = [row for row, source in enumerate(sources) if source not in uncropped]
        rest = wholes[1::2]  # the smaller part, where the number is odd
        wanted = max(self.size // 2, self.size - len(rest))
        of_crops = [of_crops[i] for i in evenly_spaced(len(of_crops), wanted)]
        rest = rest[evenly_spaced(len(rest), self.size - len(of_crops))]
        return np.concatenate([features[of_crops], rest])

    def _halves(self, values: np.ndarray, split: int) -> Halves:
        real, other = (values[rows] for rows in self.splits[split])
        return Halves(split, real, moments(real), other)

    def _some(self, values: np.ndarray) -> np.ndarray:
        return values[self._chosen(len(values))]

    def _chosen(self, number: int) -> list[int]:
        return evenly_spaced(number, self.size)


def _deal(number: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Two random halves of 0..number-1, each in order."""
    # The legacy generator, whose draws never change.
    order = np.random.RandomState(seed).permutation(number)
    return np.sort(order[: number // 2]), np.sort(order[number // 2 :])


def _table(rows: Sequence[Row]) -> list[str]:
    """Lines of Markdown, one a policy: the median over its splits, and their range."""
    line = _first(row for row in rows if row.policy == "squash")
    lines = [_line(COLUMNS), "|---" * len(COLUMNS) + "|"]
    for policy in dict.fromkeys(row.policy for row in rows):
        mine = [row for row in rows if row.policy == policy]
        cells = [
            policy,
            f"{mine[0].found:,}",
            _spread([row.fid for row in mine], ".4g"),
            f"{_first(mine) - line:+.1f}",
            _spread([1000 * row.kid for row in mine], ".2f"),
            _spread([row.distance for row in mine], ".3f"),
            _spread([row.own for row in mine], ".3f"),
        ]
        lines.append(_line(cells))
    return lines


def _first(rows: Iterable[Row]) -> float:
    """The FID on the halves that all policies have."""
    return next(row.fid for row in rows if row.split == 0)


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _spread(numbers: Sequence[float], form: str) -> str:
    low, middle, high = (format(f(numbers), form) for f in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low} to {high})"
