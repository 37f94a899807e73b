"""`images.zip` while a run goes on: complete and valid early, replaced only by what is not worse.

Whatever ends the run later - a deadline, a fault, a killed session - finds a submission in place.
"""

import io
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from local.pictures import submitted
from local.sampling import draw, sample
from local.train.trainer import Trainer
from submission import archive

PROBE = 500  # pictures that tell what a whole submission costs
COLLAPSED = 0.3  # share of the real pictures' spread under which a generator draws one dog


class SafeSubmission:
    """The archive in its place.

    Args:
        path: of the archive.
        comment: facts about the run so far, for the archive's comment.
        reals: pictures (N, 3, S, S) uint8 whose spread fakes are held against.

    Attributes:
        seconds: that a whole submission takes, as measured.
        kimg: of the one in place; None while there is none.
    """

    def __init__(
        self, path: Path, comment: Callable[[Trainer], dict[str, Any]], reals: torch.Tensor
    ) -> None:
        self.path = path
        self.comment = comment
        self.kimg: float | None = None
        self.seconds = 0.0
        archive.remove_partials(path)
        some = reals[:: max(1, len(reals) // PROBE)].permute(0, 2, 3, 1).numpy()
        self._real_spread = _spread(some)
        self._spread = 0.0  # of the one in place

    def estimate(self, trainer: Trainer) -> None:
        """Measures what a submission costs, by a small one that is kept nowhere."""
        draws = draw(trainer.recipe, trainer.classes, PROBE, seed=0)
        device = trainer.device.device
        for _ in sample(trainer.average, draws[:1], device):
            pass  # the first call of a network is slow
        start = time.perf_counter()
        probe = io.BytesIO()
        archive.encode(probe, submitted(sample(trainer.average, draws, device)), {})
        archive.pixels(probe, PROBE)  # as the check, which an untrained network may well not pass
        self.seconds = (time.perf_counter() - start) * archive.COUNT / PROBE

    def offer(self, trainer: Trainer) -> None:
        """Writes the average generator's pictures and puts them in place, unless they are worse.

        Its statistics must be fresh (`recalibrate`). A refusal, or a full disk, is said and leaves
        what was there.
        """
        start = time.perf_counter()
        recipe = trainer.recipe
        draws = draw(recipe, trainer.classes, archive.COUNT, recipe.seed)
        batches = sample(trainer.average, draws, trainer.device.device)
        looked_at: list[np.ndarray] = []

        def judge(written: Path) -> None:
            self._judge(written, looked_at)

        try:
            comment = self.comment(trainer)
            archive.write(self.path, submitted(_looking(batches, looked_at)), comment, judge)
        except archive.ArchiveError as error:
            self._refuse(trainer, str(error))
        except OSError as error:
            self._refuse(trainer, f"cannot be written ({error.strerror or error})")
        else:
            self.kimg = trainer.images / 1000
            self.seconds = time.perf_counter() - start

    def _judge(self, written: Path, pictures: list[np.ndarray]) -> None:
        archive.check(written, archive.COUNT)
        spread = _spread(np.concatenate(pictures))
        share = spread / max(self._real_spread, 1e-9)
        if share < COLLAPSED and spread < self._spread:
            raise archive.ArchiveError(
                f"collapsed: its pictures differ {share:.2f} times as much as real ones"
            )
        self._spread = spread

    def _refuse(self, trainer: Trainer, why: str) -> None:
        there = "there is none yet" if self.kimg is None else f"that of {self.kimg:.1f} kimg stays"
        now = f"{trainer.images / 1000:.1f} kimg"
        print(f"{self.path.name} of {now} not taken: {why}; {there}", file=sys.stderr, flush=True)


def _looking(batches: Iterator[np.ndarray], looked_at: list[np.ndarray]) -> Iterator[np.ndarray]:
    for batch in batches:
        looked_at.append(batch[::8])
        yield batch


def _spread(pictures: np.ndarray) -> float:
    """Mean deviation, in levels, of a pixel (N, H, W, 3) from picture to picture."""
    return float(pictures[:, ::4, ::4].std(axis=0).mean())
