"""`train` adds its row to the ledger by itself, and works as well where it cannot."""

import json
import signal

import pytest

from local import project
from local.__main__ import main
from local.commands import train
from local.data import default
from local.train import loop
from submission import ledger
from submission.ledger import Ledger
from submission.ledger_rows import digest

TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8"]


@pytest.fixture
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "FILE", tmp_path / "book" / "ledger.sqlite")
    return Ledger()


@pytest.fixture
def run(make_dogs, tmp_path, tmp_path_factory, monkeypatch):
    """Trains into a folder; returns the exit code."""
    for module in (project, train, default):
        monkeypatch.setattr(module, "CACHE", tmp_path_factory.getbasetemp() / "cache")
    data = make_dogs()

    def start(steps, *more):
        words = ["--data", str(data), "--out", str(tmp_path / "runs" / "a"), "--images", "4"]
        return main(["train", *words, "--recipe", "dcgan", "--steps", str(steps), *TINY, *more])

    return start


@pytest.mark.slow
def test_train_adds_a_row_and_a_resumed_one_updates_it(book, run, tmp_path, monkeypatch):
    real = loop._Loop.after_step

    def interrupt(self, *words):
        real(self, *words)
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patched:
        patched.setattr(loop._Loop, "after_step", interrupt)
        assert run(3) == 130
    (row,) = book.rows()
    assert (row.ok, row.images_sha256) == (None, None)
    assert row.kimg == 8 / 1000
    assert run(3, "quick_every=0") == 0
    (row,) = book.rows()
    assert (row.kind, row.ok, row.recipe, row.kimg) == ("train", True, "dcgan", 24 / 1000)
    assert row.place == str(tmp_path / "runs" / "a")
    assert row.images_sha256 == digest(tmp_path / "runs" / "a" / "images.zip")
    assert row.settings == json.loads((tmp_path / "runs" / "a" / "recipe.json").read_text())
    assert row.device.startswith("CPU")


@pytest.mark.slow
def test_train_does_its_work_without_a_ledger(book, run, capsys, tmp_path):
    book.file.mkdir(parents=True)
    assert run(1) == 0
    shown = capsys.readouterr()
    assert shown.out == f"{tmp_path / 'runs' / 'a' / 'images.zip'}\n"
    assert [line for line in shown.err.splitlines() if "not in the ledger" in line]
