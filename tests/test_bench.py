"""A measurement runs and says what it measured; how fast, no test says."""

import json
import math

import numpy as np
import pytest
from helpers import noise, voc
from PIL import Image

from bench import cropped, quality
from bench.__main__ import main
from local import judging, project
from local.__main__ import main as local_main
from local.compare import comparison
from local.data.competition import find
from local.data.prepared import prepare
from mifid.distance import memorization_distance
from mifid.features import compute
from mifid.frechet import frechet_distance, moments
from mifid.network import open_network, random_network
from mifid.score import score


def test_an_unknown_measurement_is_two(capsys):
    assert main(["nothing"]) == 2
    assert "train" in capsys.readouterr().err


@pytest.fixture
def floor(tmp_path, monkeypatch):
    """Runs the command in caches of its own, with the random network."""
    monkeypatch.setattr(judging, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def command(*words):
        out = tmp_path / "floor.jsonl"
        assert main(["floor", *map(str, words), "--out", str(out)]) == 0
        return [json.loads(line) for line in out.read_text().splitlines()]

    return command


def test_the_floor_has_a_row_for_every_policy_and_one_for_each_half(floor, make_dogs, capsys):
    rows = floor("--data", make_dogs(13), "--splits", "2")
    policies = [row["policy"] for row in rows]
    assert policies == [
        *("squash", "squash", "box", "centre", "tight", "jitter", "fill"),
        *("squash, as coarse as box", "box+squash", "tight+squash", "jitter+squash"),
    ]
    assert {row["crops"] for row in rows} == {6}
    for row in rows:
        assert all(math.isfinite(row[key]) for key in ("fid", "kid", "distance"))
        assert row["distance"] > 0
    assert {row["split"] for row in rows[:2]} == {0, 1}
    assert all(row["own"] == pytest.approx(0, abs=1e-12) for row in rows[:2])
    assert all(row["own"] > 0 for row in rows[2:])
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].startswith("6 crops against 6 whole pictures of") and "100% have" in lines[2]
    assert lines[3].startswith("not comparable")
    assert len([line for line in lines if line.startswith("| ")]) == 1 + 10
    assert any(line.startswith("| squash | 6 |") and " | +0.0 | " in line for line in lines)


def test_the_floor_of_whole_halves_is_their_frechet_distance(floor, make_dogs):
    root = make_dogs(12)
    squash = floor("--data", root, "--splits", "1")[0]
    whole = prepare(root, 64, "squash").pictures.permute(0, 2, 3, 1).numpy()
    order = np.random.RandomState(0).permutation(12)
    halves = (np.sort(rows) for rows in (order[:6], order[6:]))
    real, other = (compute([whole[rows]], random_network()) for rows in halves)
    assert squash["fid"] == pytest.approx(frechet_distance(moments(other), moments(real)))
    assert squash["distance"] == pytest.approx(memorization_distance(other, real))


def test_the_floor_counts_equally_many_crops_and_only_what_it_was_told(floor, make_dogs, capsys):
    root = make_dogs(20)
    annotations = sorted((root / "Annotation").glob("*/*"))
    for annotation in annotations[::5]:
        annotation.unlink()
    for annotation in annotations[1::5]:
        annotation.write_text(voc([(0, 0, 9, 9)]))  # too small to be cropped
    words = ["--data", root, "--splits", "1", "--annotated", "--limit", "6"]
    rows = {row["policy"]: row for row in floor(*words)}
    assert rows["box"]["found"] < 6 and rows["centre"]["found"] == 6
    assert {row["crops"] for row in rows.values()} == {rows["box"]["found"]}
    out = capsys.readouterr().out
    assert "against 6 whole pictures" in out and "100% have boxes" in out


def test_without_boxes_the_floor_is_that_of_the_centre(floor, make_dogs, capsys):
    root = make_dogs(8)
    for annotation in (root / "Annotation").glob("*/*"):
        annotation.unlink()
    rows = {row["policy"]: row for row in floor("--data", root, "--splits", "1")}
    like_it = ("box", "centre", "tight", "jitter", "fill")
    assert len({rows[policy]["fid"] for policy in like_it}) == 1
    capsys.readouterr()
    assert main(["floor", "--data", str(root), "--annotated"]) == 2
    error = capsys.readouterr().err
    assert "0 pictures with an annotation" in error and len(error.strip().splitlines()) == 1


def test_a_limited_floor_opens_no_other_pictures(floor, make_dogs, tmp_path, monkeypatch, capsys):
    root = make_dogs(20)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100 * 80)
    last = max((root / "all-dogs").iterdir())  # the evenly spaced ones begin with the first
    noise(101, 80, 1).save(last)
    rows = floor("--data", root, "--splits", "1", "--limit", "5")
    assert {row["found"] for row in rows if row["policy"] in ("box", "centre", "jitter")} == {5}
    assert not list((tmp_path / "cache").glob("dogs-*"))
    assert main(["floor", "--data", str(root)]) == 2
    assert f"{last.name}: over 8,000 pixels" in capsys.readouterr().err


def test_the_floor_of_an_odd_number_that_decode_leaves_one_out(floor, make_dogs, capsys):
    root = make_dogs(10)
    for name in ("n00000001_0", "n00000001_4", "n00000002_9"):
        (root / f"all-dogs/{name}.jpg").write_bytes(b"not a picture")
    assert {row["crops"] for row in floor("--data", root, "--splits", "1")} == {3}
    for picture in (root / "all-dogs").glob("n00000002*"):
        picture.write_bytes(b"not a picture")
    capsys.readouterr()
    assert main(["floor", "--data", str(root)]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "3 of 10 pictures decode" in error and "raise --limit" in error


def test_a_policy_without_crops_is_told_by_its_name(make_dogs, monkeypatch, capsys):
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    root = make_dogs(8)
    for annotation in (root / "Annotation").glob("*/*"):
        annotation.write_text(voc([(0, 0, 9, 9)]))
    assert main(["floor", "--data", str(root)]) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        "bench floor: crop=box: none of 4 pictures gave a crop (4 boxes left out);"
        " raise --limit or name a larger set"
    )


def test_the_floor_says_how_far_it_is_without_a_terminal(floor, make_dogs, capsys):
    floor("--data", make_dogs(8), "--splits", "2")
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith("8 pictures of ") and "box: 4 crops of 4 pictures" in said
    scored = [line.partition(": FID")[0] for line in said if ": FID" in line]
    assert scored[:3] == ["squash", "squash", "box"] and scored[-1] == "jitter+squash"
    assert len(scored) == 11


def test_a_coarse_picture_has_no_more_detail_than_its_crop(make_dogs, tmp_path):
    root = make_dogs(2)
    (root / "Annotation/n00000001-Red_dog/n00000001_0").write_text(voc([(0, 0, 32, 32)]))
    (root / "Annotation/n00000002-Blue_dog/n00000002_1").write_text(voc([(10, 10, 90, 80)]))
    fine = np.asarray(noise(64, 64, 1))
    names = ["all-dogs/n00000001_0.jpg", "all-dogs/n00000002_1.jpg"]
    small, same = cropped.coarse(find(root), dict.fromkeys(names, fine))
    half = Image.fromarray(fine).resize((32, 32), Image.Resampling.LANCZOS)
    assert np.array_equal(small, half.resize((64, 64), Image.Resampling.LANCZOS))
    assert np.array_equal(same, fine)


def test_a_failure_of_the_second_layer_is_that_rows_alone(make_dogs, tmp_path, monkeypatch, capsys):
    for module in (project, judging, comparison):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.setattr(quality, "open_network", lambda *_, **__: random_network())
    load, calls = quality.load, []

    def fails_once(*arguments):
        calls.append(arguments)
        if len(calls) == 1:
            raise MemoryError
        return load(*arguments)

    monkeypatch.setattr(quality, "load", fails_once)
    words = ["quality", "best-dcgan", "ralsgan", "size=16", "g_width=4", "d_width=4", "batch=4"]
    words += ["--data", str(make_dogs(8)), "--graph", "any.pb", "--minutes", "0.01"]
    words += ["--images", "6", "--out", str(tmp_path / "q")]
    assert main(words) == 1
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    assert "FID 768: memory is full" in table[2] and "FID 768" not in table[3]
    rows = [json.loads(line) for line in (tmp_path / "q" / "quality.jsonl").open()]
    assert [row["fid"] > 0 for row in rows] == [True, True]
    assert rows[0]["fid_of_layer"] is None and rows[1]["fid_of_layer"] > 0


@pytest.mark.slow
def test_quality_sets_recipes_and_seeds_side_by_side(
    shared, make_dogs, tmp_path, monkeypatch, capsys
):
    for module in (project, judging, comparison):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    graph = shared / "inception" / "reconstructed_graph_def.pb"
    words = ["quality", "best-dcgan", "ralsgan", "size=16", "g_width=4", "d_width=4", "batch=4"]
    words += ["--data", str(make_dogs(8)), "--graph", str(graph), "--minutes", "0.01"]
    words += ["--seeds", "0", "1", "--images", "6", "--out", str(tmp_path / "q"), "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(row["recipe"], row["seed"]) for row in told["rows"]] == [
        *(("best-dcgan", 0), ("ralsgan", 0), ("best-dcgan", 1), ("ralsgan", 1))
    ]
    assert all(row["fid"] > 0 and row["fid_of_layer"] > 0 for row in told["rows"])
    assert "8 real pictures" in told["data"] and "bench quality best-dcgan" in told["command"]
    lines = (tmp_path / "q" / "quality.jsonl").read_text().splitlines()
    assert [json.loads(line)["fid"] for line in lines] == [row["fid"] for row in told["rows"]]
    assert main([*words[:-1]]) == 0  # nothing is trained or judged again
    table = [line for line in capsys.readouterr().out.splitlines() if line.startswith("|")]
    first, second = (line.split(" | ") for line in table[2:4])
    assert first[5] == "1.00" and float(second[5]) == pytest.approx(
        told["rows"][1]["fid"] / told["rows"][0]["fid"], abs=0.006
    )
    run = tmp_path / "q" / "seed-1" / "ralsgan"
    zipped = tmp_path / "six.zip"
    assert (
        local_main(["sample", str(run), "--count", "6", "--seed", "1", "--out", str(zipped)]) == 0
    )
    found = score(zipped, tmp_path / "dogs" / "all-dogs", open_network(graph, layer="768"))
    assert found.fid == pytest.approx(told["rows"][3]["fid_of_layer"], rel=1e-4)
