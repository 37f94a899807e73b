"""A kernel on Kaggle: its latest version, its session, its log, and a push, by the client's words.

Kaggle answers for the latest version of a kernel only, whatever version is asked for.
"""

import hashlib
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from local.errors import InputError
from submission import client
from submission.printed import parse_events

COMPLETE = "COMPLETE"
FINAL = (COMPLETE, "ERROR", "CANCEL_ACKNOWLEDGED")  # from here on the output stays as it is
BUSY = ("QUEUED", "RUNNING", "CANCEL_REQUESTED")  # a session that takes a GPU, or is about to

STATE = re.compile(r'has status "(?:\w+\.)?(\w+)"')  # older clients: lower case, no enum's name
FAILURE = re.compile(r'^Failure message: "(.*)"$', re.MULTILINE | re.DOTALL)
PUSHED = re.compile(r"Kernel version (?:(\d+) )?successfully pushed\.\s+.* at (\S+)")
PUSH_ERROR = re.compile(r"^Kernel push error: (.*)", re.MULTILINE | re.DOTALL)
INVALID = re.compile(r"^The following are not valid (.+?) and could\s+not be added.*?: (.*)$", re.M)


@dataclass(frozen=True)
class Session:
    """What the latest version's session is in: `state` in Kaggle's words, upper case."""

    state: str
    failure: str  # Kaggle's message about a failed one, mostly empty

    @property
    def ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.state in FINAL


@dataclass(frozen=True)
class Latest:
    """A kernel's latest version: its number (None: Kaggle does not say), its source's SHA-256."""

    version: int | None
    sha256: str


@dataclass(frozen=True)
class Saved:
    """A push that Kaggle took: the version (None: it does not say), and where it can be seen.

    `invalid` names what Kaggle left out of it: sources that it does not know.
    """

    version: int | None
    url: str
    invalid: tuple[str, ...] = ()


def page(kernel: str) -> str:
    """The address of a kernel for people."""
    return f"https://www.kaggle.com/code/{kernel}"


def unknown(kernel: str) -> InputError:
    """The error of a kernel that `latest` does not find."""
    return InputError(
        f"Kaggle shows you no kernel {kernel}: check owner and slug at {page(kernel)}"
    )


def session(kernel: str) -> Session:
    """The session of a kernel's latest version; raises as `client.ask`."""
    said = client.ask("kernels", "status", kernel)
    state = STATE.search(said.text)
    if not state:
        raise client.Failed(f"kaggle kernels status {kernel} says {said.text[:80]!r}")
    failure = FAILURE.search(said.text)
    return Session(state[1].upper(), failure[1].strip() if failure else "")


def latest(kernel: str) -> Latest | None:
    """A kernel's latest version; None: there is no such kernel yet. Raises as `client.ask`."""
    with tempfile.TemporaryDirectory(prefix="dogs-") as folder:
        try:
            said = client.ask("kernels", "pull", kernel, "-p", folder)
        except client.Refused as error:
            if error.no_kernel:
                return None
            raise
    body = said.body("GetKernel")
    number = (body.get("metadata") or {}).get("currentVersionNumber")
    source = (body.get("blob") or {}).get("source") or ""
    version = number if isinstance(number, int) else None
    return Latest(version, hashlib.sha256(source.encode()).hexdigest())


def log(kernel: str) -> list[str]:
    """The lines of the latest session's log, as far as Kaggle has it; raises as `client.ask`."""
    return parse_events(client.ask("kernels", "logs", kernel).text)


def gpu_hours_left() -> tuple[float, str] | None:
    """GPU hours left of this week's, and when they are renewed (UTC); None: Kaggle does not say.

    Raises:
        As `client.ask`.
    """
    for row in client.table("quota"):
        if row.get("resource") == "GPU":
            left = re.match(r"[\d.]+", str(row.get("remaining")))
            renewed = str(row.get("refreshAt") or "").removesuffix("+00:00")  # 2.2.5 writes it out
            return (float(left[0]), renewed) if left else None
    return None


def save(folder: Path, seconds: int) -> Saved:
    """Pushes once; Kaggle runs it for at most `seconds`.

    Raises:
        client.Refused: Kaggle does not take it; the client's exit code says nothing of that.
        As `client.ask`, too; after Unreachable without a status nobody knows whether it was taken.
    """
    said = client.ask("kernels", "push", "-p", str(folder), "-t", str(seconds))
    if error := PUSH_ERROR.search(said.text):
        raise client.Refused(refusal(" ".join(error[1].split())))
    pushed = PUSHED.search(said.text)
    if not pushed:
        raise client.Failed(f"kaggle kernels push says {said.text[-200:]!r}")
    invalid = tuple(f"{kind}: {names}" for kind, names in INVALID.findall(said.text))
    return Saved(int(pushed[1]) if pushed[1] else None, pushed[2], invalid)


def refusal(why: str) -> str:
    """What to do about a refused push, by the reason that Kaggle gives."""
    if re.search("session count|maximum batch", why, re.IGNORECASE):
        what = "wait for a running session, or stop one at https://www.kaggle.com/code (Active)"
    elif re.search("not found", why, re.IGNORECASE):
        what = "check `id` in the metadata: the owner must be you, the slug the title's"
    elif re.search("quota", why, re.IGNORECASE):
        what = "`kaggle quota` says when it is renewed"
    else:
        what = client.permission(why)
    return f"Kaggle refuses the push ({why}): {what}"
