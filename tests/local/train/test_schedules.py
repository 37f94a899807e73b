"""Schedules follow the share of the budget, whatever the budget is."""

from dataclasses import replace

import pytest

from local.train import loop
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.schedules import decay


def test_a_rate_holds_then_falls_evenly_by_factors():
    assert [decay(progress, 0.5, 0.01) for progress in (0, 0.3, 0.5)] == [1, 1, 1]
    assert decay(0.75, 0.5, 0.01) == pytest.approx(0.1)
    assert decay(1, 0.5, 0.01) == pytest.approx(0.01)
    assert decay(1, hold=1, end=0.1) == 1


@pytest.mark.parametrize("budget", [{"steps": 8}, {"seconds": 300}, {"deadline": 9 * 3600}])
def test_rates_are_those_of_the_progress_under_any_budget(
    budget, recipe, device, dogs, tmp_path, monkeypatch
):
    recipe = replace(recipe, g_lr=1e-3, d_lr=3e-3, lr_hold=0.5, lr_end=0.1)
    adversaries = Adversaries(recipe, device)
    adversaries.caution = 0.5
    now, whole = [0.0], budget.get("seconds") or budget.get("deadline") or 8
    clock = Clock(Budget(**budget), now=lambda: now[0])
    seen = []

    def step(dogs, progress=0.0, signals=()):
        numbers = Adversaries.step(adversaries, dogs, progress, signals)
        rates = [
            o.param_groups[0]["lr"] for o in (adversaries.g_optimiser, adversaries.d_optimiser)
        ]
        seen.append((progress, *rates))
        now[0] += whole / 8
        return numbers

    monkeypatch.setattr(adversaries, "step", step)
    loop.train(adversaries, dogs, clock, tmp_path)
    for i, (progress, *_) in enumerate(seen):
        assert progress == pytest.approx(i / 8, abs=1e-3)
    assert len(seen) >= 7
    for progress, g_rate, d_rate in seen:
        factor = 0.5 * (1 if progress <= 0.5 else 0.1 ** (2 * progress - 1))
        assert g_rate == pytest.approx(1e-3 * factor)
        assert d_rate == pytest.approx(3e-3 * factor)
