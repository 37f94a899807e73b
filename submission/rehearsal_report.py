"""The result of a rehearsal, for people and for programs."""

from dataclasses import dataclass
from typing import Any

MIB = 2**20


@dataclass(frozen=True)
class Report:
    """What a rehearsal saw. `dataclasses.asdict` gives what JSON can hold."""

    ok: bool
    failures: list[str]  # one line each, in plain words; empty when ok
    isolation: dict[str, str]  # what the kernel was cut off from, and by which means
    limit: float  # seconds allowed
    total_seconds: float  # from the start of the kernel's interpreter to its end
    seconds: dict[str, float]  # by phase, as the kernel counted them; empty without its last line
    exit_code: int  # negative: ended by that signal
    peak_memory: int  # bytes, all processes of the kernel together
    pictures: int  # that it was given
    archive: dict[str, Any] | None  # what images.zip holds; None where it is not valid
    result: dict[str, Any]  # the kernel's last line; empty where that is none
    log: list[str]  # all that the kernel printed
    out: str | None  # where images.zip was left


def text(report: Report) -> str:
    """Renders a report as a table, the verdict last."""
    rows = [(f"isolation: {piece}", words) for piece, words in report.isolation.items()]
    rows += [("data", f"{report.pictures:,} pictures, in Kaggle's layout")]
    rows += [(f"time: {phase}", f"{took:.1f} s") for phase, took in report.seconds.items()]
    rows += [("time: all", f"{report.total_seconds:.1f} s of {report.limit:g} s")]
    rows += [("peak memory", f"{report.peak_memory / MIB:,.0f} MiB, all processes together")]
    if report.archive:
        size = report.archive["bytes"] / MIB
        rows += [("images.zip", f"{report.archive['images']:,} pictures, {size:.1f} MiB")]
    if report.out:
        rows += [("left at", report.out)]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    if report.ok:
        lines.append("passed: this kernel does on Kaggle's terms what it must")
    else:
        lines += [f"failed: {failure}" for failure in report.failures]
    return "\n".join(lines)
