"""The loop: ticks, snapshots, and a resumed run that equals one that never stopped."""

import json
import shutil
from dataclasses import replace

import pytest
import torch
from safetensors import SafetensorError

from local.errors import InputError
from local.train import loop, snapshots
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.devices import Device
from local.train.watchers import RunFolder


class Witness:
    def __init__(self):
        self.ticks, self.grids = [], []

    def tick(self, record):
        self.ticks.append(record)

    def pictures(self, record, name, pictures):
        assert name == "samples"
        self.grids.append((record["step"], pictures))


def run(recipe, device, dogs, folder, steps, **more):
    """Trains to so many steps in all, goes on where there is a snapshot; nothing costs any time."""
    adversaries = Adversaries(recipe, device, dogs)
    snapshot = snapshots.resume(folder, adversaries)
    witness = Witness()
    clock = Clock(Budget(steps=steps), snapshot.seconds if snapshot else 0, now=lambda: 0.0)
    watchers = [witness, RunFolder(folder, adversaries.steps)]
    loop.train(adversaries, clock, folder, watchers, **more)
    return adversaries, witness


def weights(adversaries):
    return {
        f"{name}.{key}": value
        for name, network in adversaries.networks().items()
        for key, value in network.state_dict().items()
    }


def stop_after(steps):
    """A wish to stop that comes once so many steps are taken."""
    calls = iter(range(10**6))
    return lambda: next(calls) >= steps


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_resumed_run_equals_one_that_never_stopped(dtype, recipe, dogs, tmp_path):
    """Under schedules that differ from step to step."""
    device = Device(torch.device("cpu"), "CPU", dtype)
    recipe = replace(recipe, lr_hold=0.2, lr_end=0.05)
    whole, _ = run(recipe, device, dogs, tmp_path / "whole", 12)
    run(recipe, device, dogs, tmp_path / "parts", 12, stop=stop_after(5))
    resumed, _ = run(recipe, device, dogs, tmp_path / "parts", 12)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    states = [adversaries.training_state() for adversaries in (whole, resumed)]
    for part in ("g_scaler", "d_scaler"):
        assert states[0][part] == states[1][part]


def test_a_resumed_run_keeps_to_its_batches_and_rates(recipe, device, dogs, tmp_path):
    """As after memory ran out, and losses blew up."""

    def begin(folder):
        adversaries = Adversaries(recipe, device, dogs)
        adversaries.splits, adversaries.caution = 2, 0.25
        snapshots.save(folder, adversaries, 0.0)

    for name in ("whole", "parts"):
        begin(tmp_path / name)
    whole, _ = run(recipe, device, dogs, tmp_path / "whole", 8)
    run(recipe, device, dogs, tmp_path / "parts", 8, stop=stop_after(3))
    resumed, _ = run(recipe, device, dogs, tmp_path / "parts", 8)
    plain, _ = run(recipe, device, dogs, tmp_path / "plain", 8)
    assert (resumed.splits, resumed.caution) == (2, 0.25)
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(resumed)[name]), name
    assert any(
        not torch.equal(value, weights(plain)[name]) for name, value in weights(whole).items()
    )


def test_a_stopped_run_keeps_what_it_has(recipe, device, dogs, tmp_path):
    stopped, _ = run(recipe, device, dogs, tmp_path, 50, stop=stop_after(7))
    assert stopped.steps == 7
    restored = Adversaries(recipe, device, dogs)
    assert snapshots.resume(tmp_path, restored).steps == restored.steps == 7


@pytest.mark.parametrize("d_steps", [1, 3])
def test_ticks_tell_what_happened_and_the_log_holds_them(
    d_steps, recipe, device, dogs, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "TICK_SECONDS", (0, 0))
    _, witness = run(replace(recipe, d_steps=d_steps), device, dogs, tmp_path, 6)
    assert [record["step"] for record in witness.ticks] == [1, 2, 3, 4, 5, 6]
    last, shown = witness.ticks[-1], 8 * d_steps  # real pictures a step, in all its batches
    assert last["kimg"] == pytest.approx(6 * shown / 1000)
    assert last["epoch"] == pytest.approx(6 * shown / 40)
    assert last["progress"] == 1 and last["seconds_left"] == 0
    assert last["images_per_second"] == pytest.approx(shown / 1e-9)  # of no time
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == witness.ticks


def test_a_killed_runs_log_goes_back_to_its_snapshot(tmp_path):
    log = tmp_path / "log.jsonl"
    log.write_text('{"step": 1}\n{"step": 2}\n{"step": 3}\n{"ste')
    RunFolder(tmp_path, 2)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'


def test_snapshots_are_spread_over_the_budget_and_few_are_kept(recipe, device, dogs, tmp_path):
    _, witness = run(recipe, device, dogs, tmp_path, 16)
    assert [step for step, _ in witness.grids] == [4, 8, 12, 16]
    assert witness.grids[0][1].shape == (loop.GRID, 16, 16, 3)
    names = sorted(p.name for p in (tmp_path / "snapshots").iterdir())
    assert names == ["step-000000012", "step-000000016"]
    grids = sorted(p.name for p in (tmp_path / "samples").iterdir())
    assert grids == [f"step-{step:09}.png" for step in (4, 8, 12, 16)]


def test_snapshots_that_cost_too_much_are_left_out(recipe, device, dogs, tmp_path, monkeypatch):
    adversaries, witness, now = Adversaries(recipe, device, dogs), Witness(), [0.0]
    usual = adversaries.step

    def step(*arguments):
        now[0] += 10
        return usual(*arguments)

    def save(*_):
        now[0] += 5

    monkeypatch.setattr(adversaries, "step", step)
    monkeypatch.setattr(snapshots, "save", save)
    clock = Clock(Budget(steps=16), now=lambda: now[0])
    loop.train(adversaries, clock, tmp_path, [witness])
    # the first one, and the last one, which is always taken
    assert [step for step, _ in witness.grids] == [4, 16]


def test_a_finished_run_does_nothing_more(recipe, device, dogs, tmp_path):
    run(recipe, device, dogs, tmp_path, 4)
    again, witness = run(recipe, device, dogs, tmp_path, 4)
    assert again.steps == 4
    assert (witness.ticks, witness.grids) == ([], [])


FILES = ["state.pt", "average.safetensors", "discriminator.safetensors", "about.json"]


def folders(run):
    return sorted((run / "snapshots").iterdir())


def damage(snapshot, name, how):
    file = snapshot / name
    if how == "gone":
        file.unlink()
    elif how == "cut":
        file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    else:
        file.write_bytes(bytes(100))


@pytest.mark.parametrize("how", ["cut", "gone", "zeros"])
@pytest.mark.parametrize("name", FILES)
def test_in_place_of_a_damaged_snapshot_the_one_before_is_used(
    name, how, recipe, device, dogs, tmp_path, capsys
):
    whole, _ = run(recipe, device, dogs, tmp_path, 8)
    damage(folders(tmp_path)[-1], name, how)
    resumed, _ = run(recipe, device, dogs, tmp_path, 8)
    said = capsys.readouterr().err.strip()
    assert "step-000000008: snapshot damaged" in said and said.endswith("trying the one before")
    assert len(said.splitlines()) == 1
    assert all(torch.equal(value, weights(resumed)[key]) for key, value in weights(whole).items())
    # and the run has two whole ones again
    for _ in range(2):
        assert snapshots.resume(tmp_path, Adversaries(recipe, device, dogs)).steps in (6, 8)
        shutil.rmtree(folders(tmp_path)[-1])


def test_a_damaged_snapshot_of_later_steps_is_no_ones_newest(recipe, device, dogs, tmp_path):
    run(recipe, device, dogs, tmp_path, 8)
    damage(folders(tmp_path)[-1], "state.pt", "cut")
    run(recipe, device, dogs, tmp_path, 50, stop=stop_after(1))
    assert [folder.name for folder in folders(tmp_path)] == ["step-000000006", "step-000000007"]


def test_without_a_whole_snapshot_one_clear_line_says_what_to_do(recipe, device, dogs, tmp_path):
    run(recipe, device, dogs, tmp_path, 2)
    for folder in folders(tmp_path):
        damage(folder, "state.pt", "cut")
    with pytest.raises(
        InputError, match="none of its snapshots can be used; train it anew"
    ) as error:
        run(recipe, device, dogs, tmp_path, 4)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("place", "error"),
    [
        ((torch, "save"), OSError("No space left on device")),
        ((torch, "save"), RuntimeError("PytorchStreamWriter failed writing file data/0")),
        ((snapshots, "save_file"), SafetensorError("I/O error: No space left on device")),
    ],
)
def test_a_write_that_fails_leaves_the_snapshots_before(
    place, error, recipe, device, dogs, tmp_path, monkeypatch, capsys
):
    run(recipe, device, dogs, tmp_path, 2)
    before = folders(tmp_path)

    def full(*_):
        raise error

    monkeypatch.setattr(*place, full)
    trained, _ = run(recipe, device, dogs, tmp_path, 6)
    assert trained.steps == 6  # the disk does not end the run
    assert str(error) in capsys.readouterr().err
    assert folders(tmp_path) == before
    assert snapshots.resume(tmp_path, trained).steps == 2


def test_a_snapshot_holds_fresh_statistics(recipe, device, dogs, tmp_path):
    """Even the first one, to which a run may go back."""
    adversaries = Adversaries(recipe, device, dogs)
    adversaries.recalibrate()
    expected = adversaries.average.state_dict()
    run(recipe, device, dogs, tmp_path, 1)
    damage(folders(tmp_path)[-1], "state.pt", "gone")
    restored = Adversaries(recipe, device, dogs)
    assert snapshots.resume(tmp_path, restored).steps == 0
    for name, value in restored.average.state_dict().items():
        assert torch.equal(value, expected[name]), name


def test_steps_for_epochs():
    assert loop.steps_for_epochs(2, 1000, 100) == 20
    assert loop.steps_for_epochs(0.001, 1000, 100) == 1
