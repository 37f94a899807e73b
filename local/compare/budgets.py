"""The budget that a run had in comparisons: it may grow, and what is spent is not spent again.

A clock alone cannot tell whether a run has spent its time: it ends where one more step would not
fit, and how long a step takes is forgotten when the process ends.
"""

import json
from pathlib import Path
from typing import Any

from local.atomic import replacing
from local.errors import InputError
from local.train.clock import Budget

FILE = "budget.json"


def said(budget: Budget) -> str:
    """The budget for people."""
    if budget.seconds is not None:
        return f"{budget.seconds / 60:g} minutes"
    return f"{budget.steps:,} steps"


def check(run: Path, budget: Budget) -> None:
    """Makes sure that the run has had no more than this.

    Raises:
        InputError: it has, or its budget was of the other kind.
    """
    had = _read(run).get("budget")
    if had is None:
        return
    before = Budget(had["seconds"], had["steps"])
    grows = (before.seconds is None) == (budget.seconds is None) and (
        (before.seconds or 0) <= (budget.seconds or 0)
        and (before.steps or 0) <= (budget.steps or 0)
    )
    if not grows:
        raise InputError(
            f"{run} had a budget of {said(before)}, which can become more of the same but not"
            f" {said(budget)}; name another --out"
        )


def note(run: Path, budget: Budget, ended_at: int | None = None) -> None:
    """Writes down what the run may spend; `ended_at` is the step at which it was spent."""
    about = {"budget": {"seconds": budget.seconds, "steps": budget.steps}, "ended_at": ended_at}
    with replacing(run / FILE) as partial:
        partial.write_text(json.dumps(about) + "\n")


def spent(run: Path, budget: Budget, steps: int) -> bool:
    """Whether a run that stands at `steps` has spent this budget."""
    about = {"budget": {"seconds": budget.seconds, "steps": budget.steps}, "ended_at": steps}
    return _read(run) == about


def _read(run: Path) -> dict[str, Any]:
    """What was written; nothing where the file is not there or damaged."""
    try:
        about = json.loads((run / FILE).read_text())
        return about if about["budget"].keys() == {"seconds", "steps"} else {}
    except (OSError, ValueError, TypeError, LookupError, AttributeError):
        return {}
