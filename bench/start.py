"""`python -m bench start`: seconds from the start of the built kernel to its first training step.

The kernel runs as Kaggle runs it, one file in an empty folder. What its own log says of its phases
is added up to the first step; Python's own start comes on top. A run long enough to train a judge
(2 % of its time, five minutes at most) does so before its first step: a phase of its own here.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.alone import run_alone
from bench.form import Measured, carry_out, command
from bench.sides import Side
from local.commands.arguments import positive
from local.errors import InputError
from local.project import ROOT
from mifid.errors import WorkError

KERNEL = ROOT / "kernel" / "kernel.py"
BEFORE = ("python", "start", "data", "judge", "probe")  # phases until the first step


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("start", __doc__, 3, "--data generative-dog-images.zip")
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="PATH", help="dogs")
    add(
        "--kernel", type=Path, default=KERNEL, metavar="FILE", help="a built one (kernel/kernel.py)"
    )
    add("--seconds", type=positive, default=60.0, metavar="S", help="the kernel's limit (60)")
    return carry_out("start", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    if not options.kernel.is_file():
        raise InputError(f"{options.kernel}: not there; python build_kernel.py")
    if not options.data.exists():
        raise InputError(f"{options.data}: no such folder or archive; check the path")
    rounds = [_phases(options) for _ in range(options.rounds)]
    sides = [Side(name, [phases.get(name, 0.0) for phases in rounds]) for name in BEFORE]
    whole = Side("together", [sum(phases.get(name, 0.0) for name in BEFORE) for phases in rounds])
    about = f"{options.kernel.name} with a limit of {options.seconds:g} s on {options.data}"
    return Measured(about, [*sides, whole], "s", lower=True, compared=False)


def _phases(options: argparse.Namespace) -> dict[str, float]:
    """Seconds by phase, Python's own start among them."""
    with tempfile.TemporaryDirectory(prefix="bench-start-") as place:
        told = {
            "KERNEL_SECONDS": str(options.seconds),
            "KAGGLE_INPUT": str(options.data.resolve()),
        }
        line = [sys.executable, str(options.kernel.resolve())]
        done = run_alone(line, Path(place), os.environ | told)
    if done.code:
        raise WorkError(f"the kernel ended with {done.code}: {done.stderr.strip()[-300:]}")
    about = _last_line(options.kernel, done.stdout)
    python = done.seconds - about["total_seconds"]  # until the first line, and after the last
    return {"python": python, **about["seconds"]}


def _last_line(kernel: Path, said: str) -> dict[str, Any]:
    """What a kernel tells of itself in the end."""
    try:
        about = json.loads(said.splitlines()[-1])
        about["seconds"].items(), about["total_seconds"] + 0.0
    except (LookupError, ValueError, TypeError, AttributeError):
        told = f"{kernel}: no kernel of this kit, as its last line tells no seconds"
        raise InputError(f"{told}; python build_kernel.py") from None
    return dict(about)
