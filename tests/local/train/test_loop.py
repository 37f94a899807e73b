"""The loop: ticks, snapshots, and a resumed run that equals one that never stopped."""

import json

import pytest
import torch

from local.errors import InputError
from local.train import loop, snapshots
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.watchers import RunFolder


class Witness:
    def __init__(self):
        self.ticks, self.grids = [], []

    def tick(self, record):
        self.ticks.append(record)

    def samples(self, record, pictures):
        self.grids.append((record["step"], pictures))


def run(recipe, device, dogs, folder, steps, **more):
    adversaries = Adversaries(recipe, device)
    snapshot = snapshots.latest(folder)
    if snapshot:
        snapshots.restore(snapshot, adversaries)
    witness = Witness()
    clock = Clock(Budget(steps=steps), snapshot.seconds if snapshot else 0)
    watchers = [witness, RunFolder(folder, adversaries.steps)]
    loop.train(adversaries, dogs, clock, folder, watchers, **more)
    return adversaries, witness


def weights(adversaries):
    return {
        f"{name}.{key}": value
        for name, network in adversaries.networks().items()
        for key, value in network.state_dict().items()
    }


def test_a_resumed_run_equals_one_that_never_stopped(recipe, device, dogs, tmp_path):
    whole, _ = run(recipe, device, dogs, tmp_path / "whole", 12)
    run(recipe, device, dogs, tmp_path / "parts", 5)
    resumed, _ = run(recipe, device, dogs, tmp_path / "parts", 12)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name


def test_a_stopped_run_keeps_what_it_has(recipe, device, dogs, tmp_path):
    calls = iter(range(100))
    stopped, _ = run(recipe, device, dogs, tmp_path, 50, stop=lambda: next(calls) >= 7)
    assert stopped.steps == 7
    snapshot = snapshots.latest(tmp_path)
    assert snapshot.steps == 7
    restored = Adversaries(recipe, device)
    snapshots.restore(snapshot, restored)
    assert restored.steps == 7


def test_ticks_tell_what_happened_and_the_log_holds_them(
    recipe, device, dogs, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "TICK_SECONDS", (0, 0))
    _, witness = run(recipe, device, dogs, tmp_path, 6)
    assert [record["step"] for record in witness.ticks] == [1, 2, 3, 4, 5, 6]
    last = witness.ticks[-1]
    assert last["kimg"] == pytest.approx(6 * 8 / 1000)
    assert last["epoch"] == pytest.approx(6 * 8 / 40)
    assert last["progress"] == 1 and last["seconds_left"] == 0
    assert last["images_per_second"] > 0
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == witness.ticks


def test_a_killed_runs_log_goes_back_to_its_snapshot(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    RunFolder(tmp_path, 2)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_snapshots_are_spread_over_the_budget_and_few_are_kept(
    recipe, device, dogs, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "SNAPSHOT_SHARE", 1e9)  # whatever they cost
    _, witness = run(recipe, device, dogs, tmp_path, 16)
    assert [step for step, _ in witness.grids] == [4, 8, 12, 16]
    assert witness.grids[0][1].shape == (loop.GRID, 16, 16, 3)
    names = sorted(p.name for p in (tmp_path / "snapshots").iterdir())
    assert names == ["step-000000012", "step-000000016"]
    grids = sorted(p.name for p in (tmp_path / "samples").iterdir())
    assert grids == [f"step-{step:09}.png" for step in (4, 8, 12, 16)]


def test_snapshots_that_cost_too_much_are_left_out(recipe, device, dogs, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "SNAPSHOT_SHARE", 0.0)
    _, witness = run(recipe, device, dogs, tmp_path, 16)
    # the first one, whose cost is unknown, and the last one, which is always taken
    assert [step for step, _ in witness.grids] == [4, 16]


def test_a_finished_run_does_nothing_more(recipe, device, dogs, tmp_path):
    run(recipe, device, dogs, tmp_path, 4)
    again, witness = run(recipe, device, dogs, tmp_path, 4)
    assert again.steps == 4
    assert (witness.ticks, witness.grids) == ([], [])


@pytest.mark.parametrize("name", ["state.pt", "average.safetensors"])
def test_a_damaged_snapshot_is_one_clear_line(recipe, device, dogs, tmp_path, name):
    run(recipe, device, dogs, tmp_path, 2)
    file = snapshots.latest(tmp_path).folder / name
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged") as error:
        run(recipe, device, dogs, tmp_path, 4)
    assert "\n" not in str(error.value)


def test_a_write_that_fails_leaves_the_snapshot_before(recipe, device, dogs, tmp_path, monkeypatch):
    adversaries, _ = run(recipe, device, dogs, tmp_path, 2)
    adversaries.step(dogs.pictures)

    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError):
        snapshots.save(tmp_path, adversaries, 1.0)
    assert snapshots.latest(tmp_path).steps == 2


def test_steps_for_epochs():
    assert loop.steps_for_epochs(2, 1000, 100) == 20
    assert loop.steps_for_epochs(0.001, 1000, 100) == 1
