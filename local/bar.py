"""How far a training is: a bar on a terminal, below the lines that are printed meanwhile."""

from typing import TextIO

import numpy as np
from tqdm import tqdm
from tqdm.contrib import DummyTqdmFile

from local.train.watchers import Record

FORM = "{desc} {percentage:3.0f}%|{bar}| {elapsed} so far, {postfix}"


class Bar:
    """A watcher that moves the bar at each tick; there is none where nobody sits.

    Attributes:
        lines: a stream whose lines go above the bar.
    """

    def __init__(self, stream: TextIO) -> None:
        self.lines: TextIO = DummyTqdmFile(stream)
        self._bar = tqdm(
            total=1.0, desc="trained", file=stream, bar_format=FORM, leave=False, disable=None
        )

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def tick(self, record: Record) -> None:
        """Moves it."""
        self._bar.n = record["progress"]
        self._bar.set_postfix_str(f"step {record['step']:,}", refresh=True)

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Nothing: the line says it."""

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Nothing: the line says it."""
