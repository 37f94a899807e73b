"""`python -m submission submit`: hands a version's pictures in, and waits for the score."""

import argparse
import json
from dataclasses import asdict

from local.commands.arguments import count, positive
from submission.commands import Commands, command
from submission.commands.kernel import add_kernel, kernel_of
from submission.pull_fetch import latest
from submission.submit import Submitted, submit

EXAMPLES = """\
examples:
  python -m submission submit
  python -m submission submit --version 3 -m "crops of the head alone"
  python -m submission submit yourname/generative-dogs-best-dcgan --version 3 --timeout 600
Once submitted, the same command waits on for the score, and does not submit again."""
LONGEST = 2 * 3600.0  # seconds


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "submits a version's images.zip and waits for Kaggle's score"
    parser = command(commands, "submit", run, about, EXAMPLES)
    option = parser.add_argument
    add_kernel(parser)
    option("--version", type=count, metavar="N", help="default: the latest on Kaggle")
    option("-m", "--message", help="beside the score on Kaggle (default: what it was made from)")
    option("--timeout", type=positive, metavar="S", help="waits S seconds at most (2 hours)")
    option("--force", action="store_true", help="though the check failed, or once more; is noted")


def run(options: argparse.Namespace) -> int:
    """Hands a version's pictures in."""
    kernel = kernel_of(options)
    version = options.version or latest(kernel, None)[0]
    seconds = options.timeout or LONGEST
    submitted = submit(kernel, version, options.message, seconds, force=options.force)
    print(json.dumps(asdict(submitted)) if options.json else text(submitted))
    return 0


def text(submitted: Submitted) -> str:
    """The scores, for people."""
    scores = {"public": submitted.public, "private": submitted.private}
    lines = [
        f"{submitted.kernel} version {submitted.version}: scored",
        f"  submission {submitted.submission}",
    ]
    lines += [
        f"  {name:<10} {'not shown by Kaggle' if score is None else score}"
        for name, score in scores.items()
    ]
    lines += [f"  ledger     row {submitted.row}"] if submitted.row else []
    return "\n".join([*lines, "next: python -m submission history"])
