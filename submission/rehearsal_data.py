"""The data of a rehearsal: mounted in Kaggle's layout, and proven unchanged."""

import hashlib
from pathlib import Path

from local.data import competition, default

COMPETITION = "generative-dog-images"


def mount(data: Path | None, folder: Path) -> None:
    """Writes the data below `folder` where Kaggle mounts it; None: drawn dogs.

    Raises:
        InputError: the data cannot be used.
    """
    competition.write_kaggle_layout(default.data_path(data), folder / COMPETITION)


def count(folder: Path) -> int:
    """Returns the number of pictures that are mounted below `folder`."""
    return sum(path.is_file() for path in (folder / COMPETITION / "all-dogs").rglob("*"))


def manifest(folders: list[Path]) -> dict[str, str]:
    """Returns a content hash of every file in some folders, by path; folders count too."""
    hashes = {}
    for top in folders:
        for path in top.rglob("*"):
            name = path.relative_to(top.parent).as_posix()
            hashes[name] = "folder"
            if path.is_file():
                with path.open("rb") as file:
                    hashes[name] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashes


def differences(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """Names what was added, removed or changed between two manifests."""
    return sorted(
        name for name in before.keys() | after.keys() if before.get(name) != after.get(name)
    )
