"""One submission, once and for certain; what Kaggle says against it, in plain words."""

import re

from local.errors import InputError
from local.progress import say
from submission import client
from submission.archive import IMAGES
from submission.submit_list import listed

SETTLING = 30.0  # seconds that a submission gets to show in Kaggle's list
PAGE = f"https://www.kaggle.com/competitions/{client.COMPETITION}/submissions"
SPENT = re.compile(r"allowance|daily|per day|today|tomorrow|submission limit", re.IGNORECASE)
CLOSED = re.compile(
    r"closed|deadline|has ended|is over|no longer|late submission|not accept", re.IGNORECASE
)


def send(kernel: str, version: int, message: str, before: set[str]) -> str:
    """Submits a version's archive, once; returns Kaggle's id of the submission.

    Whether a submission without an answer was taken, Kaggle's list says.

    Args:
        kernel: `owner/slug`.
        version: of it.
        message: by which it is known again.
        before: the ids in the list so far.

    Raises:
        InputError: no more are taken today.
        client.Failed: none are taken at all, or nobody knows whether this one was.
        As `client.ask`.
    """
    try:
        return client.once(
            lambda: _create(kernel, version, message), lambda: _taken(before, message)
        )
    except client.Refused as error:
        raise explained(error) from None


def explained(error: client.Refused) -> Exception:
    """The error of a submission that Kaggle does not take, with what it means where that is known.

    What Kaggle says of a competition that is over was not seen: its words are looked through.
    """
    words = f"{error.status}: {error.why}" if error.status else error.why
    if SPENT.search(words):
        return InputError(f"Kaggle takes no more submissions today ({words}): try again tomorrow")
    if CLOSED.search(words):
        return client.Failed(
            f"Kaggle takes no submissions to {client.COMPETITION} any more ({words}); your scores "
            "are in the ledger all the same: python -m submission history"
        )
    if error.status == 404:
        return client.Failed(
            f"Kaggle has no such version to submit, or takes no submissions any more ({words}): "
            f"see {PAGE}"
        )
    return error


def _create(kernel: str, version: int, message: str) -> str:
    words = ("-k", kernel, "-v", str(version), "-f", IMAGES, f"--message={message}")
    said = client.ask("competitions", "submit", client.COMPETITION, *words)
    ref = said.body("CreateCodeSubmission").get("ref")
    if not ref:
        raise client.Failed(f"kaggle competitions submit says {said.text[-200:]!r}: see {PAGE}")
    return str(ref)


def _taken(before: set[str], message: str) -> str | None:
    """The submission that Kaggle took without an answer; None: it took none.

    Raises:
        client.Failed: there is a new one that may be another's.
    """
    client.pause(SETTLING)
    new = [entry for entry in client.persist(listed) if entry.id not in before]
    for entry in new:
        if entry.message.strip() == message.strip():
            say(f"submission: Kaggle took it all the same, as {entry.id}")
            return entry.id
    if new:
        raise client.Failed(
            f"no answer to the submission, and {new[0].id} is new and may be it: see {PAGE} before "
            "you submit again"
        )
    return None
