"""The embedded data: drawn dogs, made once, for whoever names no data."""

import hashlib
import sys
from pathlib import Path

from local.data import doodle, drawing
from local.project import CACHE

COUNT = 4000


def data_path(named: Path | None) -> Path:
    """The data that a user named, else the folder of drawn dogs."""
    return named or drawn_dogs()


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
