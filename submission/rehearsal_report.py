"""The result of a rehearsal, for people and for programs."""

from dataclasses import dataclass
from typing import Any

from submission.archive import IMAGES
from submission.rehearsal_staging import words

MIB = 2**20
BAR = 30  # characters for the whole limit
UNCOUNTED, SPARE = "uncounted", "spare"


@dataclass(frozen=True)
class Span:
    """A part of the time that was given."""

    phase: str
    seconds: float  # on the kernel's clock
    share: float  # of the limit


@dataclass(frozen=True)
class Report:
    """What a rehearsal saw. `dataclasses.asdict` gives what JSON can hold.

    Times are on the kernel's clock, which runs `staged["speed"]` times as fast as real time.
    """

    ok: bool
    failures: list[str]  # one line each, in plain words; empty when ok
    kernel_sha256: str  # of the bytes that ran
    staged: dict[str, Any]  # what differs from a session on Kaggle; empty: a plain rehearsal
    isolation: dict[str, str]  # what the kernel was cut off from, and by which means
    limit: float  # seconds allowed
    total_seconds: float  # from the start of the kernel's interpreter to its end
    real_seconds: float  # the same in real time
    seconds: dict[str, float]  # by phase, as the kernel counted them; empty without its last line
    timeline: list[Span]  # the phases, what they do not count, and what was left of the limit
    exit_code: int  # negative: ended by that signal
    peak_memory: int  # bytes, all processes of the kernel together
    memory_limit: float  # GiB
    pictures: int  # that it was given
    archive: dict[str, Any] | None  # what images.zip holds; None where it is not valid
    result: dict[str, Any]  # the kernel's last line; empty where that is none
    log: list[str]  # all that the kernel printed
    out: str | None  # where images.zip was left


def timeline(phases: dict[str, float], total: float, limit: float) -> list[Span]:
    """Divides a limit into the kernel's phases, the rest of its run, and what it left over.

    The rest is the interpreter's start and end, or all of a kernel that did not report.
    """
    rest = {
        UNCOUNTED: max(total - sum(phases.values()), 0.0),
        SPARE: max(limit - total, 0.0),
    }
    return [Span(name, took, took / limit) for name, took in (phases | rest).items()]


def text(report: Report) -> str:
    """Renders a report as a table, the verdict last."""
    rows = [(f"isolation: {piece}", means) for piece, means in report.isolation.items()]
    rows += [("kernel", f"sha256 {report.kernel_sha256}")]
    if report.staged:
        rows += [("staged", f"{words(report.staged)}: proves less than a plain rehearsal")]
    rows += [("data", f"{report.pictures:,} pictures, in Kaggle's layout")]
    peak = f"{report.peak_memory / MIB:,.0f} MiB of {report.memory_limit:.3g} GiB"
    rows += [("peak memory", f"{peak}, all processes together")]
    if report.archive:
        size = report.archive["bytes"] / MIB
        rows += [(IMAGES, f"{report.archive['images']:,} pictures, {size:.1f} MiB")]
    if report.out:
        rows += [("left at", report.out)]
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    return "\n".join([*lines, "", *budget(report), "", *verdict(report)])


def budget(report: Report) -> list[str]:
    """Renders where the time went: a line a phase, with its share of the limit as a bar."""
    speed = report.staged.get("speed")
    title = f"{report.total_seconds:,.1f} s of {report.limit:,g} s"
    if speed:
        title += f"; in real time {report.real_seconds:,.1f} s, {speed:g} times less"
    width = max(len(span.phase) for span in report.timeline)
    lines = [f"{'time':<{width}}  {title}"]
    for span in report.timeline:
        real = f"  real {span.seconds / speed:>8,.2f} s" if speed else ""
        bar = ("." if span.phase == SPARE else "#") * min(round(BAR * span.share), BAR)
        row = f"{span.phase:<{width}}  {span.seconds:>10,.1f} s  {span.share:>6.1%}{real}  {bar}"
        lines.append(row.rstrip())
    return lines


def verdict(report: Report) -> list[str]:
    """Renders whether it passed, or each thing that was wrong."""
    if report.failures:
        return [f"failed: {failure}" for failure in report.failures]
    if report.staged:
        return [f"passed, staged with {words(report.staged)}; a plain rehearsal is still needed"]
    return ["passed: this kernel does on Kaggle's terms what it must"]
