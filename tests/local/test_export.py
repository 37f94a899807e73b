"""A folder that others run: its code, its card, and that it is there whole or not at all."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
from helpers import ROOT, refused
from made_runs import saved

from local.__main__ import main
from local.errors import InputError
from local.export import card, modules, network
from local.export.folder import LIST, check, placing
from local.report.folder import open_folder
from local.train import devices, snapshots
from local.trained import load
from mifid.errors import WorkError
from submission import archive

# --- The folder -----------------------------------------------------------------------------------


def export(folder, **files):
    with placing(folder) as inside:
        for name, text in files.items():
            (inside / "code").mkdir(exist_ok=True)
            (inside / "code" / name).write_text(text)
    return folder


def texts(folder):
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*.*")}


def test_a_folder_is_placed_and_replaced_whole(tmp_path):
    new = export(tmp_path / "deep" / "space", one="1", two="2")
    assert {p.name for p in new.iterdir()} == {"code", LIST}
    digests = json.loads((new / LIST).read_text())["files"]
    assert digests["code/one"] == hashlib.sha256(b"1").hexdigest()
    (new / "code" / "__pycache__").mkdir()  # as running it does
    (new / "code" / "__pycache__" / "one.pyc").write_bytes(b"compiled")
    export(new, three="3")
    assert {p.name for p in (new / "code").iterdir()} == {"three"}
    assert [p.name for p in new.parent.iterdir()] == ["space"]
    (tmp_path / "empty").mkdir()
    assert (export(tmp_path / "empty", one="1") / "code" / "one").read_text() == "1"


@pytest.mark.parametrize("place", ["new", "earlier"])
def test_an_error_leaves_nothing_of_the_new_one(place, tmp_path):
    folder = tmp_path / place
    if place == "earlier":
        export(folder, one="1")
    before = sorted(tmp_path.rglob("*"))

    def fails():
        with placing(folder) as inside:
            (inside / "half").write_text("half")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fails()
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("note", "no earlier export"),
        ("edited", "code/one is not as the export left it"),
        ("added", ".git/HEAD is not as the export left it"),
        ("damaged", "no earlier export"),
        ("file", "is a file; name a folder"),
    ],
)
def test_nothing_of_anybody_elses_is_lost(what, says, tmp_path):
    folder = tmp_path / "space"
    if what == "file":
        folder.write_text("mine")
    elif what == "note":
        folder.mkdir()
        (folder / "note.txt").write_text("mine")
    else:
        export(folder, one="1")
    if what == "edited":
        (folder / "code" / "one").write_text("better")
    if what == "added":
        (folder / ".git").mkdir()
        (folder / ".git" / "HEAD").write_text("mine")
    if what == "damaged":
        (folder / LIST).write_text("[")
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    for refuses in (lambda: check(folder), lambda: export(folder, one="2")):
        with pytest.raises(InputError) as error:
            refuses()
        assert says in str(error.value) and len(str(error.value).splitlines()) == 1
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


# --- The code -------------------------------------------------------------------------------------


def test_the_code_is_what_the_app_imports_and_no_more():
    code = modules.collect()
    assert {"app.py", "local/__init__.py", "local/nets/r3gan.py", "local/app/page.py"} <= set(
        code.files
    )
    assert not [path for path in code.files if "commands" in path or "/export/" in path]
    assert {"torch", "numpy", "pillow", "safetensors", "gradio"} <= set(code.packages)
    assert not {"matplotlib", "tensorflow", "kaggle", "scipy"} & set(code.packages)
    for path, source in code.files.items():
        if path != "app.py":
            assert (ROOT / path).read_bytes() == source


def test_requirements_have_the_projects_own_bounds():
    lines = modules.requirements(["torch", "pillow", "unheard-of"]).splitlines()
    own = (ROOT / "requirements.txt").read_text().splitlines()
    assert lines[-3] in own and lines[-3].startswith("torch>=")
    assert lines[-2] in own and lines[-2].startswith("pillow>=")
    assert lines[-1] == "unheard-of"


# --- The card -------------------------------------------------------------------------------------


@pytest.fixture
def run(built, tmp_path):
    """Of a network that knows breeds, and pictures of the size that `local sample` writes."""
    return saved(built("cgan", size=64), tmp_path / "run")


def carded(run, licence="other"):
    trained = load(run, devices.choose("cpu"))
    return card.card(trained, open_folder(run, images=0), licence, apart=2e-6)


def front(text):
    yaml = pytest.importorskip("yaml")
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_card_sets_a_space_up(run):
    head, body = front(carded(run, "cc-by-nc-4.0"))
    assert (head["sdk"], head["app_file"], head["license"]) == ("gradio", "app.py", "cc-by-nc-4.0")
    assert head["title"] == "Dogs on demand: cgan" and len(head["short_description"]) <= 60
    assert head["python_version"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    for section in ("Use", "Data", "Training", "Metrics", "Limits", "Licence", "Files"):
        assert f"\n## {section}\n" in body
    assert "24 pictures of 3 breeds" in body and "beagle 8, boxer 8, pug 8" in body
    assert "| device | not known |" in body and "| seconds | 60 |" in body


TOLD = {"label": "FID (reconstructed)", "comparable": False, "warnings": []}
SCORES = {"fid": 195.41, "kid": 0.21, "mifid": 195.41, "distance": 0.32, "variety": None}


@pytest.mark.parametrize("whose", ["these", "others", "damaged", "none"])
def test_the_card_has_the_scores_of_these_weights_alone(whose, run):
    (folder,) = (run / "snapshots").iterdir()
    digest = hashlib.sha256((folder / "average.safetensors").read_bytes()).hexdigest()
    of = {"weights": digest if whose == "these" else "0" * 64, "images": 2000}
    kept = {"of": of, "scores": {**SCORES, **TOLD}}
    if whose != "none":
        (run / "score.json").write_text("[1" if whose == "damaged" else json.dumps(kept))
    text = carded(run)
    known = whose == "these"
    assert ("| FID | 195.4 |" in text) == known
    assert ("called: FID (reconstructed). Over 2,000 generated pictures." in text) == known
    assert text.count("| not measured |") == (3 if known else 7)  # the speed among them
    assert "| distance under the private leaderboard's network | not measured |" in text


def test_markup_in_a_breeds_name_is_text(run):
    about = json.loads((run / "data.json").read_text())
    about["breeds"][0] = "<img src=x>\n# [a](b) | `c`"
    (run / "data.json").write_text(json.dumps(about))
    text = carded(run)
    assert "<img" not in text and "\n# [" not in text and "[a](b)" not in text
    assert "&#60;img src=x&#62; # &#91;a&#93;(b) &#124; &#96;c&#96;" in text


# --- The command ----------------------------------------------------------------------------------


@pytest.fixture
def quickly(monkeypatch):
    """Without the ONNX file, which takes seconds."""
    monkeypatch.setattr(network, "write", lambda dogs, file: file.write_bytes(b"") or 0.0)


@pytest.fixture
def space(run, quickly, tmp_path):
    assert main(["export", str(run), "--to", str(tmp_path / "space")]) == 0
    return tmp_path / "space"


def clean(folder, program, **environment):
    """Runs a program in the folder, with nothing of this project within reach."""
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, '.')\n{program}"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env |= {"OMP_NUM_THREADS": "1", **environment}  # as here: other threads may round otherwise
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


DRAW = """
import numpy, app
found = {"all": app.draw(20, seed=3), "pugs": app.draw(9, 1, "pug", 0.5)}
import local, torch
torch.set_num_threads(1)
numpy.savez("../drawn.npz", **found)
print(local.__file__, [p for p in sys.path if "ROOT" in p and "/.venv/" not in p])
"""


@pytest.mark.slow
def test_the_app_draws_what_the_run_draws_to_the_bit(run, space, tmp_path):
    said = clean(space, DRAW.replace("ROOT", str(ROOT)))
    assert said == f"{space / 'local' / '__init__.py'} []\n"
    drawn = np.load(tmp_path / "drawn.npz")
    words = {"all": ["--count", "20", "--seed", "3"]}
    words["pugs"] = ["--count", "9", "--seed", "1", "--breed", "pug", "--truncation", "0.5"]
    for name, asked in words.items():
        out = tmp_path / f"{name}.zip"
        assert main(["sample", str(run), "--out", str(out), "--device", "cpu", *asked]) == 0
        expected = archive.pixels(out, len(drawn[name]))
        assert np.array_equal(drawn[name], expected)
        assert drawn[name].std() > 10


@pytest.mark.slow
def test_the_page_is_served_by_the_folder_alone(space):
    pytest.importorskip("gradio")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    env |= {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    server = subprocess.Popen(
        [sys.executable, "app.py"], cwd=space, env=env, stdout=subprocess.PIPE, stderr=-1, text=True
    )
    try:
        deadline = time.monotonic() + 120
        while True:
            assert server.poll() is None, server.communicate()
            assert time.monotonic() < deadline
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/config", timeout=10) as page:
                    config = page.read().decode()
                break
            except (URLError, ConnectionError):
                time.sleep(0.3)
    finally:
        server.terminate()
        server.communicate(timeout=30)
    assert "Recipe cgan" in config
    assert str(space) not in config  # no path of the machine is shown


def test_the_folder_holds_what_it_says(space, run, capsys):
    there = {p.relative_to(space).as_posix() for p in space.rglob("*") if p.is_file()}
    files = json.loads((space / LIST).read_text())["files"]
    assert there == {LIST, *files}
    assert {"README.md", "LICENSE", "requirements.txt", "generator.safetensors"} < there
    for name in ("README.md", "generator.json", LIST, "app.py", "requirements.txt"):
        text = (space / name).read_text()
        assert str(ROOT) not in text and str(run.parent) not in text
    assert main(["export", str(run), "--to", str(space)]) == 0  # an earlier export makes way
    assert capsys.readouterr().out == f"{space}\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--to", "RUN"], "is not empty, and no earlier export"),
        (["--to", "RUN/recipe.json"], "is a file"),
        (["--to", "new", "--licence", "CC-BY-NC-4"], "did you mean cc-by-nc-4.0?"),
        (
            ["--to", "new", "--licence", "all mine"],
            "all mine: no identifier of the Hub's",
        ),
        ([], "--to"),
    ],
)
def test_bad_input_is_one_line_and_two(words, says, run, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    refused(["export", str(run), *(w.replace("RUN", str(run)) for w in words)], says, capsys)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_without_weights_and_no_run_are_refused(run, tmp_path, capsys):
    words = ["--to", str(tmp_path / "space")]
    (folder,) = (run / "snapshots").iterdir()
    (folder / "average.safetensors").write_bytes(b"cut off")
    assert main(["export", str(run), *words]) == 2
    assert "none of its snapshots can be used" in capsys.readouterr().err
    assert main(["export", str(tmp_path), *words]) == 2
    assert "no run there" in capsys.readouterr().err
    assert not (tmp_path / "space").exists()


def test_a_missing_package_is_said_before_the_work(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(network, "find_spec", lambda name: None if "script" in name else 1)
    assert main(["export", str(run), "--to", str(tmp_path / "space")]) == 2
    said = capsys.readouterr().err
    assert said == "local export: generator.onnx needs onnxscript; pip install onnxscript\n"


def test_a_network_that_draws_otherwise_is_not_exported(run, tmp_path, capsys, monkeypatch):
    def differs(dogs, file):
        raise WorkError("generator.onnx: draws other pictures")

    monkeypatch.setattr(network, "write", differs)
    assert main(["export", str(run), "--to", str(tmp_path / "space")]) == 1
    assert "draws other pictures" in capsys.readouterr().err
    assert not list(tmp_path.glob("*space*")) and not list(tmp_path.glob(".space*"))


def test_a_saved_run_is_one_that_other_commands_take(run):
    assert snapshots.newest(run, lambda found: None).steps == 0
