"""Runs a kernel under conditions that no real session has: a faster clock, fewer pictures, faults.

Run as a file in the kernel's own process, before it: `python -I stage.py ORDER`, where ORDER is
JSON with `script`, `speed`, `images` (or null) and `faults` (each a name and a number). The bytes
of the script stay as they are. Standard library only, because the project is out of reach.

What the clock does not reach: waits in C (`select`, a lock's own timeout), and processes that the
kernel starts anew instead of forking.
"""

import importlib.abc
import importlib.util
import json
import os
import runpy
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

CLOCKS = ("monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns")
WRONG_USE = 2  # exit code
Change = Callable[[ModuleType], None]


def load_faults() -> ModuleType:
    """Loads the file beside this one; no search path leads to it."""
    spec = importlib.util.spec_from_file_location("faults", Path(__file__).with_name("faults.py"))
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    del sys.modules["faults"]
    return module


class Stage:
    """What is changed around the kernel, and the second kernel, if one was asked for."""

    def __init__(self, order: dict[str, Any], happened: str) -> None:
        self.order = order
        self.prefix = happened
        self.second: subprocess.Popen[bytes] | None = None
        self._changes: dict[str, list[Change]] = {}
        sys.meta_path = FirstStaysFirst([ChangingFinder(self._changes), *sys.meta_path])

    def after_import(self, name: str, change: Change) -> None:
        """Calls `change` with a module as soon as the kernel has imported it."""
        self._changes.setdefault(name, []).append(change)

    def happened(self, fault: object) -> None:
        """Says in the log that a fault strikes now."""
        os.write(2, f"{self.prefix}{fault}\n".encode())

    def start_again(self) -> None:
        """Starts the kernel a second time."""
        alone = {**self.order, "faults": []}
        command = [sys.executable, "-I", "-u", __file__, json.dumps(alone)]
        self.second = subprocess.Popen(command)

    def run(self) -> None:
        """Runs the script.

        Where a second one runs, one of the two must succeed; the other one may refuse, as wrong
        use, to share the folder.
        """
        sys.argv = [self.order["script"]]
        try:
            runpy.run_path(self.order["script"], run_name="__main__")
            code: Any = 0
        except SystemExit as end:
            if not self.second:
                raise
            code = end.code or 0
        except Exception as error:
            if not self.second:
                raise
            sys.excepthook(type(error), error, error.__traceback__)
            code = 1
        if self.second:
            codes = code, self.second.wait()
            if not {0} <= set(codes) <= {0, WRONG_USE}:
                sys.exit("two kernels in one folder: they ended with {} and {}".format(*codes))


class FirstStaysFirst(list[Any]):
    """`sys.meta_path` with a first finder that stays it: the kernel's importer goes in front."""

    def insert(self, index: Any, finder: Any) -> None:
        """Inserts in the second place at the earliest."""
        super().insert(max(index, 1), finder)


class ChangingFinder(importlib.abc.MetaPathFinder):
    """Lets the other finders find, and changes what is loaded."""

    def __init__(self, changes: dict[str, list[Change]]) -> None:
        self.changes = changes

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Answers only for modules that are to be changed."""
        if fullname not in self.changes:
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        specs = (finder.find_spec(fullname, path, target) for finder in others)
        spec = next((spec for spec in specs if spec), None)
        if spec and spec.loader:
            spec.loader = ChangingLoader(spec.loader, self.changes[fullname])
        return spec


class ChangingLoader(importlib.abc.Loader):
    """Loads as another loader does, then changes the module."""

    def __init__(self, loader: Any, changes: list[Change]) -> None:
        self.loader = loader
        self.changes = changes

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Leaves that to the other loader."""
        module: ModuleType | None = self.loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Runs the module's code, and then the changes."""
        assert module.__spec__
        module.__spec__.loader = module.__loader__ = self.loader  # as if this had never been
        self.loader.exec_module(module)
        for change in self.changes:
            change(module)


def set_count(images: int) -> Change:
    """Gives the archive's number of pictures, also where functions have it as a default."""

    def change(archive: ModuleType) -> None:
        usual = archive.COUNT
        archive.COUNT = images  # type: ignore[attr-defined]
        for function in vars(archive).values():
            if isinstance(function, FunctionType) and function.__defaults__:
                function.__defaults__ = tuple(
                    images if default is usual else default for default in function.__defaults__
                )

    return change


def speed_up(speed: float) -> None:
    """Lets all clocks run faster, and all waits end sooner."""
    sleep, wait = time.sleep, threading.Condition.wait

    def shorter_sleep(seconds: float) -> None:
        sleep(seconds / speed)

    def shorter_wait(condition: threading.Condition, timeout: float | None = None) -> bool:
        return wait(condition, None if timeout is None else timeout / speed)

    threading.Condition.wait = shorter_wait  # type: ignore[assignment, method-assign]
    clocks = (getattr(time, name) for name in CLOCKS)
    usual = {id(clock): faster(clock, speed) for clock in clocks} | {id(sleep): shorter_sleep}
    modules = [module for module in sys.modules.values() if isinstance(module, ModuleType)]
    for module in modules:  # some have taken a clock from `time` already
        for name, value in list(vars(module).items()):
            if id(value) in usual:
                setattr(module, name, usual[id(value)])


def faster(clock: Callable[[], Any], speed: float) -> Callable[[], Any]:
    """A clock that agrees with another one now, and runs so many times as fast from here on."""
    start = clock()
    number = type(start)
    return lambda: start + number((clock() - start) * speed)


def main(order: dict[str, Any]) -> None:
    """Prepares what was asked for and runs the script."""
    faults = load_faults()
    stage = Stage(order, faults.HAPPENED)
    if order["images"]:
        stage.after_import("submission.archive", set_count(order["images"]))
    for name, number in order["faults"]:
        faults.FAULTS[name].inside(stage, faults.Fault(name, number))
    if order["speed"] != 1:
        speed_up(order["speed"])
    stage.run()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
