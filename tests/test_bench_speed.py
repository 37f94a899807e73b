"""Measurements of speed: that they run, hold equal work against equal work, and keep a record."""

import itertools
import json
import statistics
import sys
import threading
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from PIL import Image

from bench import gpu_memory, growth, hours, prepare, train, write
from bench.__main__ import main
from bench.eager import Eager
from bench.example import Example
from bench.form import Measured
from bench.sides import Side, alternate
from local import recipes
from local.train import devices
from mifid.errors import WorkError
from submission import archive

NARROW = ["size=16", "g_width=4", "d_width=4", "latent=8"]
LARGER = ["size=32", *NARROW[1:]]  # which all networks draw


@pytest.fixture
def bench(tmp_path, capsys):
    """Runs a measurement and returns its facts, which are also the record's last line."""

    def measured(*words: str):
        record = tmp_path / "bench.jsonl"
        assert main([*words, "--json", "--out", str(record)]) == 0, capsys.readouterr().err
        facts = json.loads(capsys.readouterr().out)
        last = json.loads(record.read_text().splitlines()[-1])
        assert last["command"].startswith(f"python -m bench {words[0]} ")
        assert {key: last[key] for key in facts} == facts
        assert "torch" in facts["machine"] and last["versions"]["torch"] == torch.__version__
        return facts

    return measured


def test_a_table_has_median_spread_and_ratio_of_each_side():
    sides = [Side("plain", [1.0, 2.0, 4.0]), Side("kit", [3.0, 4.0, 20.0])]
    found = Measured("some work", sides)
    assert found.facts()["ratio"] == {"kit": 3.0}  # round by round 3, 2 and 5
    plain, kit = found.table().splitlines()[2:]
    assert plain == "plain  2 (1 to 4) img/s"
    assert kit == "kit    4 (3 to 20) img/s   3.00 (2.00 to 5.00) times"


def test_where_less_is_better_the_ratio_says_so_and_stages_have_none():
    sides = [Side("plain", [8.0]), Side("kit", [2.0])]
    assert Measured("", sides, "s", lower=True).facts()["ratio"] == {"kit": 4.0}
    stages = Measured("", sides, "s", lower=True, compared=False)
    assert "ratio" not in stages.facts() and "times" not in stages.table()


def test_sides_take_turns_after_one_round_that_does_not_count():
    calls = []
    sides = {name: lambda name=name: calls.append(name) for name in ("a", "b")}
    found = alternate(sides, 10, 2)
    assert calls == ["a", "b"] * 3
    assert [len(side.rounds) for side in found] == [2, 2]


@pytest.mark.slow
def test_a_training_step_is_measured_on_equal_batches(bench, make_dogs):
    words = ["--batch", "4", "--steps", "1", "--rounds", "2", "--device", "cpu"]
    facts = bench("train", *words, "--data", str(make_dogs(8)), *NARROW)
    names = ["PyTorch's example", "with its loader, 2 workers", "this kit"]
    assert [name for name in facts["sides"] if "float32" not in name] == names
    assert all(len(rounds) == 2 for rounds in facts["sides"].values())
    kit, plain = (facts["sides"][name] for name in ("this kit", "PyTorch's example"))
    expected = statistics.median(a / b for a, b in zip(kit, plain, strict=True))
    assert facts["ratio"]["this kit"] == pytest.approx(expected)


@pytest.mark.slow
def test_other_networks_are_held_against_a_plain_loop_of_the_same_step(bench):
    words = ["--recipe", "biggan", "--batch", "4", "--steps", "1", "--rounds", "1"]
    facts = bench("train", *words, "--device", "cpu", *NARROW)
    assert next(iter(facts["sides"])) == "plain eager loop" and facts["ratio"]["this kit"] > 0


@pytest.mark.parametrize("name", ["biggan", "r3gan", "hinge-sagan", "csagan-wgan", "ralsgan"])
def test_a_plain_loop_has_the_losses_of_the_recipe_that_is_timed(name):
    recipe = recipes.override(recipes.get(name), [*LARGER, "batch=4"])
    device = devices.choose("cpu")
    said = train.equal_to_plain(recipe, device, train.noise(recipe, device.device))
    assert "this kit's and the plain eager loop's: D " in said


def test_a_plain_loop_with_other_losses_is_not_measured(monkeypatch, tmp_path, capsys):
    honest = Eager._draw

    def darker(self):
        batch = honest(self)
        return batch | {"reals": batch["reals"] / 2}

    monkeypatch.setattr(Eager, "_draw", darker)
    words = ["train", "--recipe", "hinge-sagan", "--batch", "4", "--steps", "1", "--rounds", "1"]
    assert main([*words, "--device", "cpu", *LARGER, "--out", str(tmp_path / "record")]) == 1
    assert "losses of one batch differ" in capsys.readouterr().err
    assert not (tmp_path / "record").exists()


def test_sides_with_other_losses_are_not_measured(monkeypatch, tmp_path, capsys):
    honest = Example.step

    def cheats(self, reals, latents):
        return honest(self, reals.sign(), latents)

    monkeypatch.setattr(Example, "step", cheats)
    words = ["train", "--batch", "4", "--steps", "1", "--rounds", "1", "--device", "cpu", *NARROW]
    assert main([*words, "--out", str(tmp_path / "record")]) == 1
    assert "losses of one batch differ" in capsys.readouterr().err
    assert not (tmp_path / "record").exists()


@pytest.mark.parametrize(("settings", "equal"), [([], True), (["smoothing=0.1"], False)])
def test_losses_of_one_batch_are_the_examples(settings, equal):
    recipe = recipes.override(recipes.get("dcgan"), [*NARROW, "batch=8", *settings])
    device = devices.choose("cpu")
    with nullcontext() if equal else pytest.raises(WorkError, match="losses of one batch differ"):
        said = train.equal_to_example(recipe, device, train.noise(recipe, device.device))
        assert "D " in said and "G " in said


def test_a_training_set_has_pillows_pixels_and_a_rate_on_each_side(bench, make_dogs):
    facts = bench("prepare", "--data", str(make_dogs(6)), "--rounds", "1")
    assert len(facts["sides"]) == 3 and facts["cache_seconds"] > 0


def test_pictures_are_made_as_long_as_photographs_first(bench, make_dogs, monkeypatch):
    seen = []
    usual = prepare._with_pillow

    def look(data, size):
        seen[:] = [Image.open(file).size for file in sorted(data.glob("*.jpg"))]
        return usual(data, size)

    monkeypatch.setattr(prepare, "_with_pillow", look)
    monkeypatch.setattr(prepare, "ENLARGED", 3)
    facts = bench("prepare", "--data", str(make_dogs(5)), "--enlarge", "500", "--rounds", "1")
    assert [max(size) for size in seen] == [500] * 3
    assert "3 whole pictures" in facts["about"] and "500 pixels" in facts["about"]


def test_other_pixels_are_no_comparison(monkeypatch, make_dogs, tmp_path, capsys):
    usual = prepare._with_pillow
    monkeypatch.setattr(prepare, "_with_pillow", lambda *words: usual(*words) ^ 1)
    words = ["prepare", "--data", str(make_dogs(2)), "--out", str(tmp_path / "record")]
    assert main(words) == 1
    assert "pixels differ" in capsys.readouterr().err


def test_archives_of_the_same_pictures_are_written(bench, make_dogs, tmp_path, monkeypatch):
    monkeypatch.setattr(write, "CACHE", tmp_path / "cache")
    facts = bench("write", "--data", str(make_dogs(4)), "--count", "10", "--rounds", "1")
    assert set(facts["ratio"]) == {"this kit"} and set(facts["bytes"]) == set(facts["sides"])


@pytest.mark.slow
def test_memory_of_simulated_hours_is_read_each_hour(bench, monkeypatch):
    monkeypatch.setattr(hours, "STEP_SECONDS", 600.0)
    monkeypatch.setattr(archive, "COUNT", 20)
    facts = bench("hours", "--hours", "4")
    (megabytes,) = facts["sides"].values()
    assert len(megabytes) == len(facts["hours"]) >= 4
    assert all(later - hour >= 1 for hour, later in itertools.pairwise(facts["hours"]))
    assert all(number > 100 for number in megabytes)


def test_curves_go_through_points_that_lie_on_them():
    sizes = (10, 30, 100)
    line = growth.line(sizes, [2 + 0.5 * size for size in sizes])
    assert line.at(1000) == pytest.approx(502) and "2 s and 500 s for each 1,000" in line.words
    power = growth.power(sizes, [3 * size**1.5 for size in sizes])
    assert power.at(400) == pytest.approx(24_000) and "size^1.50" in power.words
    assert line.off(sizes, [2 + 0.5 * size for size in sizes]) == pytest.approx(0)
    assert line.off((100,), (40,)) == pytest.approx(0.3)


@pytest.mark.slow
def test_growth_is_measured_and_what_is_beyond_is_marked(capsys, tmp_path):
    words = ["growth", "--jobs", "write", "--rounds", "1", "--largest", "10000"]
    assert main([*words, "--out", str(tmp_path / "record")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].endswith(" s (extrapolated)") and "1,000,000 pictures" in lines[-1]
    assert any(line.startswith("write, 10,000 pictures") for line in lines)


def test_sizes_of_which_none_is_left_are_one_line(capsys, tmp_path):
    words = ["growth", "--jobs", "step", "score", "--largest", "50", "--rounds", "1"]
    assert main([*words, "--out", str(tmp_path / "record")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("bench growth: --largest 50: score begins at 1,000 pictures")


@pytest.mark.slow
def test_a_steps_operations_are_counted_and_its_time_listed(bench, capsys, tmp_path):
    words = ["limits", "--batch", "4", "--steps", "1", "--rounds", "1", "--device", "cpu", *NARROW]
    facts = bench(*words)
    assert facts["operations"] > 0 and 0 < facts["share"] < 1
    assert list(facts["sides"]) == ["matrix product", "copy", "training step"]
    assert main([*words, "--out", str(tmp_path / "record")]) == 0
    assert "aten::" in capsys.readouterr().out


@pytest.mark.slow
def test_memory_is_that_of_the_jobs_own_process(bench):
    facts = bench("memory", "--jobs", "sample", "--sizes", "10", "20")
    assert list(facts["sides"]) == ["sample 10", "sample 20"]
    assert all(100 < peak < 10_000 for (peak,) in facts["sides"].values())


def test_a_graph_that_is_not_there_is_said_before_the_work(capsys, tmp_path):
    words = ["memory", "--jobs", "score", "--graph", "nowhere.pb"]
    assert main([*words, "--out", str(tmp_path / "record")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line == "bench memory: --graph nowhere.pb: no such file; give the network's .pb"


def test_a_gpus_peak_is_what_it_held_beyond_what_it_held_before(monkeypatch):
    free = iter([900, 700, 400])  # of 1,000 bytes on each of two cards
    looked = threading.Event()

    def told(card):
        left = next(free, None) if card == 0 else 950
        if left is None:
            looked.set()
        return left or 800, 1000

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "mem_get_info", told)
    monkeypatch.setattr(gpu_memory, "EVERY", 0.0)
    with gpu_memory.Peak() as peak:
        assert looked.wait(60)
    assert peak.bytes == 500


@pytest.mark.slow
def test_the_kernels_start_is_told_phase_by_phase(bench, make_dogs, tmp_path):
    kernel = tmp_path / "kernel.py"
    about = {"start": 0.25, "data": 1.0, "train": 5.0}
    told = {"total_seconds": 6.25, "seconds": about}
    kernel.write_text(f"import json; print('training'); print(json.dumps({told}))")
    words = ["start", "--kernel", str(kernel), "--data", str(make_dogs(2)), "--rounds", "2"]
    facts = bench(*words)["sides"]
    assert facts["start"] == [0.25, 0.25] and facts["data"] == [1.0, 1.0]
    whole = [
        sum(parts)
        for parts in zip(*(facts[name] for name in ("python", "start", "data")), strict=True)
    ]
    assert facts["together"] == pytest.approx(whole)


def test_a_kernel_that_is_not_built_is_one_line(make_dogs, tmp_path, capsys):
    words = ["start", "--kernel", str(tmp_path / "none.py"), "--data", str(make_dogs(2))]
    assert main([*words, "--out", str(tmp_path / "record")]) == 2
    assert capsys.readouterr().err.strip().endswith("python build_kernel.py")


@pytest.mark.parametrize("said", ["", "1", "{}", "training"])
def test_another_script_is_no_kernel(said, make_dogs, tmp_path, capsys):
    script = tmp_path / "kernel.py"
    script.write_text(f"print({said!r})" if said else "")
    words = ["start", "--kernel", str(script), "--data", str(make_dogs(2)), "--rounds", "1"]
    assert main([*words, "--out", str(tmp_path / "record")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"bench start: {script}: no kernel of this kit")


def test_a_score_is_timed_stage_by_stage(bench):
    words = ["--generated", "30", "--real", "40", "--features", "8", "--rounds", "2"]
    stages = bench("scoring", *words)["sides"]
    assert list(stages) == ["moments", "Frechet", "distance", "together"]
    *parts, whole = stages.values()
    assert whole == pytest.approx([sum(stage) for stage in zip(*parts, strict=True)])


@pytest.mark.slow
def test_every_engine_has_its_ratio(shared, make_dogs, bench):
    graph = shared / "inception" / "reconstructed_graph_def.pb"
    words = ["--graph", str(graph), "--data", str(make_dogs(8)), "--images", "8", "--rounds", "1"]
    facts = bench("engines", *words, "--device", "cpu")
    assert next(iter(facts["sides"])) == "plain torch" and "torch, exact" in facts["ratio"]


def test_a_missing_graph_is_one_line(capsys):
    assert main(["engines", "--graph", "nowhere.pb", "--data", "nowhere.zip"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_record_that_is_none_is_left_alone(tmp_path, capsys):
    other = tmp_path / "pictures.zip"
    other.write_bytes(b"PK")
    assert main(["scoring", "--generated", "3", "--real", "3", "--out", str(other)]) == 2
    assert "is no history" in capsys.readouterr().err and other.read_bytes() == b"PK"


def test_what_cannot_be_printed_is_recorded_all_the_same(tmp_path, monkeypatch):
    record = tmp_path / "record"
    words = ["scoring", "--generated", "8", "--real", "8", "--features", "4", "--rounds", "1"]
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        assert main([*words, "--out", str(record)]) == 1
        monkeypatch.undo()
    assert len(record.read_text().splitlines()) == 1


def test_without_a_name_the_record_lies_below_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["scoring", "--generated", "8", "--real", "8", "--features", "4", "--rounds", "1"]
    assert main(words) == 0 and main(words) == 0
    assert len(Path("runs/bench.jsonl").read_text().splitlines()) == 2
