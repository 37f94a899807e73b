"""Losses that blow up: back to the last snapshot with lower rates, and an end to it."""

import itertools
from dataclasses import replace

import pytest
import torch

from local.train import loop, snapshots, stepper
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.pace import Pace
from local.train.stepper import CAUTION, RETRIES, Stepper

NAN, INF = float("nan"), float("inf")


@pytest.fixture(params=[0, 2], ids=["cpu", "gpu"])
def lag(request, monkeypatch):
    """Steps that the numbers come later, as they do from a GPU."""

    class LaggingPace(Pace):
        def __init__(self, device):
            super().__init__(device)
            self.lag = request.param

    monkeypatch.setattr(stepper, "Pace", LaggingPace)
    return request.param


def blow_up(adversaries, when, value=NAN):
    """In every step for which `when(step)`, the discriminator's loss and gradients explode."""
    usual, calls = adversaries.loss.discriminator, itertools.count(1)

    def loss(real, fake):
        return usual(real, fake) * (value if when(next(calls)) else 1)

    adversaries.loss = replace(adversaries.loss, discriminator=loss)


def train(adversaries, folder, steps, **more):
    clock = Clock(Budget(steps=steps), now=lambda: 0.0)  # snapshots cost nothing
    return loop.train(adversaries, clock, folder, **more)


@pytest.mark.parametrize("value", [NAN, INF, -INF, 1e7])
def test_a_run_goes_back_and_on(value, lag, recipe, device, dogs, tmp_path, monkeypatch, capsys):
    adversaries = Adversaries(recipe, device, dogs)
    blow_up(adversaries, lambda call: call == 7, value)
    assert train(adversaries, tmp_path, 16)
    assert adversaries.steps == 16 and adversaries.finite()
    assert adversaries.caution == CAUTION
    assert adversaries.g_optimiser.param_groups[0]["lr"] == pytest.approx(CAUTION * recipe.g_lr)
    said = capsys.readouterr().err.strip()
    # the snapshot at a quarter is the last one; a GPU's numbers come two steps later
    assert said == (
        f"losses blew up at step {7 + lag}: back to step 4; "
        f"learning rates are {CAUTION} times the recipe's"
    )


def test_the_batches_after_it_are_others(recipe, device, dogs, tmp_path, monkeypatch):
    adversaries = Adversaries(recipe, device, dogs)
    blow_up(adversaries, lambda call: call == 7)
    drawn = []
    adversaries.generator.register_forward_pre_hook(lambda _, inputs: drawn.append(inputs[0]))
    train(adversaries, tmp_path, 16)
    assert len(drawn) == 3 + 16  # steps 5 to 7 twice
    assert not torch.equal(drawn[4], drawn[7])


def test_a_run_that_blows_up_for_ever_ends(
    lag, recipe, device, dogs, tmp_path, monkeypatch, capsys
):
    adversaries = Adversaries(recipe, device, dogs)
    blow_up(adversaries, lambda call: call >= 7)
    calls = itertools.count()
    assert not train(adversaries, tmp_path, 10**6, stop=lambda: next(calls) > 200)
    # what it had is there: the last good snapshot, which at such a budget is the first
    assert adversaries.steps == 0 and adversaries.finite()
    said = capsys.readouterr().err.strip().splitlines()
    assert len(said) == RETRIES + 1
    assert said[-1].endswith("back to step 0; the run ends there")
    assert f"{CAUTION**RETRIES} times" in said[-2]


def test_without_a_snapshot_the_run_ends(recipe, device, dogs, tmp_path, monkeypatch, capsys):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(snapshots, "save", full)
    adversaries = Adversaries(recipe, device, dogs)
    blow_up(adversaries, lambda call: call == 7)
    assert not train(adversaries, tmp_path, 16)
    said = capsys.readouterr().err
    assert "no snapshot: no space left" in said
    assert "blew up at step 7: no snapshot to go back to; the run ends there" in said


def test_damaged_snapshots_end_the_run_too(recipe, device, dogs, tmp_path, capsys):
    adversaries = Adversaries(recipe, device, dogs)
    snapshots.save(tmp_path, adversaries, 0.0)
    next((tmp_path / "snapshots").glob("*/state.pt")).write_bytes(b"")
    stepper = Stepper(adversaries, tmp_path)
    stepper.go_back()
    assert stepper.over and stepper.gave_up
    assert "none of its snapshots can be used" in capsys.readouterr().err


def test_numbers_of_the_last_steps_are_looked_at_too(
    recipe, device, dogs, tmp_path, monkeypatch, capsys
):
    class LaggingPace(Pace):
        lag = property(lambda self: 2, lambda self, lag: None)

    monkeypatch.setattr(stepper, "Pace", LaggingPace)
    adversaries = Adversaries(recipe, device, dogs)
    blow_up(adversaries, lambda call: call == 15, 1e7)  # weights stay finite
    train(adversaries, tmp_path, 16)
    assert adversaries.steps == 12
    assert "blew up at step 16: back to step 12" in capsys.readouterr().err


def test_weights_that_the_last_step_broke_are_not_kept(
    recipe, device, dogs, tmp_path, monkeypatch, capsys
):
    adversaries = Adversaries(recipe, device, dogs)
    usual = adversaries.step

    def step(*arguments):
        numbers = usual(*arguments)
        if adversaries.steps == 16:
            next(adversaries.average.parameters()).data.fill_(NAN)
        return numbers

    monkeypatch.setattr(adversaries, "step", step)
    train(adversaries, tmp_path, 16)
    assert adversaries.steps == 12 and adversaries.finite()
    names = sorted(path.name for path in (tmp_path / "snapshots").iterdir())
    assert names == ["step-000000008", "step-000000012"]


def test_a_run_that_goes_back_keeps_to_small_batches(recipe, device, dogs, tmp_path):
    """The snapshot is older than the moment at which memory ran out."""
    adversaries = Adversaries(recipe, device, dogs)
    snapshots.save(tmp_path, adversaries, 0.0)
    adversaries.splits = 2
    Stepper(adversaries, tmp_path).go_back()
    assert adversaries.splits == 2


@pytest.mark.parametrize(("bad", "back"), [(7, 4), (2, 0)])
def test_a_step_that_was_restored_gets_no_second_quick_score(
    bad, back, recipe, device, dogs, tmp_path, capsys
):
    adversaries = Adversaries(replace(recipe, quick_every=4), device, dogs)
    blow_up(adversaries, lambda call: call == bad)
    scored = []

    def quick(trainer, seconds):
        scored.append(trainer.steps)
        return {}

    train(adversaries, tmp_path, 16, quick=quick)
    assert f"back to step {back};" in capsys.readouterr().err
    assert scored == [4, 8, 12, 16]
