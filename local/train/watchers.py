"""Who looks on while a run trains: the status line and the log."""

import json
from pathlib import Path
from typing import Any, Protocol, TextIO

import numpy as np

from local.atomic import replacing
from local.pictures import save_png, sheet

Record = dict[str, Any]  # one tick: step, kimg, epoch, seconds, progress, losses, accuracies, ...


class Watcher(Protocol):
    """Is told about a run as it goes."""

    def tick(self, record: Record) -> None:
        """A few seconds have passed."""

    def samples(self, record: Record, pictures: np.ndarray) -> None:
        """A snapshot was taken; pictures (N, H, W, 3) uint8 of the fixed latents."""


class StatusLine:
    """One line a tick, for people."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    def tick(self, record: Record) -> None:
        """Prints the line."""
        print(
            f"kimg {record['kimg']:8.1f}  epoch {record['epoch']:6.2f}  "
            f"loss D {record['loss_d']:6.3f} G {record['loss_g']:6.3f}  "
            f"D right on real {record['accuracy_real']:4.0%} fake {record['accuracy_fake']:4.0%}  "
            f"{record['images_per_second']:6.0f} img/s  {span(record['seconds_left'])} left",
            file=self.stream,
            flush=True,
        )

    def samples(self, record: Record, pictures: np.ndarray) -> None:
        """Says that there is a snapshot."""
        print(f"snapshot at {record['kimg']:.1f} kimg", file=self.stream, flush=True)


class RunFolder:
    """`log.jsonl`, a line a tick, and `samples/`, a grid a snapshot.

    Args:
        run: the run's folder.
        steps: at which a resumed run goes on; later lines of the log never happened.
    """

    def __init__(self, run: Path, steps: int) -> None:
        self.grids = run / "samples"
        self.log = run / "log.jsonl"
        if self.log.exists():
            kept = [line + "\n" for line in _lines(self.log) if _step(line) <= steps]
            with replacing(self.log) as partial:
                partial.write_text("".join(kept))

    def tick(self, record: Record) -> None:
        """Appends the line."""
        with self.log.open("a") as log:
            log.write(json.dumps(record) + "\n")

    def samples(self, record: Record, pictures: np.ndarray) -> None:
        """Writes the grid."""
        save_png(sheet(pictures), self.grids / f"step-{record['step']:09}.png")


def span(seconds: float) -> str:
    """Seconds as h:mm:ss."""
    if seconds == float("inf"):
        return "?:??:??"
    whole = int(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


def _lines(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()


def _step(line: str) -> float:
    try:
        return float(json.loads(line)["step"])
    except (ValueError, TypeError, LookupError):
        return float("inf")  # cut off in the middle when the run was killed
