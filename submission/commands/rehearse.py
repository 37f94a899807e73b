"""`python -m submission rehearse`: runs the built kernel as Kaggle would."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from local.commands.arguments import count, positive
from local.errors import InputError
from submission import rehearsal_staging
from submission.commands import Commands, command
from submission.commands.signals import ending_by_signal
from submission.faults import Fault
from submission.rehearsal_report import text
from submission.rehearsal_row import remember_rehearsal
from submission.rehearsal_staging import Staging
from submission.rehearse import rehearse

EXAMPLES = f"""\
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


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "runs the built kernel as Kaggle would, and judges what it leaves"
    parser = command(commands, "rehearse", run, about, EXAMPLES)
    parser.add_argument("--data", type=Path, metavar="PATH", help="default: drawn dogs")
    option = parser.add_argument
    option(
        "--limit", type=positive, required=True, metavar="SECONDS", help="which the kernel is told"
    )
    option(
        "--kernel", type=Path, default=Path("kernel/kernel.py"), metavar="FILE", help="built file"
    )
    option("--out", type=Path, metavar="ZIP", help="keeps the images.zip here")
    option(
        "--memory", type=positive, metavar="GIB", help="limit (default: Kaggle's 30, or all here)"
    )
    option("--cpus", type=count, metavar="N", help="processors (default: Kaggle's 4, or all here)")
    option("--speed", type=positive, default=1.0, metavar="N", help="the clock runs N times faster")
    option("--kill-at", type=positive, metavar="S", help="the same as --inject sigkill@S")
    option("--inject", action="append", default=[], metavar="FAULT", help="lets a fault happen")
    option("settings", nargs="*", metavar="images=N", help="writes N pictures (default 10,000)")


def run(options: argparse.Namespace) -> int:
    """Runs the built kernel as Kaggle would."""
    if options.out and options.out.is_dir():
        raise InputError(f"{options.out} is a folder; name a file")
    faults = [rehearsal_staging.fault(named) for named in options.inject]
    if options.kill_at:
        faults.append(Fault("sigkill", options.kill_at))
    images = rehearsal_staging.images(options.settings)
    with ending_by_signal("rehearsal"):
        report = rehearse(
            options.kernel,
            options.data,
            options.limit,
            out=options.out,
            memory=options.memory,
            processors=options.cpus,
            staging=Staging(options.speed, images, tuple(faults)),
        )
        remember_rehearsal(options.kernel, report)
    print(json.dumps(asdict(report)) if options.json else text(report))
    return 0 if report.ok else 1
