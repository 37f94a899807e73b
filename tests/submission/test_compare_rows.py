"""Two rows side by side: what differs, where their curves ended, and whose pictures are shown."""

import io
import json
import re

import numpy as np
import pytest
from kaggle_server import log_events

from local.train.watchers import PLACE, StatusLine
from submission import archive, ledger
from submission.__main__ import main
from submission.compare import PICTURES
from submission.compare_curves import curves
from submission.ledger import Ledger
from submission.ledger_rows import digest

COMMIT = "abcdef0123" * 4
HOSTILE = "<script>alert(1)</script> \x1b[2J $\\frac{$"
SETTINGS = {"name": "dcgan", "batch": 64, "lr": 0.0002, HOSTILE: 1}


@pytest.fixture(autouse=True)
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    monkeypatch.delenv("COLUMNS", raising=False)
    return Ledger()


def write_images(path, seed):
    path.parent.mkdir(exist_ok=True)
    pictures = np.random.default_rng(seed).integers(0, 256, (PICTURES + 6, 64, 64, 3), np.uint8)
    archive.write(path, [pictures], {})
    return digest(path)


@pytest.fixture
def two(book, tmp_path):
    """A run with a log, and a rehearsal whose archive was left."""
    run, zipped = tmp_path / "run", tmp_path / "out.zip"
    sha256 = write_images(run / "images.zip", 1)
    log = [
        {"step": 1, "kimg": 1.0, "seconds": 3, "loss_d": 0.9, "accuracy_real": 0.5},
        {"step": 2, "kimg": 2.0, "quick_fid": 88.0},
        {"step": 3, "kimg": 3.0, "loss_d": 0.7, "accuracy_real": 0.25, HOSTILE: 1.0},
    ]
    (run / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in log) + '{"st')
    book.add(
        "train", ok=True, place=run, images_sha256=sha256, recipe="dcgan", settings=SETTINGS,
        commit=COMMIT, dirty=True, fid=80.5, label="FID (reconstructed)", note=HOSTILE,
    )  # fmt: skip
    other = SETTINGS | {"batch": 32, HOSTILE: 2}
    book.add(
        "rehearsal", place=zipped, images_sha256=write_images(zipped, 2), settings=other,
        recipe="dcgan", minutes=9.25, staged=False, fid=70.25, label="not comparable",
    )  # fmt: skip
    return run, zipped


def shown(capsys, *words):
    assert main(["compare", *words]) == 0
    return capsys.readouterr().out


def cells(text, name):
    """Both values of a line."""
    (line,) = [line for line in text.splitlines() if line.split()[:1] == [name]]
    return line.split()[1:]


def test_settings_scores_and_curves(two, capsys):
    text = shown(capsys, "1", "2")
    assert max(map(len, text.splitlines())) <= 100
    assert cells(text, "kind") == ["train", "rehearsal"]
    assert cells(text, "batch") == ["64", "32"]
    assert not re.search(r"^ *lr ", text, re.MULTILINE)  # is the same
    assert cells(text, "fid") == ["80.5", "70.25"]
    assert cells(text, "minutes") == ["–", "9.2"]
    assert cells(text, "staged") == ["–", "no"]
    assert cells(text, "loss_d") == ["0.7", "–"]
    assert cells(text, "quick_fid") == ["88", "–"]
    assert "The scores measured here are of two kinds, and do not compare." in text
    assert "Row 1 is of files that had changed since its commit." in text
    assert "\x1b" not in text
    assert "public" not in text  # which neither has


def test_the_order_is_as_asked(two, capsys):
    assert cells(shown(capsys, "2", "1"), "batch") == ["32", "64"]


def test_rows_that_are_the_same(two, capsys):
    text = shown(capsys, "2", "2")
    assert re.search(r"settings that differ\n  none", text)
    assert "do not compare" not in text


def test_rows_that_know_nothing(book, capsys):
    book.add("version", kernel="me/dogs", version=1)
    text = shown(capsys, "1", "1")
    assert "Row 1 does not know its settings." in text
    assert "row 1: no images.zip was kept of it" in text
    assert "curves" not in text


def test_json(two, capsys):
    found = json.loads(shown(capsys, "1", "2", "--json"))
    assert [row["number"] for row in found["rows"]] == [1, 2]
    assert found["settings"] == {"batch": [64, 32], HOSTILE: [1, 2]}
    assert found["curves"]["loss_d"] == [0.7, None]
    assert "kimg" not in found["curves"]


def test_curves_of_a_log(book, tmp_path):
    lines = ['{"kimg": 1, "a": 2}', "[1]", "{", '{"a": 3}', '{"kimg": 2, "a": NaN, "b": "x"}']
    (tmp_path / "log.jsonl").write_text("\n".join([*lines, '{"kimg": 3, "a": true, "c": -1.5}']))
    assert curves(book.row(book.add("train", place=tmp_path))) == {"a": [(1, 2)], "c": [(3, -1.5)]}
    assert curves(book.row(book.add("train", place=tmp_path / "gone"))) == {}


def status(**statistics):
    """A line as a kernel prints it."""
    stream = io.StringIO()
    record = dict.fromkeys(PLACE, 12345.6) | {"images_per_second": 210.0}
    StatusLine(stream).tick(record | statistics)
    return stream.getvalue()


def test_curves_of_what_a_kernel_printed(book, tmp_path):
    adversarial = {
        "loss_d": 1.25, "loss_g": -0.5, "accuracy_real": 1.0, "accuracy_fake": 0.07,
        "diversity": 0.33,
    }  # fmt: skip
    printed = [
        "kimg of nothing\n",
        status(kimg=1.5, **adversarial),
        status(kimg=2.5, **adversarial | {"loss_d": float("nan"), "accuracy_real": 0.5}),
        status(kimg=3.5, loss=0.125),
    ]
    (tmp_path / "dogs.log").write_text(json.dumps(log_events(*printed)))
    row = book.row(book.add("version", kernel="me/dogs", place=tmp_path))
    assert curves(row) == {
        "loss_d": [(1.5, 1.25)],
        "loss_g": [(1.5, -0.5), (2.5, -0.5)],
        "accuracy_real": [(1.5, 1.0), (2.5, 0.5)],
        "accuracy_fake": [(1.5, 0.07), (2.5, 0.07)],
        "diversity": [(1.5, 0.33), (2.5, 0.33)],
        "loss": [(3.5, 0.125)],
        "images_per_second": [(1.5, 210.0), (2.5, 210.0), (3.5, 210.0)],
    }


def test_pictures_are_the_rows_own_or_none(two, capsys, book):
    run, zipped = two
    write_images(run / "images.zip", 3)
    zipped.unlink()
    text = " ".join(shown(capsys, "1", "2").split())
    assert f"row 1: {run}/images.zip has changed since, its pictures are others" in text
    assert f"row 2: {zipped} is gone" in text
    zipped.write_bytes(b"no archive")
    book.update(2, images_sha256=digest(zipped))
    assert "row 2: its archive cannot be read" in shown(capsys, "1", "2")


def test_an_archive_that_failed_its_check_is_not_opened(two, capsys, book):
    book.update(1, kind="version", ok=False)
    assert "row 1: what Kaggle gave was not valid" in shown(capsys, "1", "2")


@pytest.mark.slow
def test_the_page_is_whole_and_safe(two, tmp_path, capsys):
    file = tmp_path / "page.html"
    shown(capsys, "1", "2", "--html", str(file))
    page = file.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("data:image/png;base64,") == 2 + 2  # curves, light and dark; two sheets
    assert page.count(f"the first {PICTURES} of its images.zip") == 2
    for word in ("batch", "0.7", "80.5", "do not compare"):
        assert word in page


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["1", "9"], "submission: no row 9 in"),
        (["1"], "required: ROW"),
        (["1", "two"], "two is not a whole number"),
        (["1", "2", "--html", "/nowhere/page.html"], "no place for a file"),
    ],
)
def test_wrong_use_takes_one_line(book, capsys, words, message):
    book.add("train")
    try:
        code = main(["compare", *words])
    except SystemExit as end:  # argparse ends by itself
        code = end.code
    said = capsys.readouterr()
    assert code == 2
    assert message in said.err
    assert len(said.err.splitlines()) == 1
