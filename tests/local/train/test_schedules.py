"""Schedules follow the share of the budget, whatever the budget is."""

from dataclasses import replace

import pytest

from local.train import loop
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.schedules import cosine, exponential


@pytest.mark.parametrize("schedule", [exponential, cosine])
def test_a_rate_holds_then_falls_to_its_end(schedule):
    assert [schedule(progress, 0.5, 0.01) for progress in (0, 0.3, 0.5)] == [1, 1, 1]
    assert schedule(1, 0.5, 0.01) == pytest.approx(0.01)
    assert schedule(1, hold=1, end=0.1) == 1
    falling = [schedule(progress / 10, 0.0, 0.01) for progress in range(11)]
    assert falling == sorted(falling, reverse=True)


def test_halfway_down_the_one_is_at_the_geometric_mean_and_the_other_at_the_arithmetic_one():
    assert exponential(0.75, 0.5, 0.01) == pytest.approx(0.1)
    assert cosine(0.75, 0.5, 0.01) == pytest.approx((1 + 0.01) / 2)


@pytest.mark.parametrize("budget", [{"steps": 8}, {"seconds": 300}, {"deadline": 9 * 3600}])
def test_rates_are_those_of_the_progress_under_any_budget(
    budget, recipe, device, dogs, tmp_path, monkeypatch
):
    recipe = replace(recipe, g_lr=1e-3, d_lr=3e-3, lr_hold=0.5, lr_end=0.1)
    adversaries = Adversaries(recipe, device, dogs)
    adversaries.caution = 0.5
    now, whole = [0.0], budget.get("seconds") or budget.get("deadline") or 8
    clock = Clock(Budget(**budget), now=lambda: now[0])
    seen = []

    def step(progress=0.0, signals=()):
        numbers = Adversaries.step(adversaries, progress, signals)
        rates = [
            o.param_groups[0]["lr"] for o in (adversaries.g_optimiser, adversaries.d_optimiser)
        ]
        seen.append((progress, *rates))
        now[0] += whole / 8
        return numbers

    monkeypatch.setattr(adversaries, "step", step)
    loop.train(adversaries, clock, tmp_path)
    for i, (progress, *_) in enumerate(seen):
        assert progress == pytest.approx(i / 8, abs=1e-3)
    assert len(seen) >= 7
    for progress, g_rate, d_rate in seen:
        factor = 0.5 * (1 if progress <= 0.5 else 0.1 ** (2 * progress - 1))
        assert g_rate == pytest.approx(1e-3 * factor)
        assert d_rate == pytest.approx(3e-3 * factor)
