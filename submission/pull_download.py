"""A version's output from Kaggle, in place whole or not at all."""

import shutil
from pathlib import Path

from local.errors import InputError
from local.lock import exclusive
from local.progress import say
from submission import client, credentials, kernels
from submission.kernels import Latest


def newest(kernel: str) -> Latest:
    """A kernel's latest version.

    Raises:
        InputError: Kaggle shows no such kernel.
        As `client.ask`.
    """
    latest = client.persist(lambda: kernels.latest(kernel))
    if latest is None:
        raise kernels.unknown(kernel)
    return latest


def ended(kernel: str) -> str:
    """The state of a kernel's latest version.

    Raises:
        InputError: it has not ended.
        As `client.ask`.
    """
    session = client.persist(lambda: kernels.session(kernel))
    if not session.ended:
        raise InputError(
            f"{kernel} is {session.state}, and has its output when it ends: python -m submission"
            " watch"
        )
    return session.state


def download(kernel: str, version: int, folder: Path, seconds: float) -> None:
    """Fetches the output of the latest version, which must be this one, all pages of it.

    The files that a broken attempt has fetched whole stay in a hidden folder beside, and the next
    one goes on from there.

    Args:
        kernel: `owner/slug`.
        version: its latest.
        folder: takes the output; must not be there, or be empty.
        seconds: after which an attempt is ended, and made again.

    Raises:
        InputError: the folder is there, another process fetches it, or another version was pushed
            in the meantime.
        As `client.ask`.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder} is there, and no download of this version: remove it, or --out")
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        partial.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{partial}: no folder to fill ({error.strerror})") from None
    with exclusive(partial):
        say(f"submission: fetching the output of {kernel} version {version}")
        _fetch(kernel, partial, seconds)
        now = newest(kernel).version
        if now is not None and now != version:
            shutil.rmtree(partial)
            raise InputError(
                f"version {now} of {kernel} was pushed in the meantime, and Kaggle gives out the "
                f"latest one's output alone: see {kernels.page(kernel)}"
            )
        _hide_secrets(partial / f"{kernel.partition('/')[2]}.log")
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)


def _hide_secrets(log: Path) -> None:
    """A log holds whatever the kernel printed; what is secret here must not be kept with it."""
    if log.is_file():
        text = log.read_text("utf-8", errors="surrogateescape")
        if (safe := credentials.hidden(text)) != text:
            log.write_text(safe, "utf-8", errors="surrogateescape")


def _fetch(kernel: str, partial: Path, seconds: float) -> None:
    """Fetches until all that Kaggle lists is there.

    The client skips what lies there whole. But before 2.2.5 it takes an answer like 500 for a
    file's content, so that after such an answer everything is fetched anew.
    """
    anew: list[str] = []

    def attempt() -> client.Said:
        words = ("kernels", "output", kernel, "-p", str(partial), *anew)
        try:
            return client.ask(*words, seconds=seconds)
        except client.Unreachable as error:
            if error.status is not None:
                anew[:] = ["--force"]
            raise

    try:
        said = client.persist(attempt)
    except (client.Refused, client.Failed) as error:
        if anew or not isinstance(error, client.Unreachable):
            shutil.rmtree(partial)
        raise
    missing = [name for name in _listed(said) if not (partial / name).is_file()]
    if missing:
        raise client.Failed(f"{kernel}: {missing[0]} did not come: pull again")


def _listed(said: client.Said) -> list[str]:
    """The names of all files of the output, page by page."""
    pages = [each.body for each in said.exchanges if each.method == "ListKernelSessionOutput"]
    return [str(file["fileName"]) for page in pages for file in page.get("files") or []]
