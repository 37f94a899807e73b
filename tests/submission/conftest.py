"""Miniature kernels and what they are rehearsed with; a Kaggle of one's own."""

import os
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from helpers import ROOT
from kaggle_server import KEY, USER, KaggleServer
from PIL import Image

from submission import client

WRITES_IMAGES = """
import json, os, sys, time, zipfile, zlib
from pathlib import Path

def png(number):
    from struct import pack
    rows = bytearray((1 + 64 * 3) * 64)
    rows[1:4] = number.to_bytes(3, "big")
    rows[4] = 255
    def chunk(kind, data):
        return pack(">I", len(data)) + kind + data + pack(">I", zlib.crc32(kind + data))
    header = pack(">IIBBBBB", 64, 64, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\\x89PNG\\r\\n\\x1a\\n" + body

def write(count):
    with zipfile.ZipFile("images.zip", "w") as archive:
        for number in range(count):
            archive.writestr(f"{number}.png", png(number))

def finish(count=5, **more):
    write(count)
    result = {"images": count, "seconds": {"start": 0.25, "train": 1.5}, **more}
    print(json.dumps(result), flush=True)

data = Path(os.environ["KAGGLE_INPUT"])
"""


@pytest.fixture(autouse=True)
def temporary(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A place of its own for temporary folders, which must be empty in the end."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    assert list(folder.iterdir()) == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "all-dogs"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (70, 70), (number, 0, 0)).save(folder / f"n02085620_{number}.jpg")
    return folder.parent


@pytest.fixture
def kernel(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a kernel that writes five pictures when its body calls `finish()`."""

    def make(body: str) -> Path:
        path = tmp_path / "kernel.py"
        path.write_text(WRITES_IMAGES + textwrap.dedent(body))
        return path

    return make


@pytest.fixture
def lives() -> Callable[[int], bool]:
    """Says whether a process runs; one that a slow init has not buried yet does not."""

    def answer(pid: int) -> bool:
        try:
            return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    return answer


@pytest.fixture
def carrying(kernel: Callable[[str], Path]) -> Callable[[dict[str, str], str], Path]:
    """Makes a kernel that carries modules, with the importer of the real one."""

    def make(sources: dict[str, str], body: str) -> Path:
        sources = {path: textwrap.dedent(text) for path, text in sources.items()}
        path = kernel("")
        with path.open("a") as file:
            file.write(f"SOURCES = {sources!r}\n")
            file.write((ROOT / "kernel" / "importer.py").read_text())
            file.write("install(SOURCES, __file__)\n" + textwrap.dedent(body))
        return path

    return make


@pytest.fixture
def kaggle_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home without credentials, and an environment without any of this machine's."""
    home = tmp_path / "home"
    home.mkdir()
    for name in list(os.environ):
        if name.startswith("KAGGLE_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def kaggle(kaggle_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KaggleServer]:
    """A server that the real client reaches, with credentials that it takes.

    Pauses of the code under test do not last; `waits` has their seconds.
    """
    server = KaggleServer()
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "LOCALHOST")
    monkeypatch.setenv("HTTP_PROXY", server.address)
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    monkeypatch.setattr(client, "pause", server.waits.append)
    yield server
    server.close()
