"""What can go wrong in a session, by name, to be made to happen in a rehearsal.

Standard library only: `stage.py` loads this file inside the kernel's process too, where the project
is out of reach.
"""

import os
import shutil
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, Protocol

HAPPENED = "injected: "  # begins the line in the kernel's log that names a fault as it strikes
SECONDS, STEP = "seconds", "step"  # what the number of a fault counts
DAMAGED = 10  # one picture in so many


@dataclass(frozen=True)
class Fault:
    """A fault as asked for: `name` or `name@number`."""

    name: str
    number: float = 0.0

    def __str__(self) -> str:
        return f"{self.name}@{self.number:g}" if FAULTS[self.name].unit else self.name


class Stage(Protocol):
    """What a fault inside the kernel's process has at hand; see stage.py."""

    def after_import(self, name: str, change: Callable[[ModuleType], None]) -> None:
        """Calls `change` with a module as soon as the kernel has imported it."""

    def happened(self, fault: Fault) -> None:
        """Says in the log that a fault strikes now."""

    def start_again(self) -> None:
        """Starts the kernel a second time."""


@dataclass(frozen=True)
class Kind:
    """How a fault is made to happen: exactly one of the four ways is given."""

    about: str
    unit: str | None = None  # what the number counts; None: there is none
    signal: int | None = None  # sent to the kernel
    fills_disk: bool = False  # the disk of the working folder
    mounted: Callable[[Path], None] | None = None  # changes the data before the kernel sees it
    inside: Callable[[Stage, Fault], None] | None = None  # prepares the kernel's own process


def remove_data(folder: Path) -> None:
    """Leaves nothing in the input folder."""
    for path in folder.iterdir():
        shutil.rmtree(path)


def damage_pictures(folder: Path) -> None:
    """Cuts one picture in DAMAGED off in the middle, the first one included."""
    for path in sorted(folder.rglob("all-dogs/all-dogs/*"))[::DAMAGED]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def at_step(stage: Stage, fault: Fault, strike: Callable[[Any], None]) -> None:
    """Calls `strike(trainer)` when the training step of the fault's number begins."""

    def change(module: ModuleType) -> None:
        step = module.Trainer.step
        calls = 0

        def counted(trainer: Any, *arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1  # not the kernel's own count: a run that goes back would be struck again
            if calls == fault.number:
                strike(trainer)
            return step(trainer, *arguments, **named)

        module.Trainer.step = counted

    stage.after_import("local.train.trainer", change)


def run_out_of_memory(stage: Stage, fault: Fault) -> None:
    """Lets the step's first backward pass fail, where a step's memory is at its peak."""

    def strike(trainer: Any) -> None:
        torch = sys.modules["torch"]
        backward = torch.Tensor.backward

        def fail(*arguments: Any, **named: Any) -> NoReturn:
            torch.Tensor.backward = backward
            stage.happened(fault)
            raise torch.OutOfMemoryError("CUDA out of memory. Injected by the rehearsal.")

        torch.Tensor.backward = fail

    at_step(stage, fault, strike)


def make_loss_nan(stage: Stage, fault: Fault) -> None:
    """Makes some weights of the generator's partner NaN, and by them losses and gradients."""

    def strike(trainer: Any) -> None:
        next(iter(trainer.partner.parameters())).data.fill_(float("nan"))
        stage.happened(fault)

    at_step(stage, fault, strike)


def kill_gpu(stage: Stage, fault: Fault) -> None:
    """Shows a GPU for which the installed torch has no code, as Kaggle's P100 was in the end."""

    def fail(*arguments: Any, **named: Any) -> NoReturn:
        raise RuntimeError("CUDA error: no kernel image is available for execution on the device")

    def claim(answer: object, usual: Callable[[], object]) -> Callable[[], object]:
        # Not towards torch itself: what it does with a GPU unasked does not fail on a dead one.
        def function() -> object:
            caller = sys._getframe(1).f_globals["__name__"]
            return usual() if caller.partition(".")[0] == "torch" else answer

        return function

    def change(torch: ModuleType) -> None:
        torch.cuda.is_available = claim(True, torch.cuda.is_available)
        torch.cuda.device_count = claim(1, torch.cuda.device_count)
        torch.cuda._lazy_init = fail  # each first operation on a GPU goes through it
        stage.happened(fault)

    os.environ["CUDA_VISIBLE_DEVICES"] = ""  # a GPU that works must not be found by other ways
    stage.after_import("torch", change)


def start_twice(stage: Stage, fault: Fault) -> None:
    """Starts a second kernel beside the first."""
    stage.start_again()
    stage.happened(fault)


FAULTS = {
    "sigterm": Kind("the session is stopped by SIGTERM", SECONDS, signal=signal.SIGTERM),
    "sigint": Kind("the session is stopped by SIGINT", SECONDS, signal=signal.SIGINT),
    "sigkill": Kind("the session is stopped by SIGKILL", SECONDS, signal=signal.SIGKILL),
    "disk-full": Kind("the working folder's disk is full", SECONDS, fills_disk=True),
    "out-of-memory": Kind("the step runs out of memory, once", STEP, inside=run_out_of_memory),
    "nan": Kind("the loss becomes NaN", STEP, inside=make_loss_nan),
    "no-data": Kind("the input folder is empty", mounted=remove_data),
    "broken-picture": Kind("some pictures are damaged", mounted=damage_pictures),
    "dead-gpu": Kind("a GPU is there, and every operation on it fails", inside=kill_gpu),
    "twice": Kind("a second kernel runs in the same folder", inside=start_twice),
}
