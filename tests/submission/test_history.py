"""The history: the difference from row to row, the table, what a local score predicts, the page."""

import csv
import io
import json
import re
from functools import partial

import numpy as np
import pytest
from helpers import noise, zip_folder
from matplotlib.figure import Figure
from scipy import stats

from local.page import NUMBER, table
from mifid import standing
from mifid.score import score
from submission import history_page, ledger
from submission.__main__ import main
from submission.history import differences, lines
from submission.history_figures import honest, over_time, pairs
from submission.history_fit import pairings
from submission.history_page import _scores
from submission.ledger import Ledger
from submission.ledger_rows import digest

COMMIT = "abcdef0123" * 4
RECONSTRUCTED = "FID (reconstructed)"
SETTINGS = {"name": "dcgan", "batch": 64, "crop": "box", "lr": 0.0002}
HOSTILE = "<script>alert('é')</script> \x1b[2J & $\\frac{$"


@pytest.fixture(autouse=True)
def book(tmp_path, monkeypatch):
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    monkeypatch.delenv("COLUMNS", raising=False)
    return Ledger()


def scored(book, fid, public=None, label=RECONSTRUCTED, distance=0.2):
    return book.add("version", fid=fid, mifid=fid, distance=distance, label=label, public=public)


def full(book):
    """A ledger with one row of everything."""
    book.add("train", ok=True, recipe="dcgan", settings=SETTINGS, commit=COMMIT, dirty=True)
    changed = SETTINGS | {"batch": 32, "crop": ""}
    book.add("rehearsal", ok=False, staged=True, recipe="dcgan", settings=changed, note=HOSTILE)
    for turn, fid in enumerate((90.0, 80.0, 70.0)):
        scored(book, fid, fid + turn)
    number = book.add(
        "version", recipe=HOSTILE, settings={"name": HOSTILE, HOSTILE: HOSTILE}, device=HOSTILE,
        kernel="me/dogs", version=3, state="COMPLETE", minutes=531.25, kimg=40123.4,
        fid=61.23456, kid=0.0123, mifid=61.23456, distance=0.2151, label=RECONSTRUCTED,
        private=110.5, forced="a dirty tree",
    )  # fmt: skip
    book.add("train", fid=300.0, label="best quick score of 64 pictures: not comparable")
    return number


def test_differences_name_settings_of_either_side():
    old, new = {"a": 1, "b": True, "name": "x"}, {"b": False, "c": "", "name": "y"}
    assert differences(old, new) == {"a": (1, None), "b": (True, False), "c": (None, "")}
    assert differences(old, old) == {}


def test_a_score_measured_here_is_not_called_kaggles(book):
    book.add("train", fid=30.0, label="Kaggle's public score")
    (line,) = lines(book.rows())
    assert line.row.label == "by the published network, all real pictures"
    assert book.rows()[0].label == "Kaggle's public score"  # what the metric said


def test_each_row_beside_the_one_before_it_with_settings(book):
    book.add("train", recipe="dcgan", settings=SETTINGS)
    book.add("version")  # says nothing of settings
    book.add("train", recipe="dcgan", settings=SETTINGS | {"batch": 32, "crop": ""})
    book.add("train", recipe="dcgan", settings=SETTINGS | {"batch": 32, "crop": ""})
    book.add("train", recipe="sagan", settings=SETTINGS | {"name": "sagan"})
    many = {f"s{i}": i for i in range(7)}
    book.add("train", recipe="sagan", settings=SETTINGS | many)
    assert [line.changed() for line in lines(book.rows())] == [
        "",
        "",
        "batch=32 crop=''",
        "as row 3",
        f"another recipe than row 4: batch={SETTINGS['batch']} crop={SETTINGS['crop']}",
        "7 settings differ from row 5",
    ]


def test_an_empty_ledger_says_what_fills_it(book, capsys):
    assert main(["history"]) == 0
    shown = capsys.readouterr().out
    assert re.match(r"no rows in .*ledger.sqlite yet: `python -m local train`", shown)
    assert main(["history", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rows": [], "pairings": []}
    assert not book.file.exists()


def test_the_table_fits_and_has_everything(book, capsys):
    full(book)
    assert main(["history"]) == 0
    shown = capsys.readouterr().out
    assert max(map(len, shown.splitlines())) <= 100
    words = (
        "abcdef0|dirty|rehearsal|staged|failed|batch=32|crop=''|me/dogs v3|531.2 min|40,123 kimg"
    )
    words += "|FID 61.23 (a)|MiFID 61.23 (a)|distance 0.2151|margin +0.1151|public 90|private 110.5"
    words += "|forced: a|(a) FID (reconstructed)|FID 300 (b)|(b) best quick score of 64 pictures"
    for word in words.split("|"):
        assert word in shown, word
    assert "0.25 of another network's" in shown
    assert "not measured" in shown
    assert "\x1b" not in shown  # a note must not clear the screen


def test_how_a_row_ended_is_told(book):
    book.add("train", ok=True)
    book.add("train")
    book.add("rehearsal", ok=False, staged=True)
    book.add("version", state="RUNNING")
    book.add("version", ok=True, state="COMPLETE")
    book.add("version", ok=False, state="ERROR", kernel="me/dogs", version=6)
    assert [" ".join(line.what) for line in lines(book.rows())] == [
        "train",
        "train interrupted",
        "rehearsal staged failed",
        "version running",
        "version",
        "version failed",
    ]
    assert lines(book.rows())[-1].kernel == "me/dogs v6"


def test_a_version_that_another_followed_is_not_called_queued_for_ever(book, capsys):
    for version, state in ((1, "QUEUED"), (2, "RUNNING"), (3, "COMPLETE"), (4, "QUEUED")):
        book.add("version", kernel="me/dogs", version=version, state=state)
    book.add("version", kernel="me/cats", version=1, state="QUEUED")
    book.add("rehearsal", ok=True)
    assert [" ".join(line.what) for line in lines(book.rows())] == [
        "version last seen queued before v4",
        "version last seen running before v4",
        "version complete",
        "version queued",
        "version queued",
        "rehearsal",
    ]
    assert main(["history", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["superseded_by"] for row in rows] == [4, 4, 4, None, None, None]
    assert rows[0]["state"] == "QUEUED"


def test_columns_that_no_row_fills_are_left_out(book, capsys):
    book.add("train", recipe="dcgan")
    assert main(["history"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split() == ["#", "when", "recipe"]


def test_a_wide_terminal_is_used(book, capsys, monkeypatch):
    book.add("train", recipe="dcgan", note="word " * 30)
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["history"]) == 0
    assert max(map(len, capsys.readouterr().out.splitlines())) > 150


def test_json_has_all_of_it(book, capsys):
    number = full(book)
    assert main(["history", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    rows = {row["number"]: row for row in found["rows"]}
    assert rows[2]["changes"] == {"batch": [64, 32], "crop": ["box", ""]}
    assert rows[2]["compared_with"] == 1
    assert rows[number]["margin_public"] == pytest.approx(0.1151)
    assert rows[number]["margin_private"] == "not measured"
    assert rows[number]["note"] is None
    assert rows[2]["note"] == HOSTILE
    assert rows[1]["margin_private"] is None
    (pairing, quick) = found["pairings"]
    assert pairing["pairs"] == [3, 4, 5]
    assert [prediction["row"] for prediction in pairing["predictions"]] == [number]
    assert quick["fit"] is None


def test_csv_has_all_columns(book, tmp_path):
    number = full(book)
    file = tmp_path / "history.csv"
    assert main(["history", "--csv", str(file)]) == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert set(ledger.COLUMNS) < set(rows[0])
    assert json.loads(rows[0]["settings"]) == SETTINGS
    assert rows[1]["changes"] == "batch=32 crop=''"
    assert rows[1]["note"] == HOSTILE
    assert float(rows[number - 1]["margin_public"]) == pytest.approx(0.1151)
    assert rows[0]["public"] == ""


def test_no_cell_of_the_csv_is_a_formula(book, tmp_path):
    notes = ["=1+1", "+5 epochs", "-- worse", "@home", "\t=1", "\r=1", "a=1", "'=1"]
    for note in notes:
        book.add("version", note=note, distance=0.05)
    file = tmp_path / "history.csv"
    assert main(["history", "--csv", str(file)]) == 0
    rows = list(csv.DictReader(io.StringIO(file.read_bytes().decode(), newline="")))
    assert [row["note"] for row in rows] == [*(f"'{note}" for note in notes[:6]), *notes[6:]]
    assert float(rows[0]["margin_public"]) == pytest.approx(-0.05)  # a number stays one


def test_note(book, capsys):
    book.add("train", note="first")
    assert main(["history", "note", "1", "crops of", "the head"]) == 0
    assert book.row(1).note == "crops of the head"
    assert capsys.readouterr().out == "row 1: crops of the head\n"
    assert main(["history"]) == 0
    assert "crops of the head" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["note", "9", "text"], "submission: no row 9 in"),
        (["note", "one", "text"], "one is not a whole number"),
        (["note", "1"], "required: TEXT"),
        (["score", "1"], "required: --real"),
        (["score", "1", "--real", "gone"], "submission: row 1: no images.zip was kept of it"),
        (["--html", "/nowhere/page.html"], "no place for a file"),
        (["delete"], "invalid choice: 'delete'"),
    ],
)
def test_wrong_use_takes_one_line(book, capsys, words, message):
    book.add("train")
    try:
        code = main(["history", *words])
    except SystemExit as end:  # argparse ends by itself
        code = end.code
    shown = capsys.readouterr()
    assert code == 2
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1


def test_the_line_and_its_limits(book):
    fids, publics = [92.0, 81.5, 75.0, 66.0, 58.5], [99.0, 92.0, 80.5, 77.0, 64.0]
    for fid, public in zip(fids, publics, strict=True):
        scored(book, fid, public)
    scored(book, 61.0)
    (pairing,) = pairings(book.rows())
    fit = pairing.fit
    known = stats.linregress(fids, publics)
    assert (fit.slope, fit.intercept) == pytest.approx((known.slope, known.intercept))
    left = np.array(publics) - known.intercept - known.slope * np.array(fids)
    assert fit.spread == pytest.approx(np.sqrt(np.sum(left**2) / 3))
    # The variance of a prediction, by the covariance that NumPy gives for the coefficients.
    coefficients, covariance = np.polyfit(fids, publics, 1, cov=True)
    at = np.array([61.0, 1.0])
    reach = stats.t.ppf(0.975, 3) * np.sqrt(at @ covariance @ at + fit.spread**2)
    (prediction,) = pairing.predictions
    assert (prediction.row, prediction.fid) == (6, 61.0)
    assert prediction.public == pytest.approx(np.polyval(coefficients, 61.0))
    assert prediction.high - prediction.public == pytest.approx(reach)
    assert prediction.public - prediction.low == pytest.approx(reach)


def test_scores_of_other_labels_never_share_a_line(book):
    for label in (RECONSTRUCTED, "not comparable"):
        for fid in (80.0, 60.0):
            scored(book, fid, fid + 5, label)
    first, second = pairings(book.rows())
    assert (first.label, second.label) == (RECONSTRUCTED, "not comparable")
    assert first.fit is second.fit is None
    assert "2 with a public score too; a line needs 3" in first.sentence()
    scored(book, 70.0, 75.0)
    first, second = pairings(book.rows())
    assert first.fit.rows == (1, 2, 5)
    assert second.fit is None


def test_no_line_through_one_local_score_nor_through_penalised_rows(book):
    for public in (60.0, 61.0, 62.0):
        scored(book, 50.0, public)
    assert pairings(book.rows())[0].fit is None
    scored(book, 20.0, 400.0, distance=0.05)
    assert pairings(book.rows())[0].fit is None
    book.add("version", fid=40.0, public=50.0)  # of which nobody knows what it is
    assert len(pairings(book.rows())) == 1


@pytest.mark.slow
def test_the_page_is_whole_and_safe(book, tmp_path):
    full(book)
    file = tmp_path / "page.html"
    assert main(["history", "--html", str(file)]) == 0
    page = file.read_text()
    assert "<script" not in page
    assert "&lt;script&gt;alert(&#x27;é&#x27;)" in page
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", page)
    assert page.count("data:image/png;base64,") == 2 * 3  # three figures, on light and dark
    for number in ("public = ", "residual spread", "90", "61.23", "110.5", "outside of the pairs"):
        assert number in page
    for share, value in standing.QUANTILES:
        assert f"{share:.0%}" in page
        assert str(value) in page
    assert "Kaggle&#x27;s alone" in page
    assert f"lowest FID measured here, {RECONSTRUCTED}" in page  # never without its label


def test_a_score_beyond_the_quantiles_stands_by_a_bound(book, monkeypatch):
    book.add("version", public=9.0)
    book.add("version", public=50.0)
    nothing = (b"", b"")  # the plots do not tell it
    monkeypatch.setattr(history_page, "light_and_dark", lambda *_: nothing)
    shown = history_page.page(lines(book.rows()), "")
    assert "better than at least 99% of the 497 honest ones" in shown
    assert "better than about 84% of the 497 honest ones" in shown


def test_numbers_of_a_column_have_the_same_digits(book):
    book.add("version", fid=195.4, kid=0.19, distance=0.32, label=RECONSTRUCTED, public=1261.5)
    book.add("version", fid=43.684, kid=0.004113, distance=0.0951, label=RECONSTRUCTED)
    rows = [list(map(str, _scores(line))) for line in lines(book.rows())]
    assert rows == [
        ["1", "195.40", "0.1900", "–", "0.3200", "0.2200", RECONSTRUCTED, "1261.50", "–"],
        ["2", "43.68", "0.0041", "–", "0.0951", "-0.0049", RECONSTRUCTED, "–", "–"],
    ]
    shown = table("Scores", ("row", "public"), [_scores(line)[::7] for line in lines(book.rows())])
    assert '<td class="number">1,261.50</td>' in shown


def test_columns_of_long_texts_keep_a_width():
    """A narrow screen scrolls a table; it does not make its rows as tall as a page."""
    rows = [("1", "word " * 40, "short", 1.5), ("2", "", "torch.float16", 2.5)]
    shown = table("Rows", ("row", "note", "device", "kimg"), rows)
    heads = re.findall(r'<th scope="col"([^>]*)>', shown)
    assert heads == ["", ' style="min-width: 24ch"', ' style="min-width: 14ch"', NUMBER]
    assert "min-width" not in table("Rows", ("row", "note", "device", "kimg"), rows, tight=True)


@pytest.mark.slow
def test_numbers_of_rows_do_not_touch_each_other(book):
    for public in (60.0, 60.1, 60.2, 45.0, 44.9, 98.0):
        scored(book, public - 5, public)
    rows = book.rows()
    fit = pairings(rows)[0].fit
    for draw, numbers in (
        (partial(honest, rows=rows), {"6", "5", "3"}),
        (partial(pairs, fit=fit), {"6", "5", "3"}),
        (partial(over_time, rows=rows, labels=[RECONSTRUCTED]), {"6"}),
    ):
        figure = Figure(figsize=(9, 4), layout="constrained")
        draw(figure)
        figure.draw_without_rendering()
        drawn = [text for axes in figure.axes for text in axes.texts if text.get_fontsize() == 8]
        boxes = [text.get_window_extent() for text in drawn if text.get_visible()]
        assert not any(box.count_overlaps(boxes) > 1 for box in boxes)  # one: itself
        assert numbers <= {text.get_text() for text in drawn if text.get_visible()}  # the newest
        assert len(boxes) < len(drawn)


@pytest.mark.slow
def test_the_page_without_a_score(book, tmp_path):
    file = tmp_path / "page.html"
    assert main(["history", "--html", str(file)]) == 0
    assert "`python -m local train`" in file.read_text()
    book.add("train", recipe="dcgan")
    assert main(["history", "--html", str(file)]) == 0
    page = file.read_text()
    assert "No row has a score yet" in page
    assert "No row has a score of Kaggle" in page


@pytest.fixture
def pictures(tmp_path):
    """An archive of noise, and a folder of other noise."""
    for name, first in (("fake", 0), ("real", 10)):
        (tmp_path / name).mkdir()
        for number in range(4):
            noise(64, 64, first + number).save(tmp_path / name / f"{number}.png")
    return zip_folder(tmp_path / "fake", tmp_path / "images.zip"), tmp_path / "real"


@pytest.mark.slow
def test_score_notes_what_the_metric_says(book, pictures, capsys, monkeypatch):
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    images, real = pictures
    book.add("rehearsal", place=images, images_sha256=digest(images), public=70.0)
    graph = ["--graph", str(images.parent / "gone.pb")]
    assert main(["history", "score", "1", "--real", str(real), *graph]) == 2
    assert "gone.pb" in capsys.readouterr().err
    assert main(["history", "score", "1", "--real", str(real), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    row = book.row(1)
    assert {name: getattr(row, name) for name in said} == said
    known = score(images, real).as_dict()
    assert {name: said[name] for name in said if name != "kid"} == {
        name: known[name] for name in ("fid", "mifid", "distance", "label")
    }
    assert row.public == 70.0
    images.write_bytes(b"others")
    assert main(["history", "score", "1", "--real", str(real)]) == 2
    assert "has changed since, its pictures are others" in capsys.readouterr().err
