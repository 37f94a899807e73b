"""`python -m bench scoring`: seconds that a score takes once both sides' features are there."""

import argparse
import time
from collections.abc import Sequence

import numpy as np

from bench.form import Measured, carry_out, command
from bench.sides import Side
from local.commands.arguments import count
from mifid.distance import memorization_distance
from mifid.frechet import frechet_distance, moments


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("scoring", __doc__, 3)
    parser.add_argument("--generated", type=count, default=10_000, metavar="N")
    parser.add_argument("--real", type=count, default=20_580, metavar="M")
    parser.add_argument("--features", type=count, default=2048, metavar="D")
    return carry_out("scoring", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    sides = features(options.generated, options.real, options.features)
    rounds = [_seconds(sides) for _ in range(options.rounds)]
    stages = [Side(name, [stage[name] for stage in rounds]) for name in rounds[0]]
    whole = Side("together", [sum(stage.values()) for stage in rounds])
    size = f"{options.generated:,} against {options.real:,} rows of {options.features:,}"
    return Measured(f"{size}, synthetic", [*stages, whole], "s", lower=True, compared=False)


def features(generated: int, real: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Both sides' (N, D) in float32, with correlated columns of one sign, as features have them."""
    random = np.random.default_rng(0)
    rank = max(1, width // 4)
    mixed = random.standard_normal((rank, width), np.float32) / rank**0.5

    def side(rows: int) -> np.ndarray:
        values = random.standard_normal((rows, rank), np.float32) @ mixed
        return np.abs(values + 0.5 * random.standard_normal(values.shape, np.float32))

    return side(generated), side(real)


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
