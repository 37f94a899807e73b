"""Fetching the graph: from a local server and from files, right ones and wrong ones."""

import io
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest

from mifid import fetch as module
from mifid import published
from mifid.__main__ import main
from mifid.errors import InputError, WorkError
from mifid.fetch import fetch
from mifid.graph import git_blob_id

GRAPH = b"the graph" * 1000


class Served(NamedTuple):
    url: str
    archive: Path
    ids: dict[str, str]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as file:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """A server with an archive like the published one, and the ids of what it has."""
    folder = tmp_path / "served"
    folder.mkdir()
    members = {"./LICENSE": b"text", f"./{published.GRAPH_NAME}": GRAPH, "../../out": b"escape"}
    archive = tar(folder / "inception.tgz", members)
    (folder / "graph.pb").write_bytes(GRAPH)
    ids = {"archive_id": git_blob_id(archive), "graph_id": git_blob_id(folder / "graph.pb")}
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Served(f"http://127.0.0.1:{server.server_port}/inception.tgz", archive, ids)
    server.shutdown()
    server.server_close()


def left_in(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir()) if target.parent.exists() else []


def test_download_is_verified_and_unpacked(served: Served) -> None:
    target = published.cached_graph()
    assert fetch(target, url=served.url, **served.ids)
    assert target.read_bytes() == GRAPH
    assert left_in(target) == [published.GRAPH_NAME]
    # A second time asks nobody: this address would fail.
    assert not fetch(target, url="http://127.0.0.1:9/none", **served.ids)


def test_damaged_graph_in_the_cache_is_replaced(served: Served) -> None:
    target = published.cached_graph()
    target.parent.mkdir(parents=True)
    target.write_bytes(GRAPH[:-1])
    assert fetch(target, url=served.url, **served.ids)
    assert target.read_bytes() == GRAPH


@pytest.mark.parametrize("name", ["inception.tgz", "graph.pb"])
def test_from_a_file(served: Served, name: str) -> None:
    target = published.cached_graph()
    assert fetch(target, source=served.archive.with_name(name), **served.ids)
    assert target.read_bytes() == GRAPH


def test_wrong_download_leaves_nothing(served: Served) -> None:
    target = published.cached_graph()
    with pytest.raises(WorkError, match="neither the published archive"):
        fetch(target, url=served.url, archive_id="0" * 40, graph_id=served.ids["graph_id"])
    assert left_in(target) == []


def test_right_archive_with_a_wrong_graph_leaves_nothing(served: Served) -> None:
    target = published.cached_graph()
    with pytest.raises(WorkError, match="holds another"):
        fetch(target, url=served.url, archive_id=served.ids["archive_id"], graph_id="0" * 40)
    assert left_in(target) == []


@pytest.mark.parametrize("content", [b"no archive", b""])
def test_archive_that_cannot_be_unpacked(served: Served, content: bytes) -> None:
    served.archive.write_bytes(content)
    ids = {**served.ids, "archive_id": git_blob_id(served.archive)}
    with pytest.raises(WorkError, match="cannot be unpacked"):
        fetch(published.cached_graph(), url=served.url, **ids)


def test_archive_without_the_graph(served: Served) -> None:
    tar(served.archive, {"other.pb": GRAPH})
    ids = {**served.ids, "archive_id": git_blob_id(served.archive)}
    with pytest.raises(WorkError, match="holds no classify_image"):
        fetch(published.cached_graph(), url=served.url, **ids)


def test_endless_download_is_cut(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 20)
    target = published.cached_graph()
    with pytest.raises(WorkError, match="far larger"):
        fetch(target, url=served.url, **served.ids)
    assert left_in(target) == []


def test_wrong_file_is_wrong_input(served: Served) -> None:
    with pytest.raises(InputError, match="neither the published archive"):
        fetch(published.cached_graph(), source=served.archive)


@pytest.mark.parametrize("path", ["/inception.tgz", "/missing.tgz"])
def test_command_says_what_to_do(served: Served, path: str, capsys: pytest.CaptureFixture) -> None:
    url = served.url.replace("/inception.tgz", path)
    assert main(["fetch", "--url", url]) == 1  # another archive than the published one, or none
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert left_in(published.cached_graph()) == []


def test_offline(capsys: pytest.CaptureFixture) -> None:
    assert main(["fetch", "--url", "http://127.0.0.1:9/inception.tgz"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    for advice in ("by hand", "--from FILE", str(published.cached_graph()), "--graph"):
        assert advice in err
