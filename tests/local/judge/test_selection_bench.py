"""`python -m bench selection` picks from draws, and says what that is worth."""

import json

import pytest

from bench import selection as bench


@pytest.fixture
def words(data):
    return ["--data", str(data), "--images", "40", "--device", "cpu"]


def test_draws_as_they_come_are_scored_beside_those_that_are_picked(
    words, make_run, tmp_path, capsys
):
    out = tmp_path / "selection.jsonl"
    run = make_run(2)
    assert bench.run([run, *words, "--over", "3", "--out", str(out)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "torch" in lines[0] and "bench selection" in lines[1]
    assert any("40 of 120 draws" in line and "comparable" in line for line in lines)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [row["by"] for row in rows] == ["as they come", "judge", "discriminator"]
    assert all(row["fid"] > 0 and row["run"] == run for row in rows)
    plain, *picked = rows
    assert not plain["taken"]
    for row in picked:  # what is not found better is not taken: then the draws stay, but for copies
        said = f"picked by {row['by']}"
        assert any(said in line and f"{row['fid']:.1f}" in line for line in lines)
        assert row["fid"] != plain["fid"] or not row["taken"]


def test_one_object_tells_the_rows(words, make_run, capsys):
    assert bench.run([make_run(1, "a"), make_run(1, "b"), *words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert len(said["rows"]) == 6 and said["rows"][0]["candidates"] == 80
    assert said["judge"]["task"] == "breeds"


def test_what_it_cannot_work_with_is_one_line(words, make_run, tmp_path, capsys):
    run = make_run(1)
    for more, said in (
        ([run, "--over", "1"], "--over 1: leaves nothing to pick from; take 2 or more"),
        ([run, "--images", "39"], "--images 39: too few to score; take 40 or more"),
        ([str(tmp_path / "no")], "no run there"),
        ([make_run(0, "new")], "no snapshot yet; train it first"),
    ):
        assert bench.run([*words, *more]) == 2
        error = capsys.readouterr().err.strip()
        assert said in error and len(error.splitlines()) == 1
