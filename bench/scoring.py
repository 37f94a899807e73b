"""`python -m bench scoring`: seconds that a score takes once both sides' features are there."""

import argparse
import json
import statistics
import time
from collections.abc import Sequence

import numpy as np

from bench.sides import machine
from local.commands.arguments import Parser, count
from mifid.distance import memorization_distance
from mifid.frechet import frechet_distance, moments


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    command = Parser(prog="python -m bench scoring", description=__doc__)
    command.add_argument("--generated", type=count, default=10_000, metavar="N")
    command.add_argument("--real", type=count, default=20_580, metavar="M")
    command.add_argument("--features", type=count, default=2048, metavar="D")
    command.add_argument("--rounds", type=count, default=3, metavar="R", help="(3)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    options = command.parse_args(words)
    rounds = [_seconds(_features(options)) for _ in range(options.rounds)]
    totals = [sum(stages.values()) for stages in rounds]
    if options.json:
        print(json.dumps({"rounds": rounds, "total": totals}))
        return 0
    size = f"{options.generated:,} against {options.real:,} rows of {options.features:,}"
    print(f"{machine()}\n{size}, synthetic; seconds, median of {options.rounds} rounds")
    for name in rounds[0]:
        print(f"  {name:10}{statistics.median(stages[name] for stages in rounds):7.2f}")
    middle, spread = statistics.median(totals), f"({min(totals):.2f} to {max(totals):.2f})"
    print(f"  {'together':10}{middle:7.2f} {spread}")
    return 0


def _features(options: argparse.Namespace) -> tuple[np.ndarray, np.ndarray]:
    """Both sides, with correlated columns of one sign, as features have them."""
    random = np.random.default_rng(0)
    rank = max(1, options.features // 4)
    mixed = random.standard_normal((rank, options.features), np.float32) / rank**0.5

    def side(rows: int) -> np.ndarray:
        values = random.standard_normal((rows, rank), np.float32) @ mixed
        return np.abs(values + 0.5 * random.standard_normal(values.shape, np.float32))

    return side(options.generated), side(options.real)


def _seconds(sides: tuple[np.ndarray, np.ndarray]) -> dict[str, float]:
    marks = [time.perf_counter()]
    both = [moments(side) for side in sides]
    marks.append(time.perf_counter())
    frechet_distance(*both)
    marks.append(time.perf_counter())
    memorization_distance(*sides)
    marks.append(time.perf_counter())
    names = ("moments", "Frechet", "distance")
    return {name: marks[i + 1] - marks[i] for i, name in enumerate(names)}
