"""What `--data` means: a path, a set's name to download, or nothing, for drawn dogs."""

import hashlib
import sys
from pathlib import Path

from local.data import doodle, drawing
from local.data.downloads import SETS, downloaded
from local.project import CACHE

COUNT = 4000


def data_path(named: Path | None) -> Path:
    """The data that a user named, by path or as a set to download; else the drawn dogs.

    Raises:
        InputError: the set cannot be downloaded.
    """
    if named is None:
        return drawn_dogs()
    if str(named) in SETS and not named.exists():
        return downloaded(str(named), CACHE)
    return named


def drawn_dogs() -> Path:
    """A folder of drawn dogs in the competition's layout, made where it is not there yet."""
    # The name changes with the code that draws, so that no stale dogs are used.
    sources = [Path(doodle.__file__), *sorted(Path(drawing.__file__).parent.glob("*.py"))]
    code = hashlib.sha256(b"".join(source.read_bytes() for source in sources))
    folder = CACHE / f"drawn-dogs-{code.hexdigest()[:8]}"
    if not folder.exists():
        print(f"no data named: drawing {COUNT:,} dogs", file=sys.stderr, flush=True)
        doodle.write(folder, COUNT)
    return folder
