"""Facts about the checkout, for the commands around the kernel."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CACHE = Path(os.environ.get("DOGS_CACHE") or ROOT / ".cache")


@dataclass(frozen=True)
class Tree:
    """A checkout: its commit (None: no git), and whether a file differs from it."""

    commit: str | None
    dirty: bool | None


def tree(root: Path = ROOT) -> Tree:
    """The state of a checkout."""

    def git(*words: str) -> str:
        # Without the lock that `status` takes for its own sake, and that another git would meet.
        command = ["git", "--no-optional-locks", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return Tree(git("rev-parse", "HEAD"), bool(git("status", "--porcelain")))
    except (OSError, subprocess.CalledProcessError):
        return Tree(None, None)


def commit() -> str:
    """This checkout's commit, with `+` where files have changed since; `unknown` without git."""
    state = tree()
    return state.commit + "+" * bool(state.dirty) if state.commit else "unknown"
