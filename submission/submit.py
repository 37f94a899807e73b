"""Submits a version's archive, and waits for Kaggle's score of it."""

from dataclasses import dataclass

from local.errors import InputError
from local.lock import exclusive
from local.progress import say
from submission import client
from submission.ledger import Ledger, Row, sparing
from submission.pace import Pace, TimedOut
from submission.submit_list import ERROR, PENDING, Entry, left_today, listed
from submission.submit_send import PAGE, send
from submission.version_row import remember, row_of
from submission.words import moment

INVALID, AGAIN = "submitted though not valid", "submitted once more"  # what --force overrides


@dataclass(frozen=True)
class Submitted:
    """A version with Kaggle's scores; None: Kaggle shows none.

    Attributes:
        kernel: `owner/slug`.
        submission: Kaggle's id of it.
        row: of the ledger; None where that could not be written.
    """

    kernel: str
    version: int
    submission: str
    public: float | None
    private: float | None
    row: int | None


def submit(
    kernel: str, version: int, message: str | None, seconds: float, *, force: bool = False
) -> Submitted:
    """Submits a version, unless that was done already, and waits for its score.

    Args:
        kernel: `owner/slug`.
        version: of it; any that is complete on Kaggle.
        message: stands beside the score on Kaggle; None: version, recipe and commit.
        seconds: to wait for the score.
        force: goes on with a version whose check failed, or that was submitted before.

    Raises:
        InputError: it is not valid, no more are taken today, or another process is submitting.
        TimedOut: there is no score yet.
        client.Failed: Kaggle could not score it, or takes none at all.
        As `client.ask`.
    """
    folder = Ledger().file.parent
    folder.mkdir(parents=True, exist_ok=True)
    with exclusive(folder):  # two at once would both find nothing in the list, and both submit
        name = submitted_once(kernel, version, message, force)
    entry = wait(name, seconds)
    if entry.state == ERROR:
        said = f"Kaggle could not score {name}: {entry.error or 'it does not say why'}"
        note(kernel, version, said)
        raise client.Failed(f"{said}; see {PAGE}")
    row = remember(kernel, version, public=entry.public, private=entry.private)
    return Submitted(
        kernel, version, name, entry.public, entry.private, row.number if row else None
    )


def submitted_once(kernel: str, version: int, message: str | None, force: bool) -> str:
    """Submits a version, unless that was done already; returns Kaggle's id of the submission.

    Raises:
        As `submit`.
    """
    row = row_of(kernel, version)
    if row and row.submission and not force:
        _say_before(version, row.submission)
        return row.submission
    forced = check(row, version, force)
    name = hand_in(kernel, version, stamped(kernel, version, message, row), force)
    remember(kernel, version, submission=name, public=None, private=None, forced=forced)
    return name


def check(row: Row | None, version: int, force: bool) -> str | None:
    """Looks for reasons against a version; returns all that was overridden so far, in words.

    Raises:
        InputError: it is not valid.
    """
    pull = f"python -m submission pull --version {version}"
    if row is None or row.ok is None:
        say(f"warning: nobody has looked at what version {version} made: {pull}")
    elif not row.ok and not force:
        raise InputError(f"version {version} is no valid submission: {pull} says why; or --force")
    overridden = row.forced.split(", ") if row and row.forced else []
    overridden += [INVALID] if row and row.ok is False else []
    overridden += [AGAIN] if row and row.submission else []
    return ", ".join(dict.fromkeys(overridden)) or None


def hand_in(kernel: str, version: int, message: str, force: bool) -> str:
    """Submits, unless Kaggle's list has this version already, of which a ledger may not know.

    Returns Kaggle's id of the submission.

    Raises:
        As `submit`.
    """
    entries = client.persist(listed)
    ours = stamp(kernel, version)
    same = [e.id for e in entries if e.message == ours or e.message.startswith(f"{ours}: ")]
    if same and not force:
        _say_before(version, same[0])
        return same[0]
    if left_today() == 0:
        raise InputError("no submissions are left today: try again tomorrow (UTC)")
    name = send(kernel, version, message, {entry.id for entry in entries})
    say(f"submission: {kernel} version {version} is submitted, as {name}")
    return name


def stamped(kernel: str, version: int, message: str | None, row: Row | None) -> str:
    """The message for Kaggle."""
    words = [row.recipe] if row and row.recipe else []
    words += [row.commit[:12] + "+" * bool(row.dirty)] if row and row.commit else []
    return ": ".join(filter(None, [stamp(kernel, version), message or ", ".join(words)]))


def stamp(kernel: str, version: int) -> str:
    """The beginning of a message, by which the version is known again."""
    return f"{kernel} v{version}"


def _say_before(version: int, name: str) -> None:
    say(f"submission: version {version} was submitted, as {name}; once more: --force")


def note(kernel: str, version: int, said: str) -> None:
    """Adds to a row's note what Kaggle said, once."""
    with sparing():
        row = row_of(kernel, version)
        notes = row.note.split("; ") if row and row.note else []
        remember(kernel, version, note="; ".join(dict.fromkeys([*notes, said])))


def wait(name: str, seconds: float) -> Entry:
    """Looks at a submission at a pace that Kaggle likes, until it is scored or has failed.

    Raises:
        TimedOut: it is not.
        As `client.ask`, but for a lost network.
    """
    pace = Pace(seconds)
    while True:
        try:
            found = [entry for entry in listed() if entry.id == name]
        except client.Unreachable as error:
            say(f"submission: {error}; Kaggle goes on, and so does this")
            pace.lost(error)
        else:
            if found and found[0].state != PENDING:
                return found[0]
            say(f"submission: {name} is {PENDING if found else 'not in the list yet'}")
            pace.seen(changed=False)
        if not pace.wait():
            raise TimedOut(
                f"{name} has no score after {moment(seconds)}: python -m submission submit waits "
                f"on, and does not submit again; or see {PAGE}"
            )
