"""The interpreter of a rehearsal: it finds what a kernel may import, and nothing else.

The environment in which the kit is developed holds far more, and there an import would succeed that
fails on Kaggle. So the allowed packages, and what these need, are linked into a virtual environment
of their own, with the interpreter that runs this.
"""

import platform
import re
import sysconfig
import venv
from functools import cache
from importlib import metadata
from pathlib import Path

from build_kernel import THIRD_PARTY

DISTRIBUTIONS = {"PIL": "pillow"}  # whose name is not that of the import
REQUIREMENT = re.compile(r"([\w.-]+)\s*(?:\[([^]]*)\])?")  # name, extras
WORDS = (
    f"Python {platform.python_version()} -I, environment stripped; it finds only "
    f"{', '.join(sorted(THIRD_PARTY, key=str.lower))}, and what these need"
)
EXTRA = re.compile(r"extra\s*==\s*['\"]([\w.-]+)")


def make(folder: Path) -> Path:
    """Makes the environment in a folder that does not exist yet; returns its interpreter."""
    venv.EnvBuilder(symlinks=True).create(folder)
    packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder)}))
    for path in importable():
        link = packages / path.name
        if not link.exists():
            link.symlink_to(path)
    return folder / "bin" / "python"


@cache
def importable() -> list[Path]:
    """Everything at the top of a search path that belongs to the allowed packages."""
    found = set()
    for distribution in needed():
        tops = {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}
        found |= {Path(str(distribution.locate_file(top))) for top in tops}
    return sorted(found)


def needed() -> list[metadata.Distribution]:
    """The installed ones among the allowed packages and all that they require."""
    waiting = [(DISTRIBUTIONS.get(name, name), "") for name in THIRD_PARTY]
    seen: set[tuple[str, str]] = set()
    found = []
    while waiting:
        name, extras = waiting.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:  # for another system, or missing: an import says so
            continue
        found.append(distribution)
        for requirement in distribution.requires or []:
            only_for = set(EXTRA.findall(requirement))
            if (match := REQUIREMENT.match(requirement)) and (
                not only_for or only_for & set(re.split(r"\s*,\s*", extras))
            ):
                waiting.append((match[1], match[2] or ""))
    return found
