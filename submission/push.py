"""Pushes the built kernel to Kaggle, once and for certain, and remembers it."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from local.errors import InputError
from local.lock import exclusive
from local.progress import say
from local.project import Tree, tree
from submission import client, credentials, kernels, push_checks
from submission.kernels import Latest, Saved
from submission.ledger import VERSION, Ledger, sparing
from submission.ledger_rows import of_run
from submission.push_checks import Kernel
from submission.version_row import note_session, row_of

MARGIN = 900  # seconds of a session beyond the kernel's own deadline: its start, and its end
LONGEST = 12 * 3600  # seconds; Kaggle's sessions


class NotPushed(InputError):
    """There are reasons against a push; the message has one line each."""


@dataclass(frozen=True)
class Pushed:
    """A version that Kaggle runs.

    Attributes:
        kernel: `owner/slug`.
        seconds: that Kaggle gives the session.
        tag: of the commit; None where it got none, and `untagged` says why.
        row: of the ledger; None where that could not be written.
    """

    kernel: str
    version: int | None
    url: str
    seconds: int
    commit: str | None
    tag: str | None
    untagged: str | None
    forced: str | None
    row: int | None


def push(root: Path, folder: Path, *, allow_dirty: bool = False, force: bool = False) -> Pushed:
    """Pushes a folder's kernel after all checks.

    Args:
        root: of the project.
        folder: with `kernel-metadata.json`.
        allow_dirty: goes on with a tree that differs from its commit.
        force: goes on without a rehearsal.

    Raises:
        NotPushed: there are reasons against it.
        InputError: another process is about to push it.
        client.Failed: Kaggle took it without its data, or nobody knows whether it did.
        As `client.ask`.
    """
    kernel = push_checks.kernel_in(folder)
    with exclusive(folder):  # two at once would both find nothing against it, and both push
        state = tree(root)
        forced = check(root, kernel, state, allow_dirty=allow_dirty, force=force)
        seconds = session_seconds(kernel)
        saved = save(kernel, seconds)
        row = remember(kernel, saved, state, forced)
    if saved.invalid:
        raise client.Failed(
            f"{kernel.name} version {saved.version} runs without {'; '.join(saved.invalid)}: stop "
            f"it at {saved.url}, accept the rules ({client.RULES}), and push again"
        )
    tag, untagged = set_tag(root, kernel.name, saved.version, state)
    return Pushed(
        kernel.name, saved.version, saved.url, seconds, state.commit, tag, untagged, forced, row
    )


def check(root: Path, kernel: Kernel, state: Tree, *, allow_dirty: bool, force: bool) -> str | None:
    """Looks for reasons against a push; returns what was overridden, in words.

    Raises:
        NotPushed: with all reasons.
        As `client.ask`, where Kaggle cannot be asked and nothing else is wrong.
    """
    wrong = push_checks.here(root, kernel)
    overridden = []
    if state.dirty is not False:
        what = "no git commit" if state.commit is None else "uncommitted changes"
        overridden += [what] if allow_dirty else []
        wrong += [] if allow_dirty else [f"{root} has {what}: commit, or give --allow-dirty"]
    if fault := push_checks.rehearsal_fault(kernel):
        overridden += ["no rehearsal"] if force else []
        wrong += [] if force else [fault]
    for line in credentials.warnings():
        say(f"warning: {line}")
    try:
        credentials.require()
        more, warned = push_checks.on_kaggle(kernel)
        wrong += more
        for line in warned:
            say(f"warning: {line}")
    except InputError as error:
        wrong.append(str(error))
    except client.Failed:
        if not wrong:
            raise
    if wrong:
        raise NotPushed("\n".join(["not pushed", *(f"  {each}" for each in wrong)]))
    return ", ".join(overridden) or None


def session_seconds(kernel: Kernel) -> int:
    """What Kaggle should give the session: a little more than the kernel takes for itself."""
    return min(int(float(kernel.build["hours"]) * 3600) + MARGIN, LONGEST)


def save(kernel: Kernel, seconds: int) -> Saved:
    """Saves and runs it, once: whether a push without an answer was taken, its number says."""
    before = client.persist(lambda: kernels.latest(kernel.name))
    settle(kernel.name, before)

    def taken() -> Saved | None:
        now = kernels.latest(kernel.name)
        if now is None or (before and before.version == now.version and now.version is not None):
            return None
        if now.version is None:
            raise client.Failed(
                "no answer to the push, and Kaggle does not say which version is the latest: look "
                f"at {kernels.page(kernel.name)} before you push again"
            )
        if not kernel.is_notebook and now.sha256 != kernel.sha256:
            return None  # another's push; a notebook's text is the client's own
        say(f"submission: Kaggle took the push all the same: version {now.version}")
        return Saved(now.version, kernels.page(kernel.name))

    return client.once(lambda: kernels.save(kernel.folder, seconds), taken)


def settle(kernel: str, before: Latest | None) -> None:
    """Notes how the version before ended, where nobody has watched it to its end.

    Once there is a newer one Kaggle says nothing of it any more.
    """
    with sparing():
        row = row_of(kernel, before.version) if before and before.version else None
        if row and row.state not in kernels.FINAL:
            note_session(row, client.persist(lambda: kernels.session(kernel)))


def remember(kernel: Kernel, saved: Saved, state: Tree, forced: str | None) -> int | None:
    """Adds the ledger's row; returns its number, or None after a warning."""
    with sparing():
        # The kernel's own commit, by which its output is known again; later ones left it as it is.
        values = {"commit": state.commit} | of_run(kernel.build) | {"dirty": state.dirty}
        return Ledger().add(
            VERSION,
            **values,
            ok=False if saved.invalid else None,
            kernel=kernel.name,
            version=saved.version,
            source_sha256=kernel.sha256,
            state="QUEUED",
            forced=forced,
            note=f"without {'; '.join(saved.invalid)}" if saved.invalid else None,
        )
    return None


def set_tag(
    root: Path, kernel: str, version: int | None, state: Tree
) -> tuple[str | None, str | None]:
    """Tags the commit `kernel/v<N>`; returns the tag, or why there is none.

    Every kernel counts its own versions: where another one's has that tag, `kernel/<slug>/v<N>`.
    """
    if version is None or state.commit is None:
        return None, "Kaggle does not say which version it is" if state.commit else "no git"
    if state.dirty:
        return None, "what was pushed is in no commit"
    why = ""
    for tag in (f"kernel/v{version}", f"kernel/{kernel.partition('/')[2]}/v{version}"):
        command = ["git", "-C", str(root), "tag", tag, state.commit]
        tagged = subprocess.run(command, capture_output=True, text=True, check=False)
        if tagged.returncode == 0:
            return tag, None
        lines = tagged.stderr.strip().splitlines() or ["git tag failed"]
        why = lines[0].removeprefix("fatal: ")
        if "already exists" not in why:
            return None, why
    return None, f"{why}, and stays where it is"
