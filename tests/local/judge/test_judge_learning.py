"""A judge that has learned for a moment: it ranks damage, keeps to its time, follows its seed."""

import itertools

import numpy as np
import pytest
import torch
from torch.nn.functional import avg_pool2d

from local import judge
from local.data.prepared import TrainingSet
from local.judge import JudgeError, learning, network, tasks
from local.train.devices import Device

CPU = torch.device("cpu")
DEVICE = Device(CPU, "CPU", torch.float32)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The same network with fewer channels, and smaller steps."""
    monkeypatch.setattr(network, "WIDTHS", (8, 16, 16, 32))
    monkeypatch.setattr(learning, "SHOWN", 48)


def ticking(seconds=0.01):
    """A clock on which every look at it takes so long."""
    count = itertools.count()
    return lambda: next(count) * seconds


def striped(count, seed, classes=3):
    """Pictures (N, 3, 64, 64) uint8 of stripes, whose direction is their class, and labels."""
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    angles = labels * torch.pi / classes
    at = torch.arange(64.0)
    across = angles.cos()[:, None, None] * at + angles.sin()[:, None, None] * at[:, None]
    period = 9 + 4 * torch.rand(count, 1, 1, generator=random)
    phase = 7 * torch.rand(count, 1, 1, generator=random)
    waves = (2 * torch.pi * across / period + phase).sin()[:, None]
    colours = 30 + 60 * torch.rand(count, 3, 1, 1, generator=random)
    grey = 100 + 50 * torch.rand(count, 1, 1, 1, generator=random)
    grain = 8 * torch.randn(count, 3, 64, 64, generator=random)
    return (grey + colours * waves + grain).clamp(0, 255).byte(), labels


@pytest.fixture(scope="module")
def lessons():
    pictures, labels = striped(300, seed=0)
    return TrainingSet(pictures, labels, ["a", "b", "c"])


def of_one_class(dogs):
    return TrainingSet(dogs.pictures, torch.zeros(len(dogs)).long(), ["dog"])


def learn(dogs, seconds=2.0, seed=0):
    return judge.learn(dogs, DEVICE, seconds, seed, now=ticking())


def blurred(pictures, side):
    return avg_pool2d(pictures.float(), side, 1, side // 2, count_include_pad=False).byte()


def noisy(pictures, deviation):
    random = torch.Generator().manual_seed(5)
    noise = deviation * torch.randn(pictures.shape, generator=random)
    return (pictures.float() + noise).clamp(0, 255).byte()


def few(pictures, number):
    return pictures[torch.arange(len(pictures)) % number]


@pytest.mark.slow
@pytest.mark.parametrize("breeds", [True, False])
def test_damage_is_ranked_by_how_bad_it_is(lessons, breeds):
    mine = learn(lessons if breeds else of_one_class(lessons))
    others, _ = striped(150, seed=1)
    for damaged in (
        [others, blurred(others, 3), blurred(others, 7), blurred(others, 15)],
        [others, noisy(others, 25), noisy(others, 60), noisy(others, 120)],
        [others, few(others, 9), few(others, 3), few(others, 1)],
    ):
        shown = [each.permute(0, 2, 3, 1).contiguous().numpy() for each in damaged]
        values = [mine.score(each).value for each in shown]
        assert values == sorted(values), values
        assert values[1] > 1.2 * values[0]


@pytest.mark.slow
def test_it_says_what_it_learned_and_from_what(lessons):
    facts = learn(lessons, 8.0).facts
    assert facts["task"] == "breeds" and facts["classes"] == 3
    assert facts["learned_from"] == 240 and facts["real_pictures"] == 300
    assert facts["steps"] > 10 and facts["epochs"] == round(facts["steps"] * 48 / 240, 2)
    assert facts["accuracy"] > 0.6  # of three
    assert facts["split_distance"] > 0
    assert learn(of_one_class(lessons)).facts["task"] == "quarter turns"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_judge(lessons):
    shown = np.random.default_rng(0).integers(0, 256, (45, 64, 64, 3), np.uint8)
    one, same, other = (learn(lessons, 1.0, seed).features(shown) for seed in (3, 3, 4))
    assert torch.equal(one, same)
    assert not torch.allclose(one, other)


def test_the_processs_own_random_numbers_are_left_alone(lessons):
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    learn(lessons, 0.5)
    assert torch.equal(torch.rand(3), expected)


@pytest.mark.parametrize("seconds", [0.5, 1.5])
@pytest.mark.parametrize("tick", [0.01, 0.02])
def test_it_stays_within_its_time(lessons, seconds, tick):
    now = ticking(tick)
    start = now()
    mine = judge.learn(lessons, DEVICE, seconds, now=now)
    spent = now() - start - tick  # the last look at the clock is this one
    assert spent <= seconds
    assert mine.facts["seconds"] <= round(spent, 2)


@pytest.mark.slow
def test_more_time_gives_more_steps_up_to_its_epochs(lessons, monkeypatch):
    monkeypatch.setattr(learning, "EPOCHS", 4)
    steps = [learn(lessons, seconds).facts["steps"] for seconds in (0.5, 1.0, 1e6)]
    assert steps[0] < steps[1] < steps[2] == 20  # 4 x 240 / 48


@pytest.mark.slow
def test_real_pictures_are_looked_at_as_far_as_time_goes(lessons, monkeypatch):
    monkeypatch.setattr(learning, "ENOUGH", 100)
    monkeypatch.setattr(learning, "BATCH", 50)
    whole = learn(lessons, 3.0).facts["real_pictures"]
    part = learn(lessons, 0.2).facts["real_pictures"]
    assert whole == 300 and 100 <= part < 300


def test_without_time_there_is_no_judge(lessons):
    with pytest.raises(JudgeError, match="its time was over after 0 real pictures"):
        learn(lessons, 0.01)


def test_few_pictures_have_no_judge_and_other_sizes_are_a_mistake(lessons):
    def cut(rows, side):
        pictures = lessons.pictures[:rows, :, :side, :side]
        return TrainingSet(pictures, lessons.labels[:rows], lessons.breeds)

    with pytest.raises(JudgeError, match="too few"):
        learn(cut(31, 64))
    with pytest.raises(ValueError, match="64 are needed"):
        learn(cut(100, 32))


def test_pictures_that_are_all_the_same_have_no_judge(lessons):
    same = lessons.pictures[:1].expand(60, -1, -1, -1)
    with pytest.raises(JudgeError):
        learn(TrainingSet(same, lessons.labels[:60], lessons.breeds))


def test_its_time_is_a_share_of_the_run_and_bounded():
    assert judge.budget(300) == pytest.approx(6)
    assert judge.budget(9 * 3600) == 300


def test_turned_pictures_know_their_turns():
    pictures = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4).repeat(10, 1, 1, 1)
    shown, turns = tasks.turned(pictures, torch.Generator().manual_seed(0))
    assert set(turns.tolist()) == {0, 1, 2, 3}
    for before, after, turn in zip(pictures, shown, turns.tolist(), strict=True):
        assert torch.equal(after, before.rot90(turn, (1, 2)))


def test_variations_keep_the_range_and_follow_their_generator():
    pictures = torch.rand(8, 3, 16, 16) * 2 - 1
    one, same, other = (
        tasks.varied(pictures, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(one, same) and not torch.equal(one, other)
    assert one.shape == pictures.shape and one.min() >= -1.2 and one.max() <= 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_it_learns_in_short_types_and_judges_in_float32(lessons, dtype):
    mine = judge.learn(lessons, Device(CPU, "CPU", dtype), 0.5, now=ticking())
    assert mine.features(np.zeros((2, 64, 64, 3), np.uint8)).dtype == torch.float32
