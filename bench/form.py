"""What measurements of speed have in common: their options, their table and their record."""

import argparse
import json
import shlex
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.sides import Side, machine, ratios
from local.commands.arguments import Parser, count
from local.errors import InputError, guarded
from mifid import errors, history

RECORD = Path("runs/bench.jsonl")


@dataclass(frozen=True)
class Measured:
    """What a measurement found.

    about: what was measured, and on what data. lower: whether less of the unit is better.
    compared: whether the sides do the same work, so that each is held against the first. more:
    further facts, for programs; notes: further lines, for people.
    """

    about: str
    sides: list[Side]
    unit: str = "img/s"
    lower: bool = False
    compared: bool = True
    more: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def facts(self) -> dict[str, Any]:
        """All of it as plain values: each side's rounds, and how many times better than the first.

        The ratio is the median of the rounds', each taken within one round.
        """
        ratio = {side.name: statistics.median(self._ratios(side)) for side in self._others()}
        return {
            "machine": machine(),
            "about": self.about,
            "unit": self.unit,
            "sides": {side.name: side.rounds for side in self.sides},
            **({"ratio": ratio} if ratio else {}),
            **self.more,
        }

    def table(self) -> str:
        """Lines for people: median, spread, and how many times better than the first side."""
        wide = max(len(side.name) for side in self.sides)
        lines = [machine(), self.about]
        for side in self.sides:
            row = f"{side.name:{wide}}  {_spread(side.rounds, ',.4g')} {self.unit}"
            if side in self._others():
                row += f"   {_spread(self._ratios(side), '.2f')} times"
            lines.append(row)
        return "\n".join([*lines, *self.notes])

    def _others(self) -> list[Side]:
        return self.sides[1:] if self.compared else []

    def _ratios(self, side: Side) -> list[float]:
        return ratios(side, self.sides[0], self.lower)


def command(name: str, about: str | None, rounds: int, example: str = "") -> Parser:
    """A parser for `python -m bench NAME`, with the options that all have."""
    parser = Parser(
        prog=f"python -m bench {name}",
        description=about,
        epilog=f"example:\n  python -m bench {name} {example}".rstrip(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--rounds", type=count, default=rounds, metavar="R", help=f"in turn ({rounds})")
    add("--json", action="store_true", help="print one JSON object")
    add("--out", type=Path, metavar="FILE", help=f"gets a line of JSON more ({RECORD})")
    return parser


def carry_out(
    name: str,
    parser: Parser,
    words: Sequence[str],
    measure: Callable[[argparse.Namespace], Measured],
) -> int:
    """Measures, prints what was found and appends it to the record; returns the exit code."""
    options = parser.parse_args(words)
    return guarded(
        f"bench {name}",
        lambda: _carry_out(options, shlex.join(["python", "-m", "bench", name, *words]), measure),
        (InputError, errors.InputError),
        (OSError, errors.WorkError),
    )


def _carry_out(
    options: argparse.Namespace, line: str, measure: Callable[[argparse.Namespace], Measured]
) -> int:
    if options.out is None:
        RECORD.parent.mkdir(exist_ok=True)
    record = options.out or RECORD
    history.check(record)
    found = measure(options)
    # Before the printing: where that fails, an hour's measurement is kept.
    history.append(record, found.facts(), {"command": line})
    print(json.dumps(found.facts(), allow_nan=False) if options.json else found.table())
    return 0


def _spread(numbers: Sequence[float], form: str) -> str:
    low, middle, high = (format(of(numbers), form) for of in (min, statistics.median, max))
    return middle if len(numbers) == 1 else f"{middle} ({low} to {high})"
