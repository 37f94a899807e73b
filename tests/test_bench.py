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
