"""The sides of `python -m bench metric`: how each is started, and what came of it."""

import json
import math
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.alone import run_alone

ROOT = Path(__file__).resolve().parents[1]
VALUES = ("fid", "distance", "mifid")


@dataclass(frozen=True)
class Job:
    """What every side is given: two folders of pictures, the network, and where to compute.

    weights: the network as ``bench.weights.export`` writes it. peers: the other tools' interpreter.
    """

    generated: Path
    real: Path
    graph: Path
    weights: Path
    device: str
    peers: Path


@dataclass(frozen=True)
class Side:
    """A tool: how it is started, and what is to be known beside its values.

    peer: whether it lives in the other tools' environment.
    """

    command: Callable[[Job], list[str]]
    remarks: str
    peer: bool = False


@dataclass(frozen=True)
class Row:
    """What a side did in one round.

    problem: why there are no values; empty otherwise. seconds: of its process. own: those that it
    counts itself, without start and imports. peak_bytes: of its largest process. versions: of what
    computed, as far as it says so.
    """

    side: str
    round: int
    problem: str = ""
    seconds: float | None = None
    own: float | None = None
    processor_seconds: float | None = None
    peak_bytes: int | None = None
    values: dict[str, float] | None = None
    versions: dict[str, str] | None = None


def _this(*options: str) -> Callable[[Job], list[str]]:
    def command(job: Job) -> list[str]:
        pictures = str(job.generated), "--real", str(job.real)
        network = "--graph", str(job.graph), "--device", job.device
        return [sys.executable, "-m", "mifid", *pictures, *network, "--json", *options]

    return command


def _peer(module: str, remarks: str) -> Side:
    def command(job: Job) -> list[str]:
        pictures = str(job.generated), str(job.real)
        script = f"bench.peers.{module}"
        return [str(job.peers), "-m", script, *pictures, str(job.weights), job.device]

    return Side(command, remarks, peer=True)


def _published(job: Job) -> list[str]:
    pictures = str(job.generated), str(job.real)
    return [sys.executable, "-m", "bench.published", *pictures, str(job.graph), "cpu"]


SIDES = {
    "this": Side(_this(), "on a CPU by OpenVINO where it is installed, else by torch"),
    "this-torch": Side(_this("--backend", "torch"), "by torch"),
    "this-fast": Side(_this("--precision", "fast"), "most products in half precision"),
    "published": Side(_published, "the reference, on the CPU"),
    "torch-fidelity": _peer("torch_fidelity", "no distance"),
    "pytorch-fid": _peer("pytorch_fid", "resizes with half-pixel centres; no distance"),
    "clean-fid": _peer(
        "clean_fid",
        "mode legacy_tensorflow, in which its network's file resizes: here this kit's own"
        " translation in that file's interface; no distance",
    ),
    "torchmetrics": _peer(
        "torchmetrics", "antialias=False; averages the distance over the real pictures"
    ),
}


def measure(name: str, turn: int, job: Job) -> Row:
    """Run one side once. What goes wrong with it is in its row, and stops no other."""
    # Caches begin empty, and nothing of what is measured here stays in the user's.
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as cache:
        environment = os.environ | {"XDG_CACHE_HOME": cache, "TF_CPP_MIN_LOG_LEVEL": "3"}
        try:
            done = run_alone(SIDES[name].command(job), ROOT, environment)
        except OSError as error:
            return Row(name, turn, f"failed: {error}")
    row = Row(
        name,
        turn,
        seconds=done.seconds,
        processor_seconds=done.processor_seconds,
        peak_bytes=done.peak_bytes,
    )
    if done.code:
        return replace(row, problem=f"failed ({done.code}): {_last_line(done.stderr)}")
    answer = _answer(_last_line(done.stdout))
    values = {key: float(answer[key]) for key in VALUES if key in answer}
    if not values or not all(map(math.isfinite, values.values())):
        return replace(row, problem=f"failed: answers {_last_line(done.stdout)!r}")
    return replace(row, own=answer.get("seconds"), values=values, versions=answer.get("versions"))


def _answer(line: str) -> dict[str, Any]:
    try:
        answer = json.loads(line)
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
