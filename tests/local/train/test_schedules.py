"""Schedules follow the share of the budget, whatever the budget is."""

from dataclasses import replace

import pytest
import torch

from local.train import loop
from local.train.adversaries import Adversaries
from local.train.clock import Budget, Clock
from local.train.schedules import cosine, eased, exponential, restarted


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


@pytest.mark.parametrize("hold", [0.0, 0.4])
@pytest.mark.parametrize("restarts", [1, 3])
def test_a_rate_that_starts_anew_falls_each_time_as_one_that_falls_once(hold, restarts):
    """Cosines of equal length, side by side in the time after `hold`, each from 1 to the end."""

    def rate(progress):
        return cosine(restarted(progress, hold, restarts), hold, 0.1)

    for run in range(restarts + 1):
        begin, end = (hold + (1 - hold) * (run + i) / (restarts + 1) for i in (0, 1))
        assert rate(begin + 1e-9) == pytest.approx(1)
        assert rate(end - 1e-9) == pytest.approx(0.1)
        assert rate(begin + (end - begin) / 3) == pytest.approx(0.1 + 0.9 * 0.75)  # cos 60 = 0.5
    assert rate(1) == pytest.approx(0.1)
    assert [rate(hold * i / 4) for i in range(5)] == [1] * 5


@pytest.mark.parametrize("hold", [0.0, 0.3, 1.0])
def test_without_restarts_a_curve_is_looked_up_where_the_run_is(hold):
    assert [restarted(i / 7, hold, 0) for i in range(8)] == [i / 7 for i in range(8)]


def test_a_value_eases_from_one_to_another():
    values = [eased(i / 10, 0.9, 0.99) for i in range(11)]
    assert (values[0], values[5], values[10]) == pytest.approx((0.9, 0.945, 0.99))
    assert values == sorted(values)
    assert eased(0.5, 0.999, 0.999) == 0.999


def optimisers(model):
    return model.g_optimiser, model.d_optimiser


def test_warm_restarts_reach_the_optimisers(recipe, device, dogs):
    falling = replace(recipe, g_lr=1e-3, d_lr=3e-3, schedule="cosine", lr_hold=0.0, lr_end=0.1)
    model = Adversaries(replace(falling, restarts=1), device, dogs)
    for progress, factor in ((0.0, 1.0), (0.25, 0.55), (0.5, 1.0), (0.75, 0.55), (1.0, 0.1)):
        model.step(progress)
        rates = [optimiser.param_groups[0]["lr"] for optimiser in optimisers(model)]
        assert rates == pytest.approx([1e-3 * factor, 3e-3 * factor])


def test_beta2_follows_the_budget_and_adam_follows_beta2(recipe, device, dogs):
    """Adam's mean of squares after two steps is that of a plain formula with both values."""
    model = Adversaries(replace(recipe, beta2=0.9, beta2_end=0.99), device, dogs)
    weights = model.discriminator.to_logit.weight
    model.step(0.0)
    first = weights.grad.clone()
    assert [o.param_groups[0]["betas"] for o in optimisers(model)] == [(0.5, 0.9)] * 2
    model.step(0.5)
    second = weights.grad.clone()
    betas = [beta for o in optimisers(model) for beta in o.param_groups[0]["betas"]]
    assert betas == pytest.approx([0.5, 0.945] * 2)
    expected = 0.945 * (0.1 * first.square()) + 0.055 * second.square()
    torch.testing.assert_close(model.d_optimiser.state[weights]["exp_avg_sq"], expected)
    model.step(1.0)
    assert model.g_optimiser.param_groups[0]["betas"] == pytest.approx((0.5, 0.99))


def test_a_step_differs_by_beta2_and_stays_the_same_without_an_end(recipe, device, dogs):
    def trained(**settings):
        model = Adversaries(replace(recipe, beta2=0.9, **settings), device, dogs)
        for progress in (0.0, 1.0):
            model.step(progress)
        return model.discriminator.to_logit.weight

    assert torch.equal(trained(), trained(beta2_end=0.9))
    assert not torch.equal(trained(), trained(beta2_end=0.99))


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
