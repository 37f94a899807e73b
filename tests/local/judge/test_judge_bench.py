"""`python -m bench judge` runs and says what it measured."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import spearmanr

from bench import judge as bench
from local.judge import scoring


def test_ranks_are_compared_over_snapshots_and_truncations(data, make_run, tmp_path, capsys):
    out = tmp_path / "judge.jsonl"
    words = [make_run(4), "--data", str(data), "--images", "40", "--device", "cpu"]
    words += ["--truncations", "none", "1.5", "0.5", "--out", str(out)]
    assert bench.run(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "torch" in lines[0] and "bench judge" in lines[1]
    assert sum(line.startswith("| run ") for line in lines) == 13
    assert any(line.startswith("Spearman over 12 sets") for line in lines)
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert {(row["steps"], row["truncation"]) for row in rows} == {
        (steps, truncation) for steps in (1, 2, 3, 4) for truncation in (0, 1.5, 0.5)
    }
    assert all(row["judge"]["task"] == "breeds" and row["score"] > 0 for row in rows)


def test_one_object_tells_the_correlations(data, make_run, monkeypatch, capsys):
    monkeypatch.setattr(bench, "FEWEST", 3)
    words = [make_run(1), "--data", str(data), "--images", "40", "--device", "cpu", "--json"]
    assert bench.run(words) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["sets"] == len(said["rows"]) == 3
    fids, scores = ([row[name] for row in said["rows"]] for name in ("fid", "score"))
    assert said["correlation"] == pytest.approx(spearmanr(fids, scores).statistic)
    assert -1 <= said["correlation_unseen"] <= 1
    assert said["fid_of_the_judges_best"] == fids[scores.index(min(scores))]
    assert said["fid_of_the_best"] == min(fids) and "comparable" in said["label"]


def test_sets_that_are_all_equal_have_no_correlation(data, make_run, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(bench, "FEWEST", 2)
    first = make_run(1)
    second = shutil.copytree(first, tmp_path / "copy")
    words = [first, str(second), "--data", str(data), "--images", "40", "--device", "cpu"]
    words += ["--truncations", "none"]
    assert bench.run(words) == 0
    assert "Spearman over 2 sets: none, as all have one score" in capsys.readouterr().out
    assert bench.run([*words, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["correlation"] is None and said["correlation_unseen"] is None


def test_few_sets_and_folders_that_are_no_runs_are_one_line(data, make_run, tmp_path, capsys):
    words = ["--data", str(data), "--device", "cpu"]
    for runs_given, said in (
        ([make_run(1)], "12 are needed"),
        ([str(tmp_path / "no")], f"{tmp_path / 'no'}: no such folder"),
        ([str(data)], f"no snapshots to judge ({data}: no run there (no readable recipe.json))"),
        ([str(next(data.glob("*/*.png")))], "no snapshots to judge ("),
        ([make_run(0, "new"), str(data)], f"{tmp_path / 'new'}: a run without snapshots); train"),
    ):
        assert bench.run([*runs_given, *words]) == 2
        error = capsys.readouterr().err.strip()
        assert said in error and len(error.splitlines()) == 1


def test_what_a_glob_names_beside_the_runs_is_left_out(data, make_run, monkeypatch, capsys):
    monkeypatch.setattr(bench, "FEWEST", 3)
    place = Path(make_run(1, "runs/a")).parent
    make_run(0, "runs/new")
    make_run(1, "runs/old")
    settings = json.loads((place / "a" / "recipe.json").read_text()) | {"gone": 1}
    (place / "old" / "recipe.json").write_text(json.dumps(settings))
    (place / "notes").mkdir()
    (place / "judge.jsonl").write_text("{}\n")
    named = sorted(map(str, place.iterdir()))
    words = ["--data", str(data), "--images", "40", "--device", "cpu", "--json"]
    assert bench.run([*named, *words]) == 0
    captured = capsys.readouterr()
    assert {row["run"] for row in json.loads(captured.out)["rows"]} == {str(place / "a")}
    told = [line for line in captured.err.splitlines() if "left out" in line]
    assert [line.split(": ")[2] for line in told] == [
        str(place / n) for n in ("new", "notes", "old")
    ]
    assert "a run without snapshots" in told[0] and "no readable recipe.json" in told[1]
    assert (
        "another version of the kit (settings: gone)" in told[2]
        and "judge.jsonl" not in captured.err
    )


def test_a_set_is_as_large_as_the_judges_own_unless_said_otherwise(data, make_run, capsys):
    assert bench._parser().parse_args(["x", "--data", "y"]).images == scoring.SCORED
    assert bench.run([make_run(1), "--data", str(data), "--images", "39"]) == 2
    assert "--images 39: too few to score; take 40 or more" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        bench.run(["--help"])
    assert "40 or more (2500)" in " ".join(capsys.readouterr().out.split())


def test_the_table_has_the_best_first():
    row = bench.Row("runs/a", 5, 0.0, 3.0, 0.1, 4.0, 90.0, 0.2, "FID", 1.0, 1.0)
    lines = bench._table([row, replace(row, fid=50.0, truncation=0.8, score_unseen=None)])
    assert lines[2].startswith("| a | 5 | 0.8 | 50.0") and lines[3].startswith("| a | 5 | none")
