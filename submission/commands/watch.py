"""`python -m submission watch`: waits for the end of a session on Kaggle."""

import argparse
import json
from dataclasses import asdict

from local.commands.arguments import positive
from local.progress import say
from local.project import ROOT
from submission.commands import Commands, command
from submission.commands.kernel import add_kernel, kernel_of
from submission.commands.signals import ending_by_signal
from submission.watch import Watched, watch
from submission.words import moment

EXAMPLES = """\
examples:
  python -m submission watch
  python -m submission watch yourname/generative-dogs-best-dcgan --timeout 3600"""
LONGEST = 13 * 3600.0  # seconds: a session of 12 hours, and an hour in the queue


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "waits for the end of a session on Kaggle, and says how it goes"
    parser = command(commands, "watch", run, about, EXAMPLES)
    add_kernel(parser)
    parser.add_argument(
        "--timeout", type=positive, metavar="S", help="gives up after S seconds (default: 13 hours)"
    )


def run(options: argparse.Namespace) -> int:
    """Waits for the end of a session."""
    return follow(kernel_of(options), options.timeout, options.json)


def follow(kernel: str, seconds: float | None, as_json: bool, version: int | None = None) -> int:
    """Watches a kernel and prints how its session ended; returns 0 for a complete one, else 1."""
    # The client that follows the log must not outlive this; the session on Kaggle does.
    with ending_by_signal("watch (the session on Kaggle goes on)"):
        watched = watch(ROOT, kernel, seconds or LONGEST, version)
    print(json.dumps(asdict(watched)) if as_json else text(watched))
    for each in watched.log:
        say(f"  {each}")
    return 0 if watched.ok else 1


def text(watched: Watched) -> str:
    """How it ended, for people."""
    version = "" if watched.version is None else f" version {watched.version}"
    after = "" if watched.seconds is None else f", {moment(watched.seconds)} after the push"
    lines = [f"{watched.kernel}{version}: {watched.state}{after}"]
    lines += [f"  Kaggle says: {watched.failure}"] if watched.failure else []
    lines += ["next: python -m submission pull"] if watched.ok else []
    return "\n".join(lines)
