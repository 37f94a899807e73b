"""Truncation and breeds, chosen for painters whose best is known."""

import itertools

import pytest
import torch
from torch import nn

from local.data.classes import Classes
from local.judge.choices import choose_breeds, choose_truncation
from local.judge.scoring import better
from local.pictures import to_bytes
from local.recipes import Recipe
from local.sampling import fill

PLAIN = Recipe(latent=3)
BREEDED = Recipe(network="cgan", latent=3)
TEN = Classes(tuple("abcdefghij"), (20,) * 10)
CONTRAST = 0.35


class Painter(nn.Module):
    """One colour a picture: the latent, and for breeds that it cannot draw something else."""

    def __init__(self, cannot=()):
        super().__init__()
        self.cannot = torch.tensor([label in cannot for label in range(10)])

    def forward(self, latents, labels):
        colours = CONTRAST * latents
        colours = torch.where(self.cannot[labels][:, None], 0.1 * latents + 0.8, colours)
        return colours[:, :, None, None].expand(-1, -1, 64, 64)


def reals(truncation=0.0):
    random = torch.Generator().manual_seed(9)
    latents = fill(torch.empty(1500, 3), PLAIN, random, truncation)
    drawn = to_bytes(Painter()(latents, torch.zeros(1500).long()))
    return torch.from_numpy(drawn).permute(0, 3, 1, 2)


@pytest.mark.slow
@pytest.mark.parametrize("best", [0.0, 1.5, 0.8])
def test_the_truncation_of_the_real_pictures_is_found(judge_of, best):
    chosen = choose_truncation(judge_of(reals(best)), Painter(), PLAIN, TEN, count=800)
    assert chosen.value == best
    assert list(chosen.scores) == [0.0, 2.0, 1.5, 1.2, 1.0, 0.8]
    said = chosen.facts()
    assert said["truncation"] == best and said["scores"]["1.5"][0] == chosen.scores[1.5].value


def test_of_truncations_that_are_as_good_the_least_is_taken(judge_of):
    chosen = choose_truncation(judge_of(reals()), Painter(), PLAIN, TEN, (0.0, 9.0, 5.0), 400)
    assert chosen.value == 0


def test_uniform_latents_are_cut_below_one(judge_of):
    recipe = Recipe(latent=3, latents="uniform")
    chosen = choose_truncation(judge_of(reals()), Painter(), recipe, TEN, count=100)
    assert list(chosen.scores) == [0.0, 0.9, 0.8, 0.7]
    assert chosen.value == 0  # the real ones differ more


def test_breeds_that_it_cannot_draw_are_dropped(judge_of):
    painter = Painter(cannot=(2, 7))
    mix = choose_breeds(judge_of(reals()), painter, BREEDED, TEN, count=500)
    assert {"c", "h"} <= set(mix.dropped)
    assert len(mix.dropped) <= 4
    counts = dict(zip(mix.classes.names, mix.classes.counts, strict=True))
    assert all(counts[name] == (0 if name in mix.dropped else 20) for name in counts)
    assert better(mix.after, mix.before)
    labels = mix.classes.labels(100, seed=0)
    assert not set(labels.tolist()) & {2, 7} and len(labels) == 100
    assert mix.facts()["dropped"] == list(mix.dropped)


def test_where_all_breeds_are_drawn_alike_all_stay(judge_of):
    mix = choose_breeds(judge_of(reals()), Painter(), BREEDED, TEN, count=500)
    assert mix.classes == TEN and mix.dropped == ()


def test_most_breeds_stay_however_badly_they_are_drawn(judge_of):
    painter = Painter(cannot=range(9))
    mix = choose_breeds(judge_of(reals()), painter, BREEDED, TEN, count=500)
    assert sum(count > 0 for count in mix.classes.counts) >= 6
    assert "j" not in mix.dropped


def test_without_time_no_breed_is_dropped(judge_of):
    painter, late = Painter(cannot=(2, 7)), itertools.count()
    mix = choose_breeds(
        judge_of(reals()), painter, BREEDED, TEN, seconds=1, now=lambda: 10 * next(late)
    )
    assert mix.dropped == ()


def test_breeds_without_pictures_and_networks_without_breeds(judge_of):
    judge = judge_of(reals())
    few = Classes(TEN.names, (0,) * 5 + (20,) * 5)
    mix = choose_breeds(judge, Painter(cannot=(7,)), BREEDED, few, count=500)
    assert mix.classes.counts[:5] == (0,) * 5 and "h" in mix.dropped
    assert choose_breeds(judge, Painter(cannot=(7,)), PLAIN, TEN).classes == TEN
