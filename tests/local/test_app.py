"""The page's server and its command: for anybody's requests, forged ones too, without a browser."""

import base64
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import numpy as np
import pytest
import torch
import untrained
from helpers import ROOT, refused
from PIL import Image

from local import judging, project, runs
from local.__main__ import main
from local.commands import train
from local.data import default
from local.data.prepared import TrainingSet
from mifid.network import random_network

pytestmark = [
    pytest.mark.slow,  # Gradio alone takes seconds to load
    pytest.mark.filterwarnings("ignore::DeprecationWarning:gradio"),  # of its own making
]

SMALL = ["size=32", "g_width=4", "d_width=4", "latent=8", "batch=4"]
ABOUT = "Made for <tests> & shown as text."


@pytest.fixture
def cache(tmp_path, monkeypatch):
    from local.app import neighbours

    for module in (project, train, default, judging, neighbours):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def run(cache, make_dogs, tmp_path) -> Path:
    folder = tmp_path / "run"
    words = ["train", "--data", str(make_dogs(8)), "--recipe", "cgan", "--out", str(folder)]
    assert main([*words, "--steps", "3", "--images", "4", *SMALL]) == 0
    return folder


@pytest.fixture(scope="module")
def uploads(tmp_path_factory) -> Path:
    """Where Gradio would put files that it is sent."""
    return tmp_path_factory.mktemp("uploads")


@pytest.fixture(scope="module")
def url(uploads):
    from local.app.page import build
    from local.app.server import served

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(uploads))
        with served(build(untrained.dogs(about=(ABOUT,))), "127.0.0.1", 0) as address:
            yield address


@pytest.fixture
def visitor(url):
    """Makes visitors, each with a session of its own."""
    from gradio_client import Client

    def come() -> Client:
        return Client(url, verbose=False, analytics_enabled=False)

    return come


def pictures(html: str) -> list[np.ndarray]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [np.asarray(Image.open(io.BytesIO(base64.b64decode(data)))) for data in found]


def refusal(client, *values, api_name: str) -> str:
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError) as error:
        client.predict(*values, api_name=api_name)
    return str(error.value)


def test_visitors_get_what_they_ask_for_at_once(visitor):
    """Each of several visitors, who ask at the same time, has dogs and walks of their own."""
    found = {}

    def visit(seed: int) -> None:
        client = visitor()
        sheet, _ = client.predict("pug", seed, True, 0.5, 5, api_name="/draw")
        found[seed] = pictures(sheet), pictures(client.predict(1, 5, 4, api_name="/walk"))

    visitors = [threading.Thread(target=visit, args=[seed]) for seed in range(4)]
    for each in visitors:
        each.start()
    for each in visitors:
        each.join(120)
    dogs = untrained.dogs()
    for seed in range(4):
        sheet, way = found[seed]
        wish = dogs.wish("pug", seed, 0.5, 5)
        assert np.array_equal(sheet, dogs.pictures(dogs.draws(wish)))
        assert np.array_equal(way, dogs.walk(wish, 1, 5, 4))


FORGED = {
    "10,000 dogs": (["", 0, False, 1, 10_000], "must be from 1 to 64, not 10,000."),
    "text for a number": (["", "0", False, 1, 4], "The seed must be from 0"),
    "nothing at all": ([None] * 5, "The seed must be from 0"),
    "a breed that is none": (["<b>cat</b>", 0, False, 1, 4], "There is no such breed here"),
    "facts for a breed": ([{"a": [1]}, 0, False, 1, 4], "There is no such breed here"),
}


@pytest.mark.parametrize("case", FORGED)
def test_a_forged_request_is_answered_in_words(case, visitor, capfd):
    values, says = FORGED[case]
    client = visitor()
    assert says in refusal(client, *values, api_name="/draw")
    assert client.predict("", 0, False, 1, 1, api_name="/draw")  # it still draws
    assert "Traceback" not in capfd.readouterr().err


RAW = {
    "too few": ["", 0],
    "none": [],
    "a file of the server": [
        {"path": "/etc/passwd", "meta": {"_type": "gradio.FileData"}},
        0,
        False,
        1,
        4,
    ],
    "a file for a number": ["", 0, False, 1, {"path": "/x", "meta": {"_type": "gradio.FileData"}}],
}


@pytest.mark.parametrize("case", RAW)
def test_a_request_that_no_client_sends_is_answered_in_words(case, url, capfd):
    data = json.dumps({"data": RAW[case]}).encode()
    event = json.loads(answer(f"{url}gradio_api/call/draw", data)[1])["event_id"]
    told = answer(f"{url}gradio_api/call/draw/{event}")[1]
    assert told.startswith("event: error") and "The page asks no such thing." in told
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["/walk", "/blend", "/mix", "/png", "/zip"])
def test_who_has_drawn_nothing_is_told_so(name, visitor):
    values = {"/png": [], "/zip": [], "/mix": ["pug", "boxer", 50]}.get(name, [1, 2, 50])
    assert "Draw some dogs first" in refusal(visitor(), *values, api_name=name)


def test_what_else_goes_wrong_shows_nothing_of_this_machine(visitor, monkeypatch, capfd):
    from local.app.sampler import Sampler

    def broken(*_):
        raise OSError(f"{ROOT}/weights: no such file")

    monkeypatch.setattr(Sampler, "draws", broken)
    said = refusal(visitor(), "", 0, False, 1, 4, api_name="/draw")
    assert "went wrong here" in said and str(ROOT) not in said
    assert capfd.readouterr().err == f"app: OSError: {ROOT}/weights: no such file\n"


def test_files_come_as_what_they_are(visitor):
    client = visitor()
    client.predict("", 9, False, 1, 3, api_name="/draw")
    dogs = untrained.dogs()
    wish = dogs.wish("", 9, 0, 3)
    for kind, media, expected in (
        ("png", "image/png", dogs.sheet(wish)),
        ("zip", "application/zip", dogs.archive(wish)),
    ):
        name, uri = client.predict(api_name=f"/{kind}").split(" ")
        assert name == f"dogs-9.{kind}"
        assert uri == f"data:{media};base64,{base64.b64encode(expected).decode()}"
    assert len(zipfile.ZipFile(io.BytesIO(expected)).namelist()) == 4


def answer(address: str, data: bytes | None = None) -> tuple[int, str]:
    headers = {"Content-Type": "application/json"} if data else {}
    try:
        with urlopen(Request(address, data, headers), timeout=30) as found:
            return found.status, found.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


PAGES = ["", "config", "theme.css", "gradio_api/info", "manifest.json"]


def test_no_address_tells_a_path_of_this_machine(url, visitor):
    texts = [answer(url + page)[1] for page in PAGES]
    client = visitor()
    texts += map(str, client.predict("", 0, False, 1, 4, api_name="/draw"))
    texts += [client.predict(1, 2, 3, api_name="/walk")]
    texts += [client.predict(api_name="/zip")]
    for place in (str(ROOT), sys.prefix, tempfile.gettempdir(), "site-packages", "/home/", "/root"):
        assert all(place not in text for text in texts)


CLOSED = [
    "gradio_api/file=/etc/passwd",
    "gradio_api/file=requirements.txt",
    "file=/etc/passwd",
    "gradio_api/proxy=http://127.0.0.1",
    "gradio_api/component_server",
    "gradio_api/openapi.json",
    "gradio_api/runs",
    "monitoring",
    "docs",
    "nothing",
]


@pytest.mark.parametrize("page", CLOSED)
def test_what_the_page_does_not_need_is_not_there(page, url):
    assert answer(url + page) == (404, "Nothing here.\n")


def test_nothing_is_taken_in(url, uploads):
    lines = ["--b", 'Content-Disposition: form-data; name="files"; filename="planted.txt"']
    body = "\r\n".join([*lines, "", "mine", "--b--", ""]).encode()
    request = Request(
        url + "gradio_api/upload", body, {"Content-Type": "multipart/form-data; boundary=b"}
    )
    with pytest.raises(HTTPError) as error:
        urlopen(request, timeout=30)
    assert error.value.code == 404
    assert not list(uploads.rglob("planted.txt"))


def test_a_call_of_nothing_is_refused_and_takes_one_line(url, capfd):
    assert answer(url + "gradio_api/call/nosuch", b'{"data": []}')[0] == 400
    assert len(capfd.readouterr().err.splitlines()) == 1


def test_only_this_machine_reaches_it(url):
    port = int(re.search(r":(\d+)/", url)[1])
    with socket.socket() as other, pytest.raises(OSError):
        other.connect(("127.0.0.2", port))  # which a server on all addresses answers


def test_the_page_tells_nobody_and_escapes_what_it_is_told(url):
    text = answer(url + "config")[1]
    assert '"analytics_enabled":false' in text.replace(" ", "")
    assert "Made for &lt;tests&gt; &amp; shown as text." in text


class TestNeighbours:
    @pytest.fixture
    def data(self) -> TrainingSet:
        pictures = torch.randint(
            0, 256, (40, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(3)
        )
        return TrainingSet(pictures, torch.arange(40) % 2, ["pug", "old_hound"])

    def found(self, data, network, pictures):
        from local.app.neighbours import Neighbours

        finder = Neighbours(data, network)
        return finder, finder(np.ascontiguousarray(pictures))

    def test_a_copy_is_found_by_its_pixels_and_mirrored(self, data):
        copies = data.pictures[[7, 11]].permute(0, 2, 3, 1).numpy()
        copies = np.stack([copies[0], copies[1][:, ::-1]])
        finder, found = self.found(data, None, copies)
        assert "pixels" in finder.about and "40 training pictures" in finder.about
        for neighbours, number in zip(found, (7, 11), strict=True):
            assert len(neighbours) == 7
            expected = data.pictures[number].permute(1, 2, 0).numpy()
            assert np.array_equal(neighbours[0].picture, expected)
            assert (neighbours[0].distance, neighbours[0].name) == ("0.0", "old_hound")
            distances = [float(each.distance) for each in neighbours]
            assert distances == sorted(distances) and distances[1] > 1

    def test_a_random_network_is_none(self, data):
        assert (
            "pixels"
            in self.found(data, random_network(), np.zeros((1, 32, 32, 3), np.uint8))[0].about
        )

    def test_a_copy_is_found_by_its_features(self, data, cache):
        network = replace(random_network(), name="reconstructed")
        copies = data.pictures[[5]].permute(0, 2, 3, 1).numpy()
        finder, found = self.found(data, network, copies)
        assert "features of the metric's network" in finder.about
        assert np.array_equal(found[0][0].picture, copies[0])
        assert found[0][0].distance == "0.000"
        assert list(cache.glob("features-*.npz"))  # computed once

    def test_the_page_shows_them(self, data):
        from local.app.answers import Answers
        from local.app.neighbours import Neighbours

        answers = Answers(untrained.dogs(), Neighbours(data, None))
        _, _, shown = answers.draw("", 1, False, 1, 3)
        assert len(pictures(answers.neighbours(shown, 1, 3))) == 2 * (1 + 7)


def test_a_run_s_pictures_are_found_in_the_cache_or_by_name(run, cache, make_dogs, tmp_path):
    from local.app.neighbours import training_set
    from local.errors import InputError

    assert len(training_set(run, None)) == len(training_set(run, tmp_path / "dogs")) == 8
    runs.claim(run, runs.load_recipe(run), training_set(run, None))
    with pytest.raises(InputError, match="trained on other data"):
        training_set(run, make_dogs(6, "others"))
    for file in cache.glob("dogs-*/about.json"):
        file.write_bytes(file.read_bytes()[:100])  # damaged: passed over
    assert training_set(run, None) is None


def no_weights(run: Path) -> None:
    for folder in (run / "snapshots").iterdir():
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()


def cut_off(run: Path) -> None:
    for file in run.glob("snapshots/*/average.safetensors"):
        file.write_bytes(file.read_bytes()[:1000])


BROKEN = {
    "no run": (lambda run: (run / "recipe.json").unlink(), "no run there"),
    "no weights": (no_weights, "no snapshot yet; train it first"),
    "cut off": (cut_off, "none of its snapshots can be used"),
    "no data.json": (lambda run: (run / "data.json").unlink(), "its data.json is damaged"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_run_takes_one_line_and_two(case, run, capsys):
    breaks, says = BROKEN[case]
    breaks(run)
    capsys.readouterr()
    assert main(["app", str(run), "--port", "0"]) == 2
    captured = capsys.readouterr()
    *before, last = captured.err.splitlines()
    assert says in last and last.startswith("local app: ") and captured.out == ""
    assert all("trying the one before" in line for line in before)


def test_a_taken_port_takes_one_line_and_two(run, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        says = f"--host 127.0.0.1 --port {port}: nothing can be served there"
        refused(["app", str(run), "--port", port], says, capsys)


WRONG = {
    "host": (["--host", "203.0.113.7"], "--host 203.0.113.7"),
    "name": (["--host", "no such host"], "--host no such host"),
    "port": (["--port", "65536"], "65536 is not a port"),
    "negative port": (["--port", "-1"], "--port"),
    "data": (["--data", "nowhere"], "nowhere: no such folder"),
    "graph": (["--graph", "nowhere.pb"], "nowhere.pb"),
    "device": (["--device", "abacus"], "not usable"),
}


@pytest.mark.parametrize("case", WRONG)
def test_bad_input_takes_one_line_and_two(case, run, capsys):
    words, says = WRONG[case]
    refused(["app", str(run), "--port", "0", *words], says, capsys)


def test_the_command_serves_until_it_is_interrupted(run, cache):
    """An unfinished run as good as any other: it has a snapshot."""
    (run / "images.zip").unlink()
    environment = os.environ | {"DOGS_CACHE": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "local", "app", str(run), "--port", "0"]
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            address = process.stdout.readline().strip()
            assert re.fullmatch(r"http://127\.0\.0\.1:\d+/", address), process.stderr.read()
            assert "Dogs on demand" in answer(address)[1]
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
        finally:
            process.kill()
        assert process.stderr.read() == "Ctrl-C ends it\n"


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as left:
        main(["app", "--help"])
    assert left.value.code == 0
    assert "examples:\n  python -m local app runs/best --open" in capsys.readouterr().out
