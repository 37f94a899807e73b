"""`python -m submission COMMAND`: a submission's life, from the check to the leaderboard."""

import argparse
import contextlib
import json
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from types import FrameType

from local.commands.arguments import Parser, count, output, positive
from local.errors import InputError, guarded
from local.pictures import save_png, sheet
from submission import archive, rehearsal_staging
from submission.faults import Fault
from submission.rehearsal_report import text
from submission.rehearsal_staging import Staging
from submission.rehearse import rehearse

CHECK = """\
examples:
  python -m submission check images.zip
  python -m submission check runs/first/images.zip --sheet sheet.png --json"""
REHEARSE = f"""\
examples:
  python -m submission rehearse --limit 300
  python -m submission rehearse --data generative-dog-images.zip --limit 1200 --out images.zip
  python -m submission rehearse --limit 32400 --speed 100 images=500
  python -m submission rehearse --limit 60 --inject sigterm@30
Run `python build_kernel.py` first: the built file is what runs.

faults (S: seconds after the start; N: the Nth training step):
{rehearsal_staging.FAULTS_HELP}
--speed, images=, --inject and --kill-at stage what no session does by itself: such a rehearsal
proves less than a plain one."""
SHEET = 64  # pictures
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def check(options: argparse.Namespace) -> int:
    """Verifies an archive."""
    if options.sheet:
        output(options.sheet)
    summary = archive.check(options.zip, options.count, options.size)
    if options.sheet:
        save_png(sheet(archive.pixels(options.zip, SHEET)), options.sheet)
    if options.json:
        print(json.dumps(asdict(summary)))
        return 0
    pixels = f"{summary.size}x{summary.size}"
    print(f"{options.zip}: {summary.images:,} RGB PNGs of {pixels}, {summary.bytes:,} bytes: valid")
    for key, value in summary.comment.items():
        print(f"  {key:10}{json.dumps(value)}")
    return 0


def run_rehearsal(options: argparse.Namespace) -> int:
    """Runs the built kernel as Kaggle would."""
    if options.out and options.out.is_dir():
        raise InputError(f"{options.out} is a folder; name a file")
    faults = [rehearsal_staging.fault(named) for named in options.inject]
    if options.kill_at:
        faults.append(Fault("sigkill", options.kill_at))
    images = rehearsal_staging.images(options.settings)
    with ending_by_signal():
        report = rehearse(
            options.kernel,
            options.data,
            options.limit,
            out=options.out,
            memory=options.memory,
            processors=options.cpus,
            staging=Staging(options.speed, images, tuple(faults)),
        )
    print(json.dumps(asdict(report)) if options.json else text(report))
    return 0 if report.ok else 1


@contextlib.contextmanager
def ending_by_signal() -> Iterator[None]:
    """Within this context the first signal that asks for an end lets all be cleaned up.

    Those that follow are ignored, or they would break the cleaning up off.
    """
    usual = {number: signal.getsignal(number) for number in END_SIGNALS}

    def end(number: int, frame: FrameType | None) -> None:
        for each in usual:
            signal.signal(each, signal.SIG_IGN)
        print(f"submission: rehearsal ended by {signal.Signals(number).name}", file=sys.stderr)
        raise SystemExit(128 + number)

    for number, handler in usual.items():
        if handler != signal.SIG_IGN:  # as `nohup` asks for
            signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog="python -m submission", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = _add(commands, "check", check, "verifies an images.zip", CHECK)
    command.add_argument("zip", type=Path, metavar="ZIP")
    command.add_argument("--count", type=count, default=archive.COUNT, help="pictures (10,000)")
    command.add_argument("--size", type=count, default=archive.SIZE, help="pixels a side (64)")
    command.add_argument("--sheet", type=Path, metavar="PNG", help="writes the first 64 pictures")

    about = "runs the built kernel as Kaggle would, and judges what it leaves"
    command = _add(commands, "rehearse", run_rehearsal, about, REHEARSE)
    command.add_argument("--data", type=Path, metavar="PATH", help="default: drawn dogs")
    add = command.add_argument
    add("--limit", type=positive, required=True, metavar="SECONDS", help="which the kernel is told")
    add("--kernel", type=Path, default=Path("kernel/kernel.py"), metavar="FILE", help="built file")
    add("--out", type=Path, metavar="ZIP", help="keeps the images.zip here")
    add("--memory", type=positive, metavar="GIB", help="limit (default: Kaggle's 30, or all here)")
    add("--cpus", type=count, metavar="N", help="processors (default: Kaggle's 4, or all here)")
    add("--speed", type=positive, default=1.0, metavar="N", help="the clock runs N times faster")
    add("--kill-at", type=positive, metavar="S", help="the same as --inject sigkill@S")
    add("--inject", action="append", default=[], metavar="FAULT", help="lets a fault happen")
    add("settings", nargs="*", metavar="images=N", help="writes N pictures (default 10,000)")
    return parser


def _add(
    commands: "argparse._SubParsersAction[Parser]",
    name: str,
    function: Callable[[argparse.Namespace], int],
    about: str,
    examples: str,
) -> argparse.ArgumentParser:
    command = commands.add_parser(
        name,
        help=about,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--json", action="store_true", help="prints JSON, for programs")
    command.set_defaults(function=function)
    return command


def main(words: list[str]) -> int:
    """Runs a command; returns the exit code."""
    options = _parser().parse_args(words)
    bad_input = InputError, archive.ArchiveError
    return guarded("submission", lambda: int(options.function(options)), bad_input)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
