"""What Kaggle's client wrote, sorted: its own words, and its exchanges with Kaggle.

Run with `VERBOSE`, the client also prints every request and answer: status, message and Retry-After
are read there. The requests carry credentials; they are dropped here, unread.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from submission import credentials

EXCHANGE = re.compile(
    r"-{21}(?P<kind>Request|Response)-{21,22}\n(?P<text>.*?)(?:\n-{50}(?:\n|\Z)|\Z)", re.DOTALL
)
DOWNLOAD = re.compile(r'^DEBUG:urllib3\.\S+ "GET (\S+) HTTP/[\d.]+" (\d{3})', re.MULTILINE)
LOGGED = re.compile(r"^(?:DEBUG|INFO):.*\n?", re.MULTILINE)
OWN_WARNING = re.compile(
    r"^Warning: (?:Your Kaggle API key|Looks like you're using).*\n?", re.MULTILINE
)
# Advice of its own below an error, from 2.2.5 on; what to do is said here for this competition.
ADVICE = re.compile(
    r"\n\n(?:You don't have access to|The resource was not found|You have been rate limited"
    r"|This is a problem on Kaggle's side|If this is unexpected, you can re-run).*\Z",
    re.DOTALL,
)
EXPIRED = "Ignoring invalid/expired access token"


@dataclass(frozen=True)
class Exchange:
    """A request to Kaggle's API and its answer.

    Attributes:
        method: such as `SaveKernel`.
        status: HTTP's; None: no answer came.
        wait: seconds that the answer asks to wait, 0 where it does not.
        body: the answer; empty where that was not a JSON object.
    """

    method: str
    status: int | None = None
    wait: float = 0.0
    body: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Said:
    """What the client said, without requests, debugging lines, its advice and secrets.

    Attributes:
        code: the exit code; None: it was ended at its time limit.
        text: its standard output.
        errors: its standard error.
        exchanges: with Kaggle's API, in their order.
        downloads: the last status of each file that it fetched; before it, tries that 2.2.5 mended.
        expired: it met a token that is no longer valid.
    """

    code: int | None
    text: str
    errors: str
    exchanges: tuple[Exchange, ...] = ()
    downloads: tuple[int, ...] = ()
    expired: bool = False

    def body(self, method: str) -> dict[str, Any]:
        """The last answer to a method; empty where there was none."""
        answers = [each.body for each in self.exchanges if each.method == method]
        return answers[-1] if answers else {}


def read(code: int | None, stdout: str, stderr: str) -> Said:
    """Sorts what the client wrote."""
    stdout, stderr = credentials.hidden(stdout), credentials.hidden(stderr)
    return Said(
        code,
        OWN_WARNING.sub("", EXCHANGE.sub("", stdout)).strip(),
        ADVICE.sub("", LOGGED.sub("", stderr).strip()),
        tuple(_exchanges(stdout)),
        tuple(int(status) for status in dict(DOWNLOAD.findall(stderr)).values()),
        EXPIRED in stderr,
    )


def _exchanges(stdout: str) -> list[Exchange]:
    found: list[Exchange] = []
    for match in EXCHANGE.finditer(stdout):
        top, _, body = match["text"].partition("\n\n")
        if match["kind"] == "Request":
            address = top.split("\n")[0]
            found.append(Exchange(address.rpartition("/")[2]))
        elif found:
            status, *lines = top.split("\n")
            found[-1] = Exchange(found[-1].method, int(status), _wait(lines), _object(body))
    return found


def _wait(headers: list[str]) -> float:
    """Seconds that Retry-After asks for, which may name a date; 0 where it asks for nothing."""
    parts = (header.partition(":") for header in headers)
    values = {name.lower(): value.strip() for name, _, value in parts}
    asked = values.get("retry-after", "")
    if asked.isdecimal():
        return float(asked)
    until = _date(asked)
    now = _date(values.get("date", "")) or datetime.now(UTC)  # Kaggle's clock may not be ours
    return max((until - now).total_seconds(), 0.0) if until else 0.0


def _date(text: str) -> datetime | None:
    """A header's date (RFC 9110, 5.6.7), which is always GMT; None where it is none."""
    try:
        return parsedate_to_datetime(text).replace(tzinfo=UTC)
    except (ValueError, TypeError):
        return None


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}
