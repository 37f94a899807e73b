"""The list of one's submissions on Kaggle, and how many more it takes today."""

import math
import re
from dataclasses import dataclass
from typing import Any

from submission import client

PENDING, COMPLETE, ERROR = "PENDING", "COMPLETE", "ERROR"
STATES = re.compile(rf"{PENDING}|{COMPLETE}|{ERROR}")
PAGE = "100"  # newest first; Kaggle takes few a day
NONE_YET = "No submissions found"


@dataclass(frozen=True)
class Entry:
    """A submission.

    Attributes:
        id: Kaggle's.
        state: PENDING, COMPLETE or ERROR.
        message: that was given with it.
        public: score; None where Kaggle shows none.
        private: score, the same.
        error: Kaggle's words about one that failed.
    """

    id: str
    state: str
    message: str
    public: float | None
    private: float | None
    error: str


def listed() -> list[Entry]:
    """All that were submitted, newest first; asks once, and raises as `client.ask`.

    From what the client exchanges with Kaggle: its table leaves out why a submission failed.
    """
    said = client.ask("competitions", "submissions", client.COMPETITION, "--page-size", PAGE)
    body = said.body("ListSubmissions")
    if not body and NONE_YET not in said.text:
        raise client.Failed(f"kaggle competitions submissions says {said.text[:80]!r}")
    return [_entry(each) for each in body.get("submissions") or []]


def left_today() -> int | None:
    """How many submissions Kaggle still takes today; None where it does not say.

    Before the first one, and for who is in no team, it counts nothing and says 0 of everything.

    Raises:
        As `client.ask`.
    """
    words = ("competitions", "submission-limits", client.COMPETITION, "--json")
    body = client.persist(lambda: client.ask(*words)).body("GetSubmissionLimits")
    left = body.get("numAllowedNow", 0)
    return left if left or body.get("numToday") else None


def _entry(each: dict[str, Any]) -> Entry:
    state = STATES.search(str(each.get("status", "")).upper())
    return Entry(
        str(each.get("ref")),
        state[0] if state else PENDING,
        str(each.get("description") or ""),
        _score(each.get("publicScore")),
        _score(each.get("privateScore")),
        " ".join(str(each.get("errorDescription") or "").split()),
    )


def _score(text: object) -> float | None:
    try:
        score = float(str(text))
    except ValueError:
        return None
    return score if math.isfinite(score) else None
