"""The modules that an exported app needs, found by following its imports, as the bundler does."""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from build_kernel import Module, imports, load, locate
from local.project import ROOT

ENTRY = "local.export.space"
APP = "app.py"  # its name in the folder
PACKAGES = {"PIL": "pillow"}  # what is installed under another name than it is imported by
# PyTorch for the CPU alone is a tenth as large. pip takes it where it finds both.
SMALL_TORCH = """\
# For a CPU; on a machine with a GPU drop the next line.
--extra-index-url https://download.pytorch.org/whl/cpu
"""
REQUIREMENT = re.compile(r"[A-Za-z0-9._-]+")


@dataclass(frozen=True)
class Code:
    """An app's code: its modules by path, and the packages that they import."""

    files: dict[str, bytes]
    packages: list[str]


def collect(entry: str = ENTRY) -> Code:
    """All that the entry imports, directly or not; the entry itself is APP."""
    first = load(ROOT, entry, "the app")
    found, packages = {APP: first.source}, set()
    pending = [first]
    while pending:
        for name in _imported(pending.pop()):
            top = name.partition(".")[0]
            if locate(ROOT, top) is None:
                if top not in sys.stdlib_module_names:
                    packages.add(PACKAGES.get(top, top))
                continue
            path = locate(ROOT, name)
            if path and path.as_posix() not in found:
                module = load(ROOT, name, f"the app's {entry}")
                found[module.path] = module.source
                pending.append(module)
    return Code(dict(sorted(found.items())), sorted(packages))


def requirements(packages: list[str]) -> str:
    """The packages with the project's own lower bounds, a line each."""
    known = {}
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        requirement = line.partition("#")[0].strip()
        if match := REQUIREMENT.match(requirement):
            known[match[0]] = requirement
    return SMALL_TORCH + "".join(f"{known.get(name, name)}\n" for name in packages)


def _imported(module: Module) -> list[str]:
    """Names of the modules that an import runs, packages before what is in them.

    One of them may be a name in a module, which `locate` does not find.
    """
    names = []
    for found in imports(module):
        parts = found.name.split(".")
        names += [".".join(parts[: end + 1]) for end in range(len(parts))]
    return names


def write(code: Code, folder: Path) -> None:
    """Writes the modules below a folder."""
    for path, source in code.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(source)
