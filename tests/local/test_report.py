"""The report of a run as a user asks for it: one page, whatever is missing."""

import contextlib
import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from browser import screenshot, scrolls_sideways
from helpers import refused
from PIL import Image

from local import judging, project
from local.__main__ import main
from local.commands import train
from local.data import default
from local.report import canvas, extractor, subject
from submission.ledger import TRAIN, Ledger

pytest_plugins = ["browser"]
BREEDS = ("Red_dog", "Green_dog", "Blue_dog")
SMALL = ["size=32", "g_width=4", "d_width=4", "latent=8", "batch=8", "snapshots=3"]
LARGEST = 15_000_000  # bytes of a page
SECTIONS = [
    "grids", "curves", "final", "breeds", "nearest", "walks", "truncation", "colours", "fairness",
    "timeline", "recipe", "hardware",
]  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def caches(tmp_path_factory):
    """A cache of this file's own, and no graph."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        for module in (project, train, default, judging, subject):
            patch.setattr(module, "CACHE", folder)
        patch.delenv("MIFID_GRAPH", raising=False)
        patch.setenv("XDG_CACHE_HOME", str(folder))
        patch.setattr(extractor, "JUDGE_SECONDS", 20.0)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Pictures of three breeds, each of its own colour."""
    root, random = tmp_path_factory.mktemp("dogs"), np.random.default_rng(0)
    for i in range(300):
        folder = root / BREEDS[i % 3]
        folder.mkdir(exist_ok=True)
        pixels = random.integers(0, 120, (24, 24, 3), np.uint8)
        pixels[..., i % 3] += 100
        Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory) -> Path:
    """A run of a generator that knows breeds."""
    run = tmp_path_factory.mktemp("runs") / "first"
    words = ["train", "--data", str(data), "--recipe", "hinge-sagan", "--steps", "6"]
    assert main([*words, "--out", str(run), "--images", "70", *SMALL]) == 0
    (last,) = run.glob("samples/step-000000006.png")
    for step in (2, 4):  # how many snapshots there are is a matter of seconds
        shutil.copy(last, run / "samples" / f"step-{step:09}.png")
    return run


@pytest.fixture
def run(trained, tmp_path, monkeypatch) -> Path:
    """A copy, to be damaged; its plots are not drawn, which would cost seconds."""
    monkeypatch.setattr(canvas, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)
    reports = shutil.ignore_patterns("report*")
    return shutil.copytree(trained, tmp_path / "run", ignore=reports)


class Page(HTMLParser):
    """Tags, words, addresses and ids of a page."""

    def __init__(self, file: Path):
        super().__init__()
        self.text = file.read_text()
        self.tags, self.ids, self.links, self.alts, self.words = [], [], [], [], ""
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.tags.append(tag)
        self.ids += [given["id"]] if "id" in given else []
        self.links += [given[k] for k in ("src", "srcset", "href", "action") if k in given]
        self.alts += [given.get("alt")] if tag == "img" else []

    def handle_data(self, data):
        self.words += data


def report(run, *words) -> Page:
    out = run / "report.html"
    assert main(["report", str(run), "--images", "40", *words]) == 0
    return Page(out)


@pytest.fixture(scope="module")
def told(trained, data) -> dict:
    """What a report of everything prints."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        report(trained, "--data", str(data), "--json")
    return json.loads(said.getvalue())


@pytest.fixture(scope="module")
def page(told) -> Page:
    return Page(Path(told["page"]))


@pytest.mark.slow
def test_the_page_has_every_part_and_needs_nothing_but_itself(page):
    assert [key for key in page.ids if key in SECTIONS] == SECTIONS
    assert "missing" not in page.ids
    assert all(link.startswith(("data:image/", "#")) for link in page.links)
    assert {link[1:] for link in page.links if link.startswith("#")} <= set(page.ids)
    assert "http:" not in page.text and "https:" not in page.text
    assert "url(" not in page.text and "@import" not in page.text
    assert page.tags.count("script") == 1 and "script-src 'sha256-" in page.text
    assert len(page.text) < LARGEST


@pytest.mark.slow
def test_the_page_can_be_read_by_everybody(page):
    assert page.alts and all(page.alts)
    assert len(page.ids) == len(set(page.ids))
    assert page.tags.count("figure") == page.tags.count("figcaption")
    assert not re.search(r"<th[^>]*></th>", page.text)
    assert page.tags.count("table") == page.tags.count("caption") > 10
    assert page.tags.count("label") == page.tags.count("input") == page.tags.count("output") == 1


@pytest.mark.slow
def test_what_is_measured_is_named(page):
    assert "a small classifier of breeds that learned the real pictures" in page.words
    assert "not comparable with any FID" in page.words
    assert "Not measured: the pose and the number of the dogs" in page.words
    assert "The size of the dogs is not measured: too few real pictures have a box" in page.words
    assert "40 generated pictures were looked up among 300 whole pictures of 300" in page.words
    assert "names 100% of" in page.words  # a colour each: the classifier cannot fail


@pytest.mark.slow
def test_figures_lie_beside_the_page_and_tables_are_numbers(trained, page, told):
    assert told["page"] == str(trained / "report.html")
    rows = told["tables"]["Breed by breed, those that fall short the most first"]
    assert {row["Breed"] for row in rows} == set(BREEDS)
    assert {row["Training"] for row in rows} == {1 / 3}
    assert [row["Truncation"] for row in told["tables"]["Truncations"]][:2] == [None, 2]
    pngs = {file.stem for file in (trained / "report-figures").iterdir()}
    assert {"curves", "final", "breeds", "nearest-typical", "truncations", "colours"} <= pngs
    assert {"walk-within", "walk-between", "breed-shares", "timeline"} <= pngs
    assert len(page.alts) == len(pngs)
    for file in (trained / "report-figures").iterdir():
        with Image.open(file) as image:
            image.load()


@pytest.mark.slow
def test_without_data_and_pngs_the_rest_is_there(run, capsys):
    page = report(run, "--no-png")
    assert not (run / "report-figures").exists()
    assert "name it with --data" in page.words
    assert "Nothing to set side by side: no real pictures are named" in page.words
    assert {"walks", "truncation", "grids", "missing"} <= set(page.ids)


@pytest.mark.slow
def test_breeds_are_shown_as_they_are_asked_for(run, data, capsys):
    few = ["--real-limit", "60", "--no-png", "--data", str(data)]
    page = report(run, *few, "--breed", "Red_dog", "--breed", "Blue_dog", "--breed", "Red_dog")
    assert "2 of 3 breeds, as they were asked for" in page.words
    assert "A closed walk within Red_dog" in page.words
    assert "A closed walk from Red_dog to Blue_dog, and back" in page.words
    assert main(["report", str(run), "--data", str(data), "--breed", "Bleu_dog"]) == 2
    said = capsys.readouterr().err.splitlines()[-1]
    assert "no breed 'Bleu_dog' (did you mean Blue_dog?); there are: Blue_dog, Green_dog" in said


@pytest.mark.slow
def test_breeds_of_a_run_without_weights_are_those_of_its_data(run, data, capsys):
    shutil.rmtree(run / "snapshots")
    words = ["report", str(run), "--no-png", "--images", "40"]
    assert main([*words, "--breed", "Red_dog"]) == 2
    assert "neither weights that know breeds nor real pictures" in capsys.readouterr().err
    assert main([*words, "--breed", "Pink_dog", "--data", str(data)]) == 2
    assert "no breed 'Pink_dog'" in capsys.readouterr().err
    assert not (run / "report.html").exists()


@pytest.mark.slow
def test_a_run_without_weights_or_pictures_says_so(run, data):
    for name in ("snapshots", "samples"):
        shutil.rmtree(run / name)
    (run / "images.zip").unlink()
    (run / "log.jsonl").unlink()
    words = report(run, "--data", str(data), "--no-png").words
    for said in (
        "no snapshot yet",
        "No images.zip yet",
        "No log of training",
        "No sample grid yet",
        "There is neither an images.zip nor a snapshot",
        "Not measured: there are no generated pictures yet",
    ):
        assert said in words


@pytest.mark.slow
def test_of_a_damaged_snapshot_the_one_before_is_used_and_named(run):
    newest = max((run / "snapshots").iterdir())
    weights = newest / "average.safetensors"
    weights.write_bytes(weights.read_bytes()[:99])
    words = report(run, "--no-png").words
    step = int(newest.name.removeprefix("step-"))
    assert f"The snapshot of step {step:,} is damaged" in words
    assert "the one before it, of step" in words
    for folder in (run / "snapshots").iterdir():
        (folder / "average.safetensors").write_bytes(b"")
    words = report(run, "--no-png").words
    assert "No weights (none of the snapshots can be used)" in words
    assert "There are no weights here to walk with" in words


@pytest.mark.slow
def test_markup_is_shown_as_text(run):
    recipe = json.loads((run / "recipe.json").read_text())
    name, note = "<script>alert(1)</script>", '<img src=x onerror="alert(2)">'
    (run / "recipe.json").write_text(json.dumps(recipe | {"name": name}))
    scores = {"fid": 99.5, "label": "FID (reconstructed)"}
    Ledger().add(TRAIN, place=str(run.resolve()), note=note, **scores)
    page = report(run, "--no-png")
    assert "99.5" in page.words and "FID (reconstructed)" in page.words
    assert f"Run of {name}" in page.words and f"Note: {note}" in page.words
    assert page.tags.count("script") == 1
    assert "x" not in page.links


@pytest.mark.slow
def test_other_data_than_the_run_s_is_told(run, tmp_path):
    other = tmp_path / "other"
    for i in range(4):
        (other / BREEDS[0]).mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (i, 9, 9)).save(other / BREEDS[0] / f"{i}.png")
    page = report(run, "--data", str(other), "--no-png")
    assert "are not those that the run was trained on" in page.words
    assert "pixels, in blocks of 4x4" in page.words  # too few for a judge
    assert "One breed only, or none that the data names" in page.words


@pytest.mark.slow
def test_what_a_kernel_leaves_is_reported(run, data, tmp_path):
    output = tmp_path / "output"
    output.mkdir()
    shutil.copy(run / "images.zip", output)
    recipe = json.loads((run / "recipe.json").read_text())
    told = {"images": 70, "recipe": recipe, "kimg": 4.2, "device": "2 x Tesla T4"}
    last = json.dumps(told | {"seconds": {"data": 4.0, "train": 90.0, "write": 6.0}})
    (output / "kernel.log").write_text(f"data\n{last}\n")
    page = report(output, "--data", str(data), "--no-png")
    assert "100 seconds in all, as the kernel counted them" in page.words
    assert "2 x Tesla T4" in page.words and "No weights here" in page.words
    assert "the first 40 of images.zip" in page.words


@pytest.mark.slow
def test_a_long_run_of_noise_stays_small(run):
    """Two hundred grids of full size, which nothing compresses."""
    random = np.random.default_rng(0)
    for step in range(100, 300):
        pixels = random.integers(0, 256, (526, 526, 3), np.uint8)
        Image.fromarray(pixels).save(run / "samples" / f"step-{step:09}.png", compress_level=0)
    page = report(run, "--no-png")
    assert len(page.text) < LARGEST
    assert "At 24 of " in page.words


BAD = {
    "nowhere": (["report", "nowhere"], "nowhere: no such folder"),
    "no run": (["report", "empty"], "empty: no run there"),
    "a file": (["report", "file"], "file: no such folder"),
    "no place": (["report", "empty", "--out", "nowhere/page.html"], "no place for a file"),
    "images": (["report", "empty", "--images", "0"], "--images"),
    "device": (["report", "empty", "--device", "cuda:99"], "cuda:99"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_two(case, tmp_path, monkeypatch, capsys):
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("mine")
    monkeypatch.chdir(tmp_path)
    refused(*BAD[case], capsys)
    assert not list((tmp_path / "empty").iterdir())


@pytest.mark.slow
def test_another_versions_recipe_and_bad_data_are_refused(run, tmp_path, capsys):
    recipe = json.loads((run / "recipe.json").read_text())
    assert main(["report", str(run), "--data", str(tmp_path / "none")]) == 2
    assert "none: no such folder" in capsys.readouterr().err.splitlines()[-1]
    (run / "recipe.json").write_text(json.dumps(recipe | {"depth": 3}))
    assert main(["report", str(run)]) == 2
    assert "another version of the kit" in capsys.readouterr().err
    assert not (run / "report.html").exists()


@pytest.mark.slow
def test_a_page_that_cannot_be_written_leaves_the_old_one(run, monkeypatch, capsys):
    (run / "report.html").write_text("old")

    def full(*_, **__):
        raise OSError("no space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    assert main(["report", str(run), "--no-png", "--images", "40"]) == 1
    assert capsys.readouterr().err.endswith("local report: no space left on device\n")
    assert (run / "report.html").read_text() == "old"
    assert not [file for file in run.iterdir() if "partial" in file.name]


@pytest.mark.slow
def test_the_slider_moves_by_keyboard_and_says_where_it_is(told, open_page):
    page = open_page(Path(told["page"]))
    slider = page.get_by_role("slider", name="Snapshot")
    frames = page.locator(".strip figure")
    assert slider.is_visible() and frames.count() == 3
    assert [frame.is_visible() for frame in frames.all()] == [False, False, True]
    slider.press("Home")
    assert [frame.is_visible() for frame in frames.all()] == [True, False, False]
    assert slider.get_attribute("aria-valuetext").startswith("step 2, ")
    slider.press("ArrowRight")
    assert page.locator("output").inner_text().startswith("step 4, ")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "strip"


@pytest.mark.slow
def test_without_script_all_frames_are_there(told, open_page):
    page = open_page(Path(told["page"]), java_script_enabled=False)
    assert page.locator(".strip figure").count() == 3
    assert not page.locator("input").is_visible()
    assert all(frame.is_visible() for frame in page.locator(".strip figure").all())


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_the_page_fits_every_screen(told, open_page, width, dark):
    page = open_page(Path(told["page"]), width=width, dark=dark)
    assert not scrolls_sideways(page)
    for folded in page.locator("summary").all():
        folded.click()
    assert not scrolls_sideways(page)
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == ("rgb(21, 24, 28)" if dark else "rgb(255, 255, 255)")
    shown = page.locator("figure picture img").first.evaluate("image => image.currentSrc")
    other = open_page(Path(told["page"]), width=width, dark=not dark)
    assert shown != other.locator("figure picture img").first.evaluate("image => image.currentSrc")
    verdict = page.get_by_role("columnheader", name="Verdict").bounding_box()
    assert width < 1280 or verdict["x"] + verdict["width"] < width
    screenshot(page, f"report-{width}-{'dark' if dark else 'light'}")
