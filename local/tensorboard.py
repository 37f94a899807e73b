"""TensorBoard's curves and grids. Not in the kernel: its writer pulls TensorFlow in."""

import sys
import threading
from pathlib import Path
from types import ModuleType

import numpy as np

from local.pictures import sheet
from local.train.watchers import PLACE, Record

USUAL = threading.excepthook  # for what a thread dies of


class TensorBoard:
    """Writes events below a run's folder.

    Args:
        run: the run's folder.
        steps: at which a resumed run goes on; TensorBoard hides what came after.
    """

    def __init__(self, run: Path, steps: int) -> None:
        # TensorBoard's own switch for doing without TensorFlow, whose import takes seconds.
        sys.modules.setdefault("tensorboard.compat.notf", ModuleType("notf"))
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - only when it is used

        threading.excepthook = _without_its_own
        self.writer = SummaryWriter(str(run / "tensorboard"), purge_step=steps or None)

    def tick(self, record: Record) -> None:
        """Adds a point to each curve."""
        self.scores(record, {name: record[name] for name in record if name not in PLACE})

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Adds a point to each curve."""
        for name, value in scores.items():
            self.writer.add_scalar(name, value, record["step"])
        self.writer.flush()

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Adds the grid."""
        grid = np.asarray(sheet(pictures))
        self.writer.add_image(name, grid, record["step"], dataformats="HWC")
        self.writer.flush()


def _without_its_own(error: threading.ExceptHookArgs) -> None:
    """Leaves out the traceback of TensorBoard's thread: its error comes back at the next point."""
    if not type(error.thread).__module__.startswith("tensorboard."):
        USUAL(error)
