"""Prints the first lines of the log: what the kernel was made from, and what it runs on.

`build_kernel.py` copies this file into `kernel.py`. It uses the standard library only and asks for
versions without importing a package: torch takes seconds to import, and may fail to.
"""

import os
import platform
from importlib import metadata
from typing import Any

PACKAGES = ("torch", "torchvision", "numpy", "Pillow", "safetensors", "tqdm")


def announce(build: dict[str, Any]) -> None:
    """Prints one line each about the command, commit, recipe, limit and versions."""
    recipe = " ".join(f"{key}={value}" for key, value in build["recipe"].items())
    limit = f"{build['hours']:g} h"
    if seconds := os.environ.get("KERNEL_SECONDS"):
        limit = f"{seconds} s by KERNEL_SECONDS, in place of {limit}"
    versions = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    print(f"command: {build['command']}")
    print(f"commit: {build['commit']}, dirty: {build['dirty']}")
    print(f"recipe: {recipe}")
    print(f"limit: {limit}")
    print(f"versions: Python {platform.python_version()}, {versions}", flush=True)


def version(package: str) -> str:
    """Returns the installed version; a kernel may do without the package."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "missing"
