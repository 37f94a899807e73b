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

AWKWARD = {
    "plain": b'"""Doc."""\n\nX = 1\n',
    "empty": b"",
    "single triple quotes": b"X = '''a'''\n",
    "both triple quotes": b"X = '''a''' + \"\"\"b'\\n\"\"\" + ''''c'''\n",
    "ends in a quote": b"X = 'a'",
    "ends in triple quotes": b"X = '''a'''",
    "ends in a backslash": b"X = 1  # \\",
    "backslashes": b"X = '\\\\n\\'' + r'\\d' + '\\N{BULLET}'\n",
    "carriage returns": b'X = """a\r\nb"""\r\nY = 2\r\n',
    "byte order mark": b"\xef\xbb\xbfX = 1\n",
    "no final newline": b"X = 1",
    "first line empty": b"\n\nX = 1\n",
    "not ASCII": "X = 'Größe 犬 \U0001f415 \u2028'\n".encode(),
    "form feed": b"X = 1\n\x0c\nY = 2\n",
    "braces": b"X = f'{1}{{}}' + '%s {x}'\n",
    "one newline": b"\n",
    "two newlines at the end": b"X = 1\n\n",
    "like a prompt": b"...\nX = 1\n... or 1\n",
    "like a magic": b"X = 7\nY = 9 \\\n%X\n",
}


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


@pytest.fixture(params=AWKWARD.values(), ids=AWKWARD.keys())
def source(request: pytest.FixtureRequest) -> bytes:
    return request.param


@pytest.fixture
def awkward() -> dict[str, bytes]:
    """Sources of which each is hard to carry to the byte."""
    return AWKWARD


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
def bundle() -> Callable[..., build_kernel.Bundle]:
    def make(root: Path, as_notebook: bool = False) -> build_kernel.Bundle:
        recipe = {"recipe": {"name": "mini", "rate": 0.5}, "hours": 9.0}
        command = "python build_kernel.py"
        return build_kernel.bundle(root, "local.kernel", recipe, command, as_notebook)

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
