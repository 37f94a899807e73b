"""Miniature projects, and the interpreters in which their kernels run."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import build_kernel

MakeProject = Callable[[dict[str, str | bytes]], Path]


def runnable() -> list[str]:
    found = {".".join(map(str, sys.version_info[:2])): sys.executable}
    for version in ("3.11", "3.12", "3.13"):
        path = shutil.which(f"python{version}")
        if path and version not in found:
            answer = subprocess.run([path, "-c", ""], capture_output=True, check=False)
            if answer.returncode == 0:  # a version manager's stub may have nothing behind it
                found[version] = path
    return [found[version] for version in sorted(found)]


@pytest.fixture(params=runnable())
def python(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def project(tmp_path: Path) -> MakeProject:
    """Writes files below a root; the packages of the entry are there without asking."""

    def make(files: dict[str, str | bytes]) -> Path:
        root = tmp_path / "project"
        for name, content in {"local/__init__.py": "", **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        return root

    return make


@pytest.fixture
def bundle() -> Callable[[Path], build_kernel.Bundle]:
    def make(root: Path) -> build_kernel.Bundle:
        recipe = {"recipe": {"name": "mini", "rate": 0.5}, "hours": 9.0}
        return build_kernel.bundle(root, "local.kernel", recipe, "python build_kernel.py")

    return make


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., SimpleNamespace]:
    """Runs a kernel's text as `src/script.py`, in an empty folder and a clean interpreter.

    `opening` gets the five lines that every kernel prints first, `out` all that follows.
    """

    def start(
        text: str,
        python: str = sys.executable,
        options: tuple[str, ...] = ("-I",),
        seconds: float = 60,
        **variables: str,
    ) -> SimpleNamespace:
        script = tmp_path / "src" / "script.py"
        script.parent.mkdir(exist_ok=True)
        script.write_bytes(text.encode())
        working = tmp_path / "working"
        working.mkdir(exist_ok=True)
        answer = subprocess.run(
            [python, *options, str(script)],
            cwd=working,
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )
        lines = answer.stdout.splitlines(keepends=True)
        return SimpleNamespace(
            code=answer.returncode,
            opening="".join(lines[:5]),
            out="".join(lines[5:]),
            err=answer.stderr,
            script=script,
        )

    return start
