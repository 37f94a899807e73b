"""What a rehearsal changes on purpose: the clock's speed, the number of pictures, faults.

A staged rehearsal proves less than a plain one, so the report names everything that was staged.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.errors import InputError
from submission.faults import FAULTS, SECONDS, STEP, Fault

STAGE = Path(__file__).with_name("stage.py")


@dataclass(frozen=True)
class Staging:
    """What is staged; without arguments nothing is.

    Raises:
        InputError: the clock would stand still, or no picture is asked for.
    """

    speed: float = 1.0  # times as fast as real time run the kernel's clocks
    images: int | None = None  # that the kernel writes, in place of 10,000
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        """Refuses what no session can have."""
        if not 0 < self.speed < math.inf:
            raise InputError(f"a speed of {self.speed:g}: give a positive number")
        if self.images is not None and self.images < 1:
            raise InputError(f"images={self.images}: give a whole number over 0")

    def facts(self) -> dict[str, Any]:
        """What differs from a plain rehearsal, for the report; empty where nothing does."""
        facts: dict[str, Any] = {}
        if self.speed != 1:
            facts["speed"] = self.speed
        if self.images is not None:
            facts["images"] = self.images
        if self.faults:
            facts["inject"] = [str(fault) for fault in self.faults]
        return facts

    def command(self, script: Path) -> list[str]:
        """What the interpreter runs: the script itself, or the stage that runs it."""
        inside = [fault for fault in self.faults if FAULTS[fault.name].inside]
        if self.speed == 1 and self.images is None and not inside:
            return [str(script)]
        order = {
            "script": str(script),
            "speed": self.speed,
            "images": self.images,
            "faults": [(fault.name, fault.number) for fault in inside],
        }
        return [str(STAGE), json.dumps(order)]

    def timed(self) -> list[Fault]:
        """The faults that strike at a moment, the first one first."""
        faults = [fault for fault in self.faults if FAULTS[fault.name].unit == SECONDS]
        return sorted(faults, key=lambda fault: fault.number)

    def fills_disk(self) -> bool:
        """Whether the working folder needs a disk that can be filled."""
        return any(FAULTS[fault.name].fills_disk for fault in self.faults)

    def change_data(self, folder: Path) -> None:
        """Lets the faults strike that lie in the data, mounted in `folder`."""
        for fault in self.faults:
            if change := FAULTS[fault.name].mounted:
                change(folder)


def words(facts: dict[str, Any]) -> str:
    """Renders what was staged: "speed 100, images 200, nan@5"."""
    parts = [f"{name} {facts[name]:g}" for name in ("speed", "images") if name in facts]
    return ", ".join([*parts, *facts.get("inject", [])])


def fault(text: str) -> Fault:
    """Reads `name` or `name@number`.

    Raises:
        InputError: there is no such fault, or its number is missing or wrong.
    """
    name, at, number = text.partition("@")
    if name not in FAULTS:
        raise InputError(f"no fault {name!r}; there are: {', '.join(map(form, FAULTS))}")
    unit = FAULTS[name].unit
    if unit is None:
        if at:
            raise InputError(f"{text}: {name} takes no number")
        return Fault(name)
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf or (unit == STEP and not value.is_integer()):
        example = "20, seconds after the start" if unit == SECONDS else "5, the fifth training step"
        raise InputError(f"{text}: say when, for example {name}@{example}")
    return Fault(name, value)


def form(name: str) -> str:
    """How a fault is written."""
    return name + {SECONDS: "@S", STEP: "@N", None: ""}[FAULTS[name].unit]


def images(settings: list[str]) -> int | None:
    """Reads `images=N`; None where it is not said.

    Raises:
        InputError: another setting, or no number.
    """
    number = None
    for setting in settings:
        key, _, text = setting.partition("=")
        if key != "images":
            raise InputError(f"{setting!r} is not a setting of a rehearsal; there is images=N")
        if not (text.isdecimal() and text.isascii()):
            raise InputError(f"{setting}: images must be a whole number")
        number = int(text)
    return number


FAULTS_HELP = "\n".join(f"  {form(name):17}{kind.about}" for name, kind in FAULTS.items())
