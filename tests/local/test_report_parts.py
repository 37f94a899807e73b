"""The parts of a report: what is read from a run's folder, and what is measured."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import voc
from PIL import Image

from local.errors import InputError
from local.pictures import sheet
from local.report import breed_classifier, frames, looks, sizer
from local.report.colour import brightness, detail, histogram
from local.report.curves import marks
from local.report.extractor import unseen
from local.report.facts import phases
from local.report.folder import open_folder
from local.report.kernel_log import last_line
from local.themes import NEUTRAL
from local.train.watchers import read_log
from submission import archive

TOLD = {"images": 10_000, "recipe": {"name": "dcgan"}, "seconds": {"train": 90.0, "write": 10.0}}


def noise(seed, side=64):
    pixels = np.random.default_rng(seed).integers(0, 256, (side, side, 3), np.uint8)
    return Image.fromarray(pixels)


def log(folder, *lines):
    folder.mkdir(exist_ok=True)
    (folder / "log.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "images.zip").write_bytes(b"not a zip")
    return folder


def tick(step, **more):
    record = {"step": step, "kimg": step / 100, "seconds": step / 10, "images_per_second": 200.0}
    return json.dumps(record | more)


def test_a_log_is_read_as_far_as_it_goes(tmp_path):
    score = json.dumps({"step": 5, "kimg": 0.05, "seconds": 1.0, "quick_kid": 0.1})
    odd = ["", "[1]", '{"step": "x"}', '{"step": 7, "kimg": NaN, "seconds": 1}', tick(9)[:-9]]
    folder = open_folder(log(tmp_path / "run", tick(1), score, *odd, tick(2)), images=5)
    assert [record["step"] for record in folder.ticks] == [1, 2]
    assert [record["quick_kid"] for record in folder.scores] == [0.1]
    said = " ".join(folder.missing)
    assert "images.zip cannot be shown" in said and "No recipe" in said and "No sample grid" in said


def test_a_log_tells_finite_numbers_alone(tmp_path):
    line = '{"step": 1, "on": true, "loss": NaN, "kid": "2", "left": Infinity, "huge": 1e999}'
    file = tmp_path / "log.jsonl"
    file.write_text(f'[1]\n"x"\n{line}\n{{"huge": {10**400}}}\n{{"step": 2')
    assert read_log(file) == [{"step": 1}]
    assert read_log(tmp_path / "none.jsonl") == []


def test_what_an_archive_says_needs_none_of_its_pictures(tmp_path, monkeypatch):
    pictures = np.stack([np.asarray(noise(seed)) for seed in range(3)])
    archive.write(tmp_path / "images.zip", [pictures], {"device": "abacus"})
    for name in ("check", "pixels"):
        monkeypatch.setattr(archive, name, None)
    folder = open_folder(tmp_path, images=0)
    assert folder.about == {"device": "abacus"} and folder.images is None
    (tmp_path / "images.zip").write_bytes(b"cut off")
    assert open_folder(tmp_path, images=0).about == {}


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(InputError, match="no run there"):
        open_folder(tmp_path, images=5)


@pytest.mark.parametrize("form", ["plain", "kaggle"])
def test_the_last_line_of_a_kernel_is_found_in_either_form_of_log(tmp_path, form):
    lines = ["kimg 1.0", '{"images": 3}', json.dumps(TOLD), "a farewell"]
    if form == "kaggle":
        told = [{"stream_name": "stdout", "time": 1.5, "data": line + "\n"} for line in lines]
        lines = ["[" + json.dumps(told[0]), *("," + json.dumps(one) for one in told[1:]), "]"]
    (tmp_path / "kernel.log").write_text("\n".join(lines))
    (tmp_path / "other.txt").write_text("nothing")
    assert last_line(tmp_path) == TOLD


def test_a_kernel_tells_its_phases_and_a_log_only_two(tmp_path):
    (tmp_path / "kernel.log").write_text(json.dumps(TOLD))
    folder = open_folder(log(tmp_path, tick(1)), images=0)
    assert phases(folder) == ({"train": 90.0, "write": 10.0}, "as the kernel counted them")


def test_snapshots_are_placed_by_the_log(tmp_path):
    for step in (0, 50, 100):
        file = tmp_path / "samples" / f"step-{step:09}.png"
        file.parent.mkdir(exist_ok=True)
        noise(step, 8).save(file)
    (tmp_path / "samples" / "step-1.png").write_bytes(b"")
    folder = open_folder(log(tmp_path, tick(40), tick(100)), images=0)
    assert [grid.step for grid in folder.grids] == [0, 50, 100]
    assert marks(folder, folder.grids).minutes == pytest.approx([0, 5 / 60, 10 / 60])


def test_frames_are_evenly_spaced_with_both_ends():
    assert frames.chosen(3) == [0, 1, 2]
    places = frames.chosen(1000)
    assert (places[0], places[-1], len(places)) == (0, 999, frames.MOST)
    assert len(set(np.diff(places).round(-1))) <= 2


def test_frames_that_would_not_fit_are_compressed_more(monkeypatch):
    monkeypatch.setattr(frames, "ROOM", 40_000)
    many = frames.strip("k", "Snapshot", [noise(i, 128) for i in range(4)], ["<a>", "b", "c", "d"])
    monkeypatch.setattr(frames, "ROOM", 10**9)
    assert (
        len(many) < 60_000 < len(frames.strip("k", "T", [noise(i, 128) for i in range(4)], "abcd"))
    )
    assert "&lt;a&gt;" in many and "<a>" not in many


def separate(count, breeds, apart):
    random = np.random.default_rng(0)
    labels = np.arange(count) % breeds
    centres = random.standard_normal((breeds, 12)) * apart
    return centres[labels] + random.standard_normal((count, 12)), labels


def test_a_classifier_knows_how_often_it_is_right():
    values, labels = separate(600, 4, apart=6)
    held_out = unseen(600).numpy()
    found = breed_classifier.learned(values, labels, held_out, 4)
    assert found.accuracy == pytest.approx(1, abs=0.02) and not found.weak
    assert found.shares == pytest.approx(np.bincount(labels[held_out]) / held_out.sum(), abs=0.02)
    assert (found.named(values) == labels).mean() > 0.97
    blind = breed_classifier.learned(separate(600, 4, apart=0)[0], labels, held_out, 4)
    assert blind.weak and blind.accuracy < 0.45


def test_nothing_is_named_where_there_is_nothing_to_learn():
    values, labels = separate(600, 4, apart=6)
    assert breed_classifier.learned(values, labels, unseen(600).numpy(), 1) is None
    assert breed_classifier.learned(values[:80], labels[:80], unseen(80).numpy(), 4) is None


def test_the_classifier_is_asked_about_what_nothing_learned_from():
    """Features that know the pictures by heart, but not the others, do not look good."""
    values, labels = separate(600, 4, apart=0)
    held_out = unseen(600).numpy()
    values[~held_out] += 9 * np.eye(12)[labels[~held_out]]
    assert breed_classifier.learned(values, labels, held_out, 4).accuracy < 0.5


def test_a_sizer_knows_how_much_it_tells():
    random = np.random.default_rng(0)
    values = random.standard_normal((600, 6))
    shares = 0.5 + 0.1 * values[:, 0] - 0.05 * values[:, 1]
    shares[::5] = np.nan  # of no box
    held_out = unseen(600).numpy()
    found = sizer.learned(values, shares, held_out)
    assert found.told == pytest.approx(1, abs=0.4) and not found.weak
    assert found.unseen == (held_out & np.isfinite(shares)).sum()
    apart = found.shares(values[:1] + np.eye(6)[0]) - found.shares(values[:1])
    assert 0.03 < apart[0] < 0.1  # with a penalty, less than there is
    blind = sizer.learned(random.standard_normal((600, 6)), shares, held_out)
    assert blind.weak and blind.told < 0.1
    assert sizer.learned(values, np.full(600, np.nan), held_out) is None
    assert sizer.learned(values, np.full(600, 0.25), held_out) is None  # all of one size


def test_boxes_tell_how_much_of_a_picture_is_covered(make_dogs):
    data = make_dogs(3)
    (first, second, third) = sorted(path.name for path in (data / "all-dogs").iterdir())
    notes = {path.name: path for path in (data / "Annotation").rglob("n*_?")}
    notes[Path(second).stem].write_text(voc([(0, 0, 50, 80), (25, -9, 75, 99), (0, 0, 1, 1)]))
    notes[Path(third).stem].write_text("damaged")
    found = sizer.covered(data, [f"all-dogs/{name}" for name in (second, first, third)])
    assert found[:2] == pytest.approx([0.75, 50 * 60 / 8000], abs=0.02) and np.isnan(found[2])


def test_gaps_of_a_grid_have_a_tone_for_either_paper():
    tones = [int(NEUTRAL[at : at + 2], 16) for at in (1, 3, 5)]
    grid = sheet(np.zeros((4, 8, 8, 3), np.uint8))
    toned = np.asarray(looks._toned(grid, 8))
    assert np.array_equal(toned[8], [tones] * 18) and np.array_equal(toned[:, 9], [tones] * 18)
    assert not toned[:8, :8].any() and not toned[10:, 10:].any()
    assert looks._toned(grid, 7) is grid  # another side than the file's


def test_colours_are_measured():
    dark = np.zeros((2, 8, 8, 3), np.uint8)
    light = dark + np.uint8(100)
    assert brightness(light) - brightness(dark) == pytest.approx(100)
    assert detail(light) == 0
    stripes = dark.copy()
    stripes[:, :, ::2] = 50
    assert detail(stripes) == pytest.approx(25)  # 50 across, 0 down
    assert histogram(light)[:, 100].tolist() == [1, 1, 1]
