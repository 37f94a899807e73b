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
from torch import nn

from local.data.shards import Pictures
from local.errors import reason
from local.judge import KernelJudge, Score, better
from local.judge.scoring import SCORED
from local.pictures import submitted
from local.sampling import Draws, draw, sample
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
        judge: only what it finds better is taken; None: what has not collapsed.

    Attributes:
        seconds: that a whole submission takes, as measured.
        ending: seconds that the end of the run takes beside one submission.
        kimg: of the one in place; None while there is none.
        score: the judge's, of the one in place.
        weights: of the generator that drew it, on the CPU, where there is a judge.
    """

    def __init__(
        self,
        path: Path,
        comment: Callable[[Trainer], dict[str, Any]],
        reals: Pictures,
        judge: KernelJudge | None = None,
    ) -> None:
        self.path = path
        self.comment = comment
        self.judge = judge
        self.kimg: float | None = None
        self.score: Score | None = None
        self.weights: dict[str, torch.Tensor] = {}
        self.seconds = 0.0
        self.ending = 0.0
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

    def offer(self, trainer: Trainer, draws: Draws | None = None) -> None:
        """Writes the average generator's pictures and puts them in place, unless they are worse.

        Its statistics must be fresh (`recalibrate`). A refusal, or a full disk, is said and leaves
        what was there.

        Args:
            trainer: whose average draws.
            draws: for the generator of the submission in place, chosen among more; None: the
                recipe's own, for a newer one.
        """
        start = time.perf_counter()
        recipe = trainer.recipe
        kimg = trainer.images / 1000
        if draws is None:
            draws = draw(recipe, trainer.classes, archive.COUNT, recipe.seed)
        elif self.kimg is not None:
            kimg = self.kimg
        batches = sample(trainer.average, draws, trainer.device.device)
        looked_at: list[np.ndarray] = []
        found: list[tuple[float, Score | None]] = []

        def judge(written: Path) -> None:
            found.append(self._judge(written, looked_at))

        try:
            comment = self.comment(trainer) | {"kimg": kimg}
            archive.write(self.path, submitted(_looking(batches, looked_at)), comment, judge)
        except archive.ArchiveError as error:
            self._refuse(trainer, str(error))
        except OSError as error:
            self._refuse(trainer, f"cannot be written ({error.strerror or error})")
        else:
            self.kimg = kimg
            (self._spread, self.score), *_ = found
            if self.judge:
                self.weights = _on_cpu(trainer.average)
            self.seconds = time.perf_counter() - start

    def _judge(self, written: Path, pictures: list[np.ndarray]) -> tuple[float, Score | None]:
        """The spread and the score of what was written, before it is put in place.

        Raises:
            archive.ArchiveError: it is not valid, or worse than what is in place.
        """
        archive.check(written, archive.COUNT)
        some = np.concatenate(pictures)
        spread = _spread(some)
        share = spread / max(self._real_spread, 1e-9)
        if share < COLLAPSED and spread < self._spread:
            raise archive.ArchiveError(
                f"collapsed: its pictures differ {share:.2f} times as much as real ones"
            )
        score = self._scored(some)
        if score and self.score and not better(score, self.score):
            raise archive.ArchiveError(f"scored {score} by the judge, no better than {self.score}")
        return spread, score

    def _scored(self, pictures: np.ndarray) -> Score | None:
        """The judge's score; an error in it ends the judging, not the run."""
        if self.judge is None:
            return None
        try:
            return self.judge.score(pictures)
        except Exception as error:
            print(f"the judge is dismissed: {reason(error)}", file=sys.stderr, flush=True)
            self.judge = None
            return None

    def _refuse(self, trainer: Trainer, why: str) -> None:
        there = "there is none yet" if self.kimg is None else f"that of {self.kimg:.1f} kimg stays"
        now = f"{trainer.images / 1000:.1f} kimg"
        print(f"{self.path.name} of {now} not taken: {why}; {there}", file=sys.stderr, flush=True)


def _looking(batches: Iterator[np.ndarray], looked_at: list[np.ndarray]) -> Iterator[np.ndarray]:
    every = max(1, archive.COUNT // SCORED)
    for batch in batches:
        looked_at.append(batch[::every])
        yield batch


@torch.no_grad()
def _on_cpu(network: nn.Module) -> dict[str, torch.Tensor]:
    """A copy of the network's state that later steps leave alone."""
    return {name: tensor.to("cpu", copy=True) for name, tensor in network.state_dict().items()}


def _spread(pictures: np.ndarray) -> float:
    """Mean deviation, in levels, of a pixel (N, H, W, 3) from picture to picture."""
    return float(pictures[:, ::4, ::4].std(axis=0).mean())
