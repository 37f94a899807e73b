"""Runs and rehearsals add their rows by themselves, and never fail for it."""

import hashlib
import json
import subprocess
import sys
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from helpers import ROOT

from local import recipes
from submission import ledger, ledger_rows
from submission.__main__ import main
from submission.ledger import Ledger
from submission.ledger_rows import of_run, remember_training
from submission.rehearsal_row import remember_rehearsal

COMMIT = "0123456789" * 4
RECIPE = asdict(recipes.get("dcgan"))
ABOUT = {"commit": COMMIT, "recipe": RECIPE, "kimg": 1.5, "minutes": 2.0, "device": "CPU"}
NETWORK = SimpleNamespace(name="reconstructed", identity="f" * 40)


@pytest.fixture(autouse=True)
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "FILE", tmp_path / "book" / "ledger.sqlite")
    return Ledger()


@pytest.fixture
def images(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "images.zip").write_bytes(b"pictures")
    return folder / "images.zip"


def quick(fid):
    return SimpleNamespace(fid=fid, reals=SimpleNamespace(values=[0] * 1000), network=NETWORK)


def remember(images, ok=True, **changes):
    options = {"ok": ok, "images": images, "quick": None, "resumed": False}
    remember_training(
        images.parent if images else changes.pop("folder"), ABOUT, **options | changes
    )


def test_what_a_run_says_of_itself():
    found = of_run(ABOUT | {"dirty": True, "secret": "no column"})
    assert found == {
        "recipe": "dcgan",
        "settings": RECIPE,
        "commit": COMMIT,
        "dirty": True,
        "device": "CPU",
        "minutes": 2.0,
        "kimg": 1.5,
    }
    assert of_run({"commit": COMMIT + "+"}) == {"commit": COMMIT, "dirty": True}
    assert of_run({"commit": COMMIT}) == {"commit": COMMIT}  # may be either
    assert of_run({"seconds": {"train": 90}}) == {"minutes": 1.5}


@pytest.mark.parametrize(
    "about",
    [
        {"commit": "unknown", "dirty": "unknown"},
        {"commit": 7, "recipe": [], "seconds": [], "device": {}, "kimg": "12", "minutes": True},
        {"recipe": {"name": 3}, "seconds": {"train": "long"}, "kimg": -1.0},
        {"kimg": float("nan"), "minutes": float("inf"), "commit": COMMIT[:10]},
    ],
)
def test_what_is_of_another_type_is_left_out(about):
    assert of_run(about) == {}


def test_a_run_adds_its_row(book, images):
    remember(images, quick=quick(80.5))
    (row,) = book.rows()
    assert (row.kind, row.ok, row.place) == ("train", True, str(images.parent))
    assert (row.commit, row.dirty, row.recipe, row.kimg) == (COMMIT, False, "dcgan", 1.5)
    assert row.images_sha256 == ledger_rows.digest(images)
    assert row.fid == 80.5
    assert row.label == "best quick score of 64 pictures: FID (reconstructed)"


def test_without_git_nothing_is_said_of_changes(book, images, monkeypatch):
    monkeypatch.setitem(ABOUT, "commit", "unknown")
    remember(images)
    assert (book.row(1).commit, book.row(1).dirty) == (None, None)


def test_a_run_that_never_scored_has_no_score(book, images):
    remember(images, quick=quick(float("inf")))
    assert (book.row(1).fid, book.row(1).label) == (None, None)


def test_a_resumed_run_updates_its_row(book, images):
    remember(images, ok=None)
    book.note(1, "mine")
    remember(images, ok=True, resumed=True)
    (row,) = book.rows()
    assert (row.ok, row.note) == (True, "mine")
    remember(images)  # another run in the same folder: the first was deleted
    assert len(book.rows()) == 2
    remember(images, ok=False, resumed=True)
    assert [row.ok for row in book.rows()] == [True, False]


def test_scores_stay_as_long_as_the_pictures_do(book, images):
    score = {
        "fid": 60.0,
        "kid": 0.1,
        "mifid": 60.0,
        "distance": 0.2,
        "label": "FID (reconstructed)",
    }
    remember(images)
    book.update(1, **score, public=70.0)
    remember(images, resumed=True, quick=quick(80.5))
    assert {name: getattr(book.row(1), name) for name in score} == score
    images.write_bytes(b"other pictures")
    remember(images, resumed=True)
    assert all(getattr(book.row(1), name) is None for name in score)
    assert book.row(1).public == 70.0  # was given by Kaggle, not for what lies here


def test_a_ledger_that_cannot_be_written_costs_a_line(book, images, capsys):
    book.file.parent.mkdir()
    book.file.write_bytes(b"no ledger")
    remember(images)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"warning: not in the ledger: {book.file}: is damaged, or no ledger")
    assert book.file.read_bytes() == b"no ledger"


@pytest.mark.slow
def test_a_run_needs_nothing_of_the_rehearsal_for_its_row():
    """Which would load a library that `local train` may do without."""
    code = "import sys, submission.ledger_rows; print(*sys.modules)"
    command = [sys.executable, "-c", code]
    loaded = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert not {name for name in loaded.split() if name == "psutil" or "rehears" in name}


LAST_LINE = f"""
print(json.dumps({{"images": 5, "seconds": {{"train": 90.0}}, "dirty": False, "kimg": 12.5,
    "device": "2 x T4", "commit": {COMMIT!r}, "recipe": {RECIPE!r}}}))
"""


@pytest.mark.slow
def test_a_rehearsal_adds_its_row(book, kernel, data, tmp_path, capsys):
    path, out = kernel("write(5)" + LAST_LINE), tmp_path / "images.zip"
    words = ["rehearse", "--kernel", str(path), "--data", str(data), "--limit", "30"]
    assert main([*words, "--out", str(out), "images=5", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    (row,) = book.rows()
    assert (row.kind, row.ok, row.staged) == ("rehearsal", True, True)
    assert row.source_sha256 == report["kernel_sha256"]
    assert (row.commit, row.dirty, row.recipe, row.settings) == (COMMIT, False, "dcgan", RECIPE)
    assert (row.device, row.minutes, row.kimg) == ("2 x T4", 1.5, 12.5)
    assert (row.place, row.images_sha256) == (str(out), ledger_rows.digest(out))


def report(path, **changes):
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    values = {"ok": False, "staged": {}, "result": {}, "out": None, "kernel_sha256": digest}
    return SimpleNamespace(**values | changes)


def test_a_kernel_that_fails_is_known_by_its_head(book, tmp_path):
    path = tmp_path / "kernel.py"
    build = {"recipe": RECIPE, "commit": COMMIT, "dirty": True}
    lines = "".join(f"    {key!r}: {value!r},\n" for key, value in build.items())
    path.write_text(f"BUILD = {{\n{lines}}}\nSHA256 = {{\n}}\nraise SystemExit(3)\n")
    remember_rehearsal(path, report(path))
    (row,) = book.rows()
    assert (row.ok, row.staged, row.recipe) == (False, False, "dcgan")
    assert (row.commit, row.dirty, row.place, row.images_sha256) == (COMMIT, True, None, None)
    remember_rehearsal(path, report(path, kernel_sha256="of what ran, before it was built anew"))
    path.write_text("no kernel")
    remember_rehearsal(path, report(path))
    assert [row.recipe for row in book.rows()] == ["dcgan", None, None]


@pytest.mark.slow
def test_a_rehearsal_is_not_spoilt_by_the_ledger(book, kernel, data, capsys):
    book.file.mkdir(parents=True)
    words = ["rehearse", "--kernel", str(kernel("finish()")), "--data", str(data), "--limit", "30"]
    assert main([*words, "images=5"]) == 0
    assert "warning: not in the ledger" in capsys.readouterr().err
