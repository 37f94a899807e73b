"""A measurement runs and says what it measured; how fast, no test says."""

import json

from bench.__main__ import main


def test_a_training_step_is_measured_on_both_sides(capsys):
    words = ["train", "--batch", "4", "--steps", "1", "--rounds", "2", "--device", "cpu", "--json"]
    assert main(words) == 0
    result = json.loads(capsys.readouterr().out)
    assert len(result["plain"]) == len(result["kit"]) == 2
    assert result["ratio"] > 0


def test_the_table_names_machine_sides_and_ratio(capsys):
    assert main(["train", "--batch", "4", "--steps", "1", "--rounds", "1", "--device", "cpu"]) == 0
    table = capsys.readouterr().out
    assert "plain float32 loop" in table and "this kit" in table and "torch" in table
    assert "ratio" in table.splitlines()[-1]


def test_an_unknown_measurement_is_two(capsys):
    assert main(["nothing"]) == 2
    assert "train" in capsys.readouterr().err


def test_a_score_is_timed_stage_by_stage(capsys):
    words = ["scoring", "--generated", "30", "--real", "40", "--features", "8", "--rounds", "2"]
    assert main([*words, "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [set(stages) for stages in result["rounds"]] == [{"moments", "Frechet", "distance"}] * 2
    assert all(second > 0 for stages in result["rounds"] for second in stages.values())
    assert main(words) == 0
    assert "together" in capsys.readouterr().out.splitlines()[-1]


def test_every_engine_has_a_line_with_its_ratio(shared, make_dogs, capsys):
    graph = shared / "inception" / "reconstructed_graph_def.pb"
    words = ["engines", "--graph", str(graph), "--data", str(make_dogs(8))]
    assert main([*words, "--images", "8", "--rounds", "1"]) == 0
    lines = capsys.readouterr().out.splitlines()[2:]
    assert lines[0].startswith("plain torch") and " 1.00 (1.00 to 1.00)" in lines[0]
    assert any(line.startswith("torch, exact") for line in lines)


def test_a_missing_graph_is_one_line(capsys):
    assert main(["engines", "--graph", "nowhere.pb", "--data", "nowhere.zip"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
