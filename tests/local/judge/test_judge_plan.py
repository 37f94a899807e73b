"""The draws to hand in, and what is left out where time is short."""

import itertools

import pytest
import torch
from torch import nn

from local.data.classes import Classes
from local.judge import plan as planning
from local.judge import selection
from local.judge.plan import plan
from local.pictures import to_bytes
from local.recipes import Recipe

RECIPE = Recipe(network="cgan", latent=3)
CLASSES = Classes(("a", "b", "c", "d", "e"), (10,) * 5)


class Painter(nn.Module):
    """One colour a picture; a breed that it cannot draw is too light."""

    def forward(self, latents, labels):
        colours = 0.3 * latents + 0.7 * (labels == 3)[:, None]
        return colours[:, :, None, None].expand(-1, -1, 64, 64)


@pytest.fixture
def reals():
    latents = torch.nn.init.trunc_normal_(
        torch.empty(600, 3), a=-1, b=1, generator=torch.Generator().manual_seed(0)
    )
    drawn = to_bytes(Painter()(latents, torch.zeros(600).long()))
    return torch.from_numpy(drawn).permute(0, 3, 1, 2)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    for module in (planning, selection):
        monkeypatch.setattr(module, "SCORED", 400)
    monkeypatch.setattr(planning, "PROBE", 50)


def ticking(seconds):
    count = itertools.count()
    return lambda: next(count) * seconds


def test_all_stages_come_where_there_is_time(judge_of, reals):
    made = plan(judge_of(reals), Painter(), RECIPE, CLASSES, 200, [reals], 1e6)
    assert len(made.draws) == 200
    assert made.facts.keys() == {"truncation", "breeds", "selection", "left_out"}
    assert made.facts["left_out"] == []
    truncation = made.facts["truncation"]["truncation"]
    assert truncation and made.draws.latents.abs().max() <= truncation
    dropped = made.facts["breeds"]["dropped"]
    assert "d" in dropped and len(dropped) <= 2  # of five, 60 % stay
    assert 3 not in made.draws.labels
    assert made.facts["selection"]["candidates"] == 400


def test_what_does_not_fit_is_left_out_and_said(judge_of, reals):
    made = plan(judge_of(reals), Painter(), RECIPE, CLASSES, 200, [reals], 1, now=ticking(1.0))
    assert made.facts == {"left_out": ["truncation", "breeds", "selection"]}
    assert len(made.draws) == 200
    assert torch.bincount(made.draws.labels).tolist() == [40] * 5


def test_a_judge_of_few_lessons_picks_nothing(judge_of, reals):
    judge = judge_of(reals, epochs=planning.TAUGHT - 1)
    made = plan(judge, Painter(), RECIPE, CLASSES, 200, [reals], 1e6)
    assert made.facts.keys() == {"truncation", "breeds", "left_out"}
    assert made.facts["left_out"] == ["selection"] and len(made.draws) == 200


def test_a_network_without_breeds_has_none_to_choose(judge_of, reals):
    recipe = Recipe(latent=3)
    made = plan(judge_of(reals), Painter(), recipe, CLASSES, 100, [reals], 1e6)
    assert "breeds" not in made.facts and made.facts["left_out"] == []
