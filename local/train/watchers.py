"""Who looks on while a run trains: the status line, the log, and what else is written."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from local.atomic import replacing
from local.pictures import save_png, sheet
from local.progress import say

LOG = "log.jsonl"  # in a run's folder
PLACE = ("step", "kimg", "epoch", "seconds", "seconds_left", "progress")
Record = dict[str, Any]  # where a run is (PLACE); at a tick its trainer's statistics too


class Watcher(Protocol):
    """Is told about a run as it goes."""

    def tick(self, record: Record) -> None:
        """A few seconds have passed."""

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """A snapshot was taken; pictures (N, H, W, 3) uint8 show it, always of the same draws."""

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """A quick score was taken."""


class StatusLine:
    """One line a tick, for people."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def tick(self, record: Record) -> None:
        """Prints the line."""
        print(
            f"kimg {record['kimg']:8.1f}  epoch {record['epoch']:6.2f}  "
            f"{_account(record)}  "
            f"{record['images_per_second']:6.0f} img/s  {span(record['seconds_left'])} left",
            file=self.stream,
            flush=True,
        )

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Says that there is a snapshot."""
        print(f"{name} at {record['kimg']:.1f} kimg", file=self.stream, flush=True)

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Prints them."""
        said = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        print(f"kimg {record['kimg']:8.1f}  {said}", file=self.stream, flush=True)


class RunFolder:
    """`log.jsonl`, a line a tick or score, and a grid a snapshot in `samples/` and the like.

    Args:
        run: the run's folder.
        steps: at which a resumed run goes on; later lines of the log never happened.
    """

    def __init__(self, run: Path, steps: int) -> None:
        self.run = run
        self.log = run / LOG
        if self.log.exists():
            kept = [line + "\n" for line in _lines(self.log) if _step(line) <= steps]
            with replacing(self.log) as partial:
                partial.write_text("".join(kept))

    def tick(self, record: Record) -> None:
        """Appends the line."""
        with self.log.open("a") as log:
            log.write(json.dumps(record) + "\n")

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Writes the grid."""
        save_png(sheet(pictures), self.run / name / f"step-{record['step']:09}.png")

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Appends a line."""
        self.tick(record | scores)


class OnDisk:
    """Watchers that write files, as one: what a full disk does not take must not end the training.

    Args:
        run: the run's folder.
        watchers: told in turn, each whatever becomes of the others.
    """

    def __init__(self, run: Path, *watchers: Watcher) -> None:
        self.run, self.watchers = run, watchers
        self._said = False

    def tick(self, record: Record) -> None:
        """Tells them."""
        self._tell(lambda watcher: watcher.tick(record))

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Tells them."""
        self._tell(lambda watcher: watcher.pictures(record, name, pictures))

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Tells them."""
        self._tell(lambda watcher: watcher.scores(record, scores))

    def _tell(self, tell: Callable[[Watcher], None]) -> None:
        for watcher in self.watchers:
            try:
                tell(watcher)
            except OSError as error:
                if not self._said:
                    why = f"log, grids or curves cannot be written ({error.strerror or error})"
                    say(f"{self.run}: {why}; the training goes on, make room there")
                self._said = True


def _account(record: Record) -> str:
    """A tick's losses, and how the discriminator and the variety of the fakes stand."""
    if "loss" in record:
        return f"loss {record['loss']:.5f}"
    return (
        f"loss D {record['loss_d']:6.3f} G {record['loss_g']:6.3f}  "
        f"D right on real {record['accuracy_real']:4.0%} fake {record['accuracy_fake']:4.0%}  "
        f"diversity {record['diversity']:.2f}"
    )


def span(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    if seconds == float("inf"):
        return "?:??:??"
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def read_log(file: Path) -> list[Record]:
    """What a log tells, line by line: the values that are finite numbers, by their names.

    A line that is cut off, or no line of a log, tells nothing, and is left out; so does a file
    that is not there.

    Raises:
        OSError: it cannot be read.
    """
    lines = _lines(file) if file.is_file() else []
    return [record for record in map(_numbers, lines) if record]


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


def _step(line: str) -> float:
    # Cut off in the middle when the run was killed, it has none.
    return float(_numbers(line).get("step", "inf"))


def _numbers(line: str) -> Record:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return {}
    told = record.items() if isinstance(record, dict) else ()
    return {name: value for name, value in told if _is_finite(value)}


def _is_finite(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max  # which infinity is not, nor what is no number
