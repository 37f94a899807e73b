"""What went wrong on the way to Kaggle: errors that say what to do, and which to try again."""

import re

from local.errors import InputError
from submission import credentials
from submission.client_output import Exchange, Said

INSTALL = "pip install --upgrade -r requirements.txt"
COMPETITION = "generative-dog-images"
RULES = f"https://www.kaggle.com/competitions/{COMPETITION}/rules"
PHONE = "https://www.kaggle.com/settings (Phone Verification)"

STATUS = re.compile(r"\b([45]\d\d) (?:Client|Server) Error")
WRONG_USE = re.compile(r"invalid choice|unrecognized arguments|expected one argument")
NETWORK = re.compile(
    r"Max retries exceeded|Connection (?:aborted|broken|refused|reset)|RemoteDisconnected"
    r"|NameResolution|timed out|IncompleteRead|ProxyError|SSLError|Network is unreachable"
)
NOT_SEEN = "kernels.get"  # the permission that Kaggle names, with a 403, for what is not there
LOGGED_OUT = "Authentication required to call the Kaggle API"


class Refused(InputError):
    """Kaggle says no, and the user can mend it.

    Attributes:
        status: HTTP's; None: there was no answer.
        why: Kaggle's own words, empty where it has none.
    """

    def __init__(self, message: str, status: int | None = None, why: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.why = why

    @property
    def no_kernel(self) -> bool:
        """Whether there is no kernel of that name, or none that the user may see."""
        return self.status == 404 or NOT_SEEN in self.why


class Failed(OSError):
    """The client failed in a way that nobody can mend from here."""


class Unreachable(Failed):
    """Kaggle did not do it this time: the network, or Kaggle's own trouble. May be tried again.

    Attributes:
        status: HTTP's; None: no answer came, and nobody knows whether Kaggle did what was asked.
        wait: seconds that Kaggle asks for, 0 where it does not.
    """

    def __init__(self, message: str, status: int | None = None, wait: float = 0.0) -> None:
        super().__init__(message)
        self.status = status
        self.wait = wait


def trouble(said: Said, command: str, seconds: float) -> Exception | None:
    """The error that what the client said amounts to; None where it did its work."""
    if said.code is None:
        return Unreachable(f"no answer from Kaggle in {seconds:g} s ({command})")
    if bad := [status for status in said.downloads if status >= 400]:  # exit code 0 before 2.2.5
        # Its address was signed for a while only: asked again, Kaggle gives another.
        return Unreachable(f"a file did not come ({bad[0]}; {command})", bad[0])
    if said.code == 0:
        return None
    if said.code == 2 and WRONG_USE.search(said.errors):
        return InputError(f"this version of Kaggle's client is too old for `{command}`: {INSTALL}")
    last = said.exchanges[-1] if said.exchanges else Exchange("", _printed(said.errors))
    if last.status and last.status >= 400:
        why = str(last.body.get("message") or _last(said.errors))
        return answered(last.status, why, last.wait, command)
    return unanswered(said, command, bool(said.exchanges) and last.status is None)


def unanswered(said: Said, command: str, lost: bool) -> Exception:
    """The error of a client that failed without an error of Kaggle's; `lost`: no answer came."""
    if LOGGED_OUT in said.text:
        return logged_out(said.expired)
    if lost or NETWORK.search(said.errors):
        cause = _last(said.errors).rpartition("(Caused by ")[2]
        return Unreachable(f"no connection to Kaggle ({command}): {_short(cause)}")
    return Failed(f"{command} failed: {_short(_last(said.errors or said.text))}")


def answered(status: int, why: str, wait: float, command: str) -> Exception:
    """The error for an answer of Kaggle's with a status from 400 on."""
    why = _short(why)
    if status == 429:
        return Unreachable(f"Kaggle is asked too often (429: {why})", status, wait)
    if status >= 500:
        return Unreachable(f"Kaggle has trouble of its own ({status}: {why})", status, wait)
    if status == 401:
        found = credentials.find()
        where = f" in {found.source}" if found else ""
        return Refused(
            f"Kaggle does not take the credentials{where} (401): {credentials.NEW_TOKEN}",
            status,
            why,
        )
    if status == 403:
        told = f"Kaggle does not allow `{command}` (403: {why}): {permission(why)}"
        return Refused(told, status, why)
    if status == 404:
        return Refused(
            f"Kaggle does not know what `{command}` names (404: {why}): check owner and slug, `id` "
            "in kernel/kernel-metadata.json (python build_kernel.py --owner USER)",
            status,
            why,
        )
    return Refused(f"Kaggle refuses `{command}` ({status}: {why})", status, why)


def permission(why: str) -> str:
    """What to do when Kaggle does not allow something, by what it says."""
    rules = f"open {RULES} and click Late Submission or Join, then I Understand and Accept"
    phone = f"GPUs need a phone number: {PHONE}"
    names = "check owner and slug, `id` in kernel/kernel-metadata.json, which must be your own"
    if re.search(r"\brules?\b", why, re.IGNORECASE):
        return rules
    if re.search(r"phone|verif", why, re.IGNORECASE):
        return phone
    if NOT_SEEN in why:
        return names
    return f"{names}; {rules}; {phone}"


def logged_out(expired: bool) -> Exception:
    """The error for credentials that are missing, or that have come to their end."""
    found = credentials.find()
    if found is None:
        return Refused(f"no credentials for Kaggle: {credentials.NEW_TOKEN}")
    state = "has expired or is not valid" if expired else "is not taken by the client"
    return Refused(f"what {found.source} holds {state}: {credentials.NEW_TOKEN}", 401)


def _printed(errors: str) -> int | None:
    """The status in words of an error, of a client that does not print what it exchanges."""
    found = STATUS.search(errors)
    return int(found[1]) if found else None


def _last(text: str) -> str:
    return (text.strip().splitlines() or ["it says nothing"])[-1]


def _short(text: str) -> str:
    """One line of at most 200 characters."""
    line = " ".join(text.split())
    return line if len(line) <= 200 else line[:199] + "…"
