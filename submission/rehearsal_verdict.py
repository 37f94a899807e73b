"""The verdict on what a kernel did and left: all that was wrong, in plain words."""

import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

from submission import archive
from submission.archive import IMAGES
from submission.faults import FAULTS, Fault
from submission.printed import last_line
from submission.rehearsal_run import Run
from submission.words import some

LONGEST = 200  # characters of a log's line in a verdict


def judge(
    ran: Run, working: Path, changed: list[str], count: int, faults: tuple[Fault, ...]
) -> tuple[dict[str, Any] | None, list[str]]:
    """Returns what a valid `images.zip` holds, and all that was wrong, one line each.

    A kernel that was stopped by a signal, as asked, must leave a valid `images.zip` too.
    """
    stops = [f for f in faults if FAULTS[f.name].signal and str(f) in ran.happened]
    failures = ending(ran, {FAULTS[stop.name].signal for stop in stops})
    if not faults and (why := (last_line(ran.output) or {}).get("stopped")):
        failures.append(f"ended before its time: {why}")  # with an archive, and so exit code 0
    if ran.survivors:
        failures.append(f"{ran.survivors} of its processes still ran after its end: killed")
    if changed:
        failures.append(f"changed what it was given: {some(changed)}")
    if extra := sorted(path.name for path in working.iterdir() if path.name != IMAGES):
        failures.append(f"left in the working folder beside {IMAGES}: {some(extra)}")
    for fault in faults:
        if FAULTS[fault.name].mounted is None and str(fault) not in ran.happened:
            failures.append(f"{fault} proves nothing: the kernel never came so far")
    when = "".join(f"{stop_words(stop)}: " for stop in stops[:1])
    if when and not (working / IMAGES).exists():
        return None, [*failures, f"{when}no {IMAGES} yet"]
    try:
        return asdict(archive.check(working / IMAGES, count=count)), failures
    except archive.ArchiveError as error:
        reason = str(error).removeprefix(f"{working / IMAGES}: ")
        return None, [*failures, f"{when}{IMAGES}: {reason}"]


def stop_words(stop: Fault) -> str:
    """How and when the session was stopped, as asked."""
    number = FAULTS[stop.name].signal or 0
    how = "killed" if number == signal.SIGKILL else f"stopped by {signal_name(number)}"
    return f"{how} at {stop.number:g} s"


def ending(ran: Run, signals: set[int | None]) -> list[str]:
    """What was wrong with the way in which the kernel ended; it got these signals, as asked.

    A kernel ends by a signal at once, or by itself with an exit code that tells of it, or well.
    """
    if ran.stopped:
        return [f"{ran.stopped}: killed, as on Kaggle"]
    if -ran.exit_code in signals or ran.exit_code - 128 in signals:
        return []
    if ran.exit_code < 0:
        return [f"ended by signal {-ran.exit_code} ({signal_name(-ran.exit_code)})"]
    if ran.exit_code > 0:
        return [f"exit code {ran.exit_code}: {last_words(ran)}"]
    if last_line(ran.output) is None:
        return ["its last line on standard output is not the result, a JSON object"]
    return []


def last_words(ran: Run) -> str:
    """The end of its log: of what it wrote on standard error, or else anywhere."""
    for lines in (ran.errors, ran.log):
        if said := [line.strip() for line in lines if line.strip()]:
            return said[-1][:LONGEST]
    return "its log is empty"


def signal_name(number: int) -> str:
    """A signal's name, where it has one."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return "of no name"
