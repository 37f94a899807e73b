"""What a report says of its own limits, and its numbers as text, on paper and for programs."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from helpers import ROOT
from PIL import Image

from local import breeds, rows
from local.__main__ import main
from local.judging import Reals
from local.pictures import sheet
from local.recipes import PRESETS
from local.report import beside, canvas, colour, curves, facts, fairness, fairness_part, looks
from local.report.breed_classifier import BreedClassifier
from local.report.build import cards
from local.report.canvas import Canvas, number
from local.report.extractor import FeatureExtractor
from local.report.fairness import BreedFairness, Fairness
from local.report.folder import Folder, Grid
from local.report.sizer import Sizer
from local.report.subject import Fakes, Real, Subject
from local.themes import DARK, LIGHT, PRINT
from local.train.devices import choose
from mifid.features import Features
from mifid.network import random_network

PICTURES = np.random.default_rng(0).integers(0, 256, (20, 64, 64, 3), np.uint8)
BREEDS = ["Red_dog", "Green_dog"]
WHITE = (255, 255, 255)


@pytest.fixture(autouse=True)
def plots(monkeypatch):
    """Plots are not drawn."""
    monkeypatch.setattr(canvas, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)


@pytest.fixture(scope="module")
def network():
    return random_network()


def folder(tmp_path, **more):
    there = {
        "ticks": [],
        "scores": [],
        "grids": [],
        "reconstructions": [],
        "images": None,
        "image_count": 0,
        "about": {},
    }
    return Folder(tmp_path, tmp_path, **{"recipe": None, "classes": None} | there | more)


def features(network, count, seed):
    values = np.random.default_rng(seed).random((count, 8)).astype(np.float32)
    return Features(values, network.name, network.identity)


def reals(network, count):
    return Reals(PICTURES[:count], features(network, count, 1), np.arange(count) % 2, BREEDS)


def subject(tmp_path, network, exact=False, everything=900, crops=True):
    extractor = FeatureExtractor(network, "a small classifier", scores=True, exact=exact)
    found = reals(network, 4)
    side = reals(network, 6) if crops else None
    real = Real(extractor, found, side, everything, 700 if crops else 0, True, None, None)
    fakes = Fakes(PICTURES, "20 drawn by the snapshot of step 2", features(network, 20, 2))
    return Subject(folder(tmp_path), choose("cpu"), None, fakes, real)


def test_nearest_pairs_claim_no_more_than_was_searched(tmp_path, network):
    told = Canvas()
    words = "".join(beside.nearest_blocks(subject(tmp_path, network), told))
    assert "would be here" not in words
    assert "Searched: 4 whole pictures of 900 and 6 crops of 700." in words
    assert "A copy of any other would not be found" in words
    assert "a small classifier means little" in words
    assert "neither prove copies nor rule them out" in words
    pairs = told.numbers["Distances of the pairs shown"]
    kinds = {f"{breed}, {kind}" for breed in BREEDS for kind in ("whole picture", "crop")}
    assert len(pairs) == 16 and {pair["Real one"] for pair in pairs} <= kinds
    assert all(isinstance(pair["Distance"], float) for pair in pairs)


def test_the_metric_s_own_pairs_among_all_pictures_have_no_such_limits(tmp_path, network):
    whole = subject(tmp_path, network, exact=True, everything=4, crops=False)
    words = "".join(beside.nearest_blocks(whole, Canvas()))
    assert "Searched: 4 whole pictures of 4." in words
    assert "means little" not in words and "would not be found" not in words


@pytest.mark.parametrize(("count", "words"), [(1, "of 1 breed 0.50"), (2, "of 2 breeds 0.50")])
def test_breeds_are_counted_as_one_says_it(tmp_path, network, monkeypatch, count, words):
    seen = [breeds.Breed(name, 3, 0.5, PICTURES[:1], PICTURES[:1]) for name in BREEDS[:count]]
    monkeypatch.setattr(beside, "_seen", lambda *_: seen)
    assert words in "".join(beside.breed_blocks(subject(tmp_path, network), Canvas()))


def test_a_sheet_of_a_run_without_images_zip_says_what_it_shows(tmp_path, network):
    (sheet,) = looks.final(subject(tmp_path, network), Canvas())
    assert "The first 20 of 20 drawn by the snapshot of step 2, nothing picked out" in sheet
    assert sheet.count("data:image/jpeg") == 1  # fit for either paper


def test_sheets_are_on_the_page_s_own_paper(tmp_path):
    seen = [breeds.Breed("Red_dog", 3, 0.5, PICTURES[:2], PICTURES[:2])]
    for theme in (LIGHT, DARK, PRINT):
        image = rows.stacked([rows.text("words", 60, 20, theme=theme)])
        assert hexadecimal(image.getpixel((59, 19))) == theme.paper
        assert len(image.getcolors()) > 1
        gap = sheet(PICTURES[:2], gap=theme.paper).getpixel((65, 5))
        assert hexadecimal(gap) == theme.paper
        whole = breeds.picture(seen, theme)
        corners = (0, 0), (breeds.NAME_WIDTH + 65, 30), (whole.width - 1, whole.height - 1)
        assert {hexadecimal(whole.getpixel(at)) for at in corners} == {theme.paper}
    assert sheet(PICTURES[:2]).getpixel((65, 5)) == rows.text("", 1, 1).getpixel((0, 0)) == WHITE
    drawn = partial(breeds.picture, seen)
    worded = Canvas().worded("a", drawn, "alt", "caption")
    assert worded.count("data:image/jpeg") == 2 and "prefers-color-scheme: dark" in worded
    plain = Canvas().sheet("b", sheet(PICTURES[:2]), "alt", "caption")
    assert plain.count("data:image/jpeg") == 1


def hexadecimal(pixel):
    return "#{:02x}{:02x}{:02x}".format(*pixel)


def test_a_canvas_keeps_pngs_only_where_they_are_asked_for():
    image = sheet(PICTURES[:2])
    for keeps in (True, False):
        told = Canvas(keeps)
        told.sheet("plain", image, "alt", "caption")
        assert "class=" not in told.worded("worded", lambda theme: image, "alt", "caption")
        plot = told.plot("plot", lambda figure: None, 1, "alt", "caption")
        assert set(told.pngs) == ({"plain", "worded", "plot"} if keeps else set())
        assert all(data.startswith(b"\x89PNG") for data in told.pngs.values())
        assert 'class="plot"' in plot  # which alone scrolls on a narrow screen


@pytest.mark.slow
def test_no_command_loads_matplotlib_that_draws_nothing_with_it():
    """It takes a second, before every run."""
    for command in ("train", "sample", "walk"):
        loads = f"import sys, local.commands.{command}; assert 'matplotlib' not in sys.modules"
        subprocess.run([sys.executable, "-c", loads], cwd=ROOT, check=True)


def breed(name, forgotten):
    return BreedFairness(name, 0.5, 0.078, 0.01, None, None, None, None, forgotten)


def judged(accuracy):
    classifier = BreedClassifier(
        np.zeros(0), np.zeros(0), accuracy, np.full(3, 1 / 3), np.array([3, 9, 65])
    )
    found = [breed("a", None), breed("b", True), breed("c", False)]
    return Fairness(found, True, classifier, 1000, None, None, None)


@pytest.mark.parametrize(
    ("accuracy", "verdicts"),
    [(0.34, ["no verdict"] * 3), (0.9, ["too few", "forgotten", "not forgotten"])],
)
def test_a_verdict_is_missing_for_its_own_reason(
    tmp_path, network, monkeypatch, accuracy, verdicts
):
    monkeypatch.setattr(fairness_part, "fairness", lambda _: judged(accuracy))
    told = Canvas()
    words = "".join(fairness_part.blocks(subject(tmp_path, network), told))
    table = told.numbers["Breed by breed, those that fall short the most first"]
    assert [row["Verdict"] for row in table] == verdicts
    assert list(table[0])[:2] == ["Breed", "Verdict"]
    assert table[0]["Seen in real"] == 0.078 and "<td>7.8%</td>" in words
    assert "±3.1 percentage points or better among the 1,000 generated pictures" in words
    assert "±11.2 among the 77 real ones, which are 3 to 65 a breed" in words


@pytest.fixture
def measured(tmp_path, network, monkeypatch):
    """What the section says of pictures of one breed, with a sizer or without."""
    monkeypatch.setattr(fairness, "EACH", 10)
    monkeypatch.setattr(fairness, "FEWEST", 4)
    of = subject(tmp_path, network, crops=False)
    whole = Reals(PICTURES, features(network, 20, 1), np.zeros(20, int), BREEDS[:1])

    def tell(sizer):
        told = Canvas()
        real = replace(of.real, reals=whole, sizer=sizer)
        words = "".join(fairness_part.blocks(replace(of, real=real), told))
        (row,) = told.numbers["Breed by breed, those that fall short the most first"]
        return words, row

    return tell


def test_pictures_of_one_breed_are_measured_without_a_classifier(measured):
    words, row = measured(None)
    assert "One breed only" in words and "too few real pictures have a box" in words
    assert 0 <= row["Precision"] <= 1 and 0 <= row["Recall"] <= 1
    assert row["Colour"] == row["Brighter"] == 0 and row["Detail"] == 1  # the same ones
    assert "Seen in generated" not in row and "Larger" not in row


@pytest.mark.parametrize("told", [0.8, 0.1])
def test_sizes_are_measured_where_features_tell_them(measured, told):
    weights = np.zeros(8)
    weights[0] = 0.5  # of features from 0 to 1
    words, row = measured(Sizer(weights, np.full(8, 0.5), 0.4, told, 70))
    assert f"{told:.0%} of how 70 real pictures" in words
    if told > 0.5:
        first = (np.random.default_rng(seed).random((20, 8))[:, 0].mean() for seed in (2, 1))
        assert row["Larger"] == pytest.approx(0.5 * np.subtract(*first), abs=1e-6)
        assert "The dog takes " in words
    else:
        assert "Larger" not in row and "is not measured" in words


def test_every_column_has_a_name_and_settings_are_values(tmp_path):
    recipe = replace(PRESETS["hinge-sagan"], batch=7)
    told = Canvas()
    page = "".join(facts.recipe_blocks(folder(tmp_path, recipe=recipe), told, []))
    assert not re.search(r"<th[^>]*></th>", page)
    changed = {r["Setting"]: r for r in told.numbers["Where the recipe differs from the defaults"]}
    assert changed["batch"]["This run"] == 7 and changed["batch"]["Against it"] == "differs"
    assert {"differs", "the same"} == {row["Against it"] for row in changed.values()}


def tick(step):
    return {"step": step, "kimg": step / 10, "seconds": 2.0 * step, "images_per_second": 5.0}


@pytest.mark.parametrize(("ticks", "shown"), [(217, 217), (1000, 300)])
def test_curves_have_their_ticks_as_numbers(tmp_path, ticks, shown):
    told = Canvas()
    page = curves.blocks(folder(tmp_path, ticks=[tick(i + 1) for i in range(ticks)]), told)
    ((title, table),) = told.numbers.items()
    assert len(table) == shown and (table[0]["step"], table[-1]["step"]) == (1, ticks)
    assert ("evenly spaced from the first to the last" in title) == (shown < ticks)
    assert f">{ticks:,}</th>" in "".join(page)


def test_every_snapshot_s_step_is_told(tmp_path):
    file = tmp_path / "grid.png"
    Image.new("RGB", (8, 8)).save(file)
    told = Canvas()
    grids = [Grid(step, file) for step in range(0, 400, 10)]
    looks.over_time(folder(tmp_path, grids=grids, ticks=[tick(400)]), told)
    assert [row["Step"] for row in told.numbers["All snapshots"]] == list(range(0, 400, 10))
    assert "grids" in cards(folder(tmp_path, grids=grids))


def test_colours_are_told_as_they_are_drawn(tmp_path, network):
    told = Canvas()
    colour.blocks(subject(tmp_path, network), told)
    table = told.numbers["Pixels by level"]
    assert [table[0]["Levels"], table[-1]["Levels"]] == ["0 to 3", "252 to 255"]
    for side in ("generated", "real"):
        assert sum(row[f"green, {side} (%)"] for row in table) == pytest.approx(100)
    assert table[5]["red, generated (%)"] == pytest.approx(
        100 * np.isin(PICTURES[..., 0], range(20, 24)).mean()
    )


def test_the_help_tells_its_own_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["report", "--help"])
    told = " ".join(capsys.readouterr().out.split())
    assert "(default: the drawn dogs where the run was trained on them, else none" in told
    assert "or a small classifier that learns the real pictures" in told


def test_programs_read_numbers_and_people_words():
    told = Canvas()
    cells = [[number(1234, ","), number(0.5, ".0%"), number(None, "g"), float("nan")]]
    page = told.table("t", ("a", "b", "c", "d"), cells)
    assert "1,234" in page and "50%" in page and "–" in page
    assert json.dumps(told.numbers["t"]) == '[{"a": 1234, "b": 0.5, "c": null, "d": null}]'
