"""Where a version's output lies: here from an earlier pull, or fetched now."""

from dataclasses import dataclass
from pathlib import Path

from local.errors import InputError
from local.progress import say
from local.project import ROOT
from submission import kernels
from submission.archive import IMAGES
from submission.ledger import VERSION, Ledger, Row
from submission.ledger_rows import digest
from submission.pull_download import download, ended, newest
from submission.version_row import row_of

FOLDER = ROOT / "runs" / "kernels"


@dataclass(frozen=True)
class Fetched:
    """A version's output.

    Attributes:
        folder: with the output and the log.
        state: of the session, in Kaggle's words; None where nobody knows any more.
        source: SHA-256 of what was pushed; None where it was not asked for again.
    """

    version: int
    folder: Path
    state: str | None
    source: str | None


def fetch(kernel: str, version: int | None, out: Path | None, seconds: float) -> Fetched:
    """Returns a version's output, of the latest one for None; arguments and errors as `pull`."""
    source = None
    if version is None:
        version, source = latest(kernel, None)
    folder = place(kernel, version, out)
    if row := _kept(kernel, version, folder):
        say(f"submission: {kernel} version {version} lies here already, in {folder}")
        return Fetched(version, folder, row.state, source)
    if source is None:
        _, source = latest(kernel, version)
    state = ended(kernel)
    download(kernel, version, folder, seconds)
    return Fetched(version, folder, state, source)


def latest(kernel: str, wanted: int | None) -> tuple[int, str]:
    """The latest version, which must be the wanted one, and its source's SHA-256.

    Where Kaggle does not say its number, the ledger knows it by the source, or else the user.

    Raises:
        InputError: another version is wanted, or nobody knows the number.
        As `client.ask`.
    """
    found = newest(kernel)
    version = found.version
    if version is None:
        rows = Ledger().find(kind=VERSION, kernel=kernel, source_sha256=found.sha256)
        version = rows[-1].version if rows else wanted
    if version is None:
        raise InputError(f"Kaggle does not say which version of {kernel} is the latest: --version")
    if wanted not in (None, version):
        raise InputError(
            f"version {wanted} of {kernel} is not the latest, {version} is, and Kaggle gives out "
            f"the latest one's output alone: leave --version out, or see {kernels.page(kernel)}"
        )
    return version, found.sha256


def place(kernel: str, version: int, out: Path | None) -> Path:
    """The folder of a version's output."""
    return (out or FOLDER / kernel / f"v{version}").resolve()


def _kept(kernel: str, version: int, folder: Path) -> Row | None:
    """The row of a version whose output lies in its folder, put there by a pull.

    Raises:
        InputError: the archive is another one by now.
    """
    row = row_of(kernel, version)
    if row is None or row.place != str(folder) or not folder.is_dir():
        return None
    images = folder / IMAGES
    if (digest(images) if images.is_file() else None) != row.images_sha256:
        raise InputError(f"{images} has changed since its pull: remove {folder}, and pull again")
    return row
