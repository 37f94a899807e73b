"""Real features, computed once: kept by the content of the pictures, the network and the rules."""

import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import PIL

from mifid.errors import InputError, WorkError
from mifid.features import Features, load, save
from mifid.network import Network
from mifid.pictures import Pictures
from mifid.processes import ALONE, Team
from mifid.published import cache_folder

FORMAT = 2  # raise it whenever the same pictures would give other features


def folder() -> Path:
    """Return where cached features lie."""
    return cache_folder() / "features"


def cached(
    pictures: Pictures, network: Network, compute: Callable[[], Features], team: Team = ALONE
) -> Features:
    """Return the features that are kept for these pictures and this network, else compute them.

    A cache that cannot be read or written costs time, never the result. Of a ``team``, only the
    first process reads and writes it, and the others get their shares from there.
    """
    file = folder() / f"{_key(pictures, network, team)}.npz"
    kept, *_ = team.gather(file.is_file())
    if kept:
        try:
            return load(file, team=team)
        except InputError as error:
            print(f"mifid: warning: {error}; computing it anew", file=sys.stderr)
    features = compute()
    if team.leads:
        with suppress(OSError):  # without the folder, saving says so
            file.parent.mkdir(parents=True, exist_ok=True)
    try:
        save(features, file)
    except (InputError, WorkError) as error:
        print(f"mifid: warning: the features are not kept ({error})", file=sys.stderr)
    return features


def listing() -> list[tuple[str, int]]:
    """Return name and size in bytes of all that is kept."""
    return sorted((file.name, file.stat().st_size) for file in folder().glob("*.npz"))


def clear() -> int:
    """Remove all that is kept; return the number of files."""
    files = list(folder().glob("*.npz"))
    for file in files:
        file.unlink()
    return len(files)


def _key(pictures: Pictures, network: Network, team: Team) -> str:
    """Return a hash of everything that decides a feature, or the name in its row."""
    rules = [FORMAT, PIL.__version__, pictures.side, pictures.remarks]
    rules += [network.identity, network.profile.name, network.precision]
    mine = pictures.entries[team.share(len(pictures))]  # a folder's digests read every file
    parts = team.gather([(entry.name, entry.digest()) for entry in mine])
    content = [pair for part in parts for pair in part]
    return hashlib.sha256(json.dumps([rules, content]).encode()).hexdigest()[:32]
