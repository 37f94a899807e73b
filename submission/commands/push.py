"""`python -m submission push`: sends the built kernel to Kaggle, which runs it."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from local.progress import say
from local.project import ROOT
from submission.commands import Commands, command, watch
from submission.push import Pushed, push
from submission.words import moment

EXAMPLES = """\
examples:
  python build_kernel.py && python -m submission rehearse --limit 300
  python -m submission push
  python -m submission push --wait
  python -m submission push --allow-dirty --force"""


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "sends the built kernel to Kaggle, after checks, and remembers it"
    parser = command(commands, "push", run, about, EXAMPLES)
    option = parser.add_argument
    option(
        "-p", "--path", type=Path, metavar="DIR", help="folder of the metadata (default: kernel)"
    )
    option("--allow-dirty", action="store_true", help="with uncommitted changes, which is noted")
    option("--force", action="store_true", help="without a rehearsal, which is noted")
    option("--wait", action="store_true", help="then watches the session to its end")


def run(options: argparse.Namespace) -> int:
    """Sends the built kernel to Kaggle."""
    folder = options.path or ROOT / "kernel"
    pushed = push(ROOT, folder, allow_dirty=options.allow_dirty, force=options.force)
    print(json.dumps(asdict(pushed)) if options.json else text(pushed), flush=True)
    if pushed.untagged:
        say(f"warning: not tagged: {pushed.untagged}")
    if options.wait:
        return watch.follow(pushed.kernel, None, options.json, pushed.version)
    return 0


def text(pushed: Pushed) -> str:
    """What was pushed, for people."""
    version = "" if pushed.version is None else f" version {pushed.version}"
    commit = pushed.commit[:12] if pushed.commit else "unknown"
    lines = [
        f"{pushed.kernel}{version}: pushed, {pushed.url}",
        f"  session  at most {moment(pushed.seconds)}",
        f"  commit   {commit}{f', tagged {pushed.tag}' if pushed.tag else ''}",
    ]
    lines += [f"  forced   {pushed.forced}"] if pushed.forced else []
    lines += [f"  ledger   row {pushed.row}"] if pushed.row else []
    return "\n".join([*lines, "next: python -m submission watch"])
