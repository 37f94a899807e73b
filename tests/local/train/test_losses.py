"""Losses against their formulas in plain numbers, and what they must not depend on."""

import math

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce
from torch.nn.functional import mse_loss

from local.recipes import Recipe
from local.train import losses
from local.train.losses import LOSSES, bce_d

REAL = [2.0, -1.0, 0.25, 3.5]
FAKE = [-2.5, 1.5, -0.75, 0.5]


def mean(values):
    values = list(values)
    return sum(values) / len(values)


def probability(logit):
    return 1 / (1 + math.exp(-logit))


def cross_entropy(p, label=1.0):
    return -label * math.log(p) - (1 - label) * math.log(1 - p)


def averages(cost, ahead, behind):
    """As the paper has it, halved: each side against the mean of the other."""
    leads = [x - mean(behind) for x in ahead], [mean(ahead) - x for x in behind]
    return sum(mean(map(cost, side)) for side in leads) / 2


def log_cost(lead):
    return cross_entropy(probability(lead))


def square_cost(lead):
    return (lead - 1) ** 2


def hinge_cost(lead):
    return max(0.0, 1 - lead)


# Of the logits (real, fake): what the discriminator and the generator pay.
FORMULAS = {
    "bce": (
        lambda r, f: (
            mean(cross_entropy(probability(x)) for x in r)
            + mean(cross_entropy(probability(x), label=0.0) for x in f)
        ),
        lambda r, f: mean(cross_entropy(probability(x)) for x in f),
    ),
    "hinge": (
        lambda r, f: mean(max(0, 1 - x) for x in r) + mean(max(0, 1 + x) for x in f),
        lambda r, f: -mean(f),
    ),
    "lsgan": (
        # An output is half over its logit; its targets are 1 and 0.
        lambda r, f: mean((x + 0.5 - 1) ** 2 for x in r) / 2 + mean((x + 0.5) ** 2 for x in f) / 2,
        lambda r, f: mean((x + 0.5 - 1) ** 2 for x in f) / 2,
    ),
    "wgan": (lambda r, f: mean(f) - mean(r), lambda r, f: -mean(f)),
    "rabce": (
        lambda r, f: averages(log_cost, r, f),
        lambda r, f: averages(log_cost, f, r),
    ),
    "ralsgan": (
        lambda r, f: averages(square_cost, r, f),
        lambda r, f: averages(square_cost, f, r),
    ),
    "rahinge": (
        lambda r, f: averages(hinge_cost, r, f),
        lambda r, f: averages(hinge_cost, f, r),
    ),
    "rpgan": (
        lambda r, f: mean(log_cost(x - y) for x, y in zip(r, f, strict=True)),
        lambda r, f: mean(log_cost(y - x) for x, y in zip(r, f, strict=True)),
    ),
}


def sides(loss):
    return loss.discriminator, loss.generator


@pytest.fixture
def logits():
    """Real, fake: enough of them that no two means are close."""
    random = torch.Generator().manual_seed(0)
    return torch.randn(40, generator=random) * 5, torch.randn(40, generator=random) * 5 - 2


@pytest.mark.parametrize("name", LOSSES)
def test_each_side_pays_what_the_formula_says(name):
    for loss, formula in zip(sides(LOSSES[name]), FORMULAS[name], strict=True):
        got = loss(torch.tensor(REAL), torch.tensor(FAKE)).item()
        assert got == pytest.approx(formula(REAL, FAKE), rel=1e-6)


def test_the_table_says_what_each_loss_looks_at():
    assert [name for name in LOSSES if LOSSES[name].absolute] == ["bce", "hinge", "lsgan"]
    comparing = [name for name in LOSSES if LOSSES[name].compares]
    assert comparing == ["rabce", "ralsgan", "rahinge", "rpgan"]


def test_cross_entropy_is_that_of_the_library(logits):
    real, fake = logits
    loss = losses.of(Recipe())
    ones, zeros = torch.ones(40), torch.zeros(40)
    torch.testing.assert_close(loss.discriminator(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(loss.generator(real, fake), bce(fake, ones))


def test_relativistic_average_least_squares(logits):
    """Written out as the paper does, with targets 1 and -1 on the differences."""
    real, fake = logits
    above, below, ones = real - fake.mean(), fake - real.mean(), torch.ones(40)
    expected = (mse_loss(above, ones) + mse_loss(below, -ones)) / 2
    torch.testing.assert_close(LOSSES["ralsgan"].discriminator(real, fake), expected)
    expected = (mse_loss(above, -ones) + mse_loss(below, ones)) / 2
    torch.testing.assert_close(LOSSES["ralsgan"].generator(real, fake), expected)


# Labels


def test_smoothing_moves_the_labels_of_real_pictures_only(logits):
    real, fake = logits
    loss = losses.of(Recipe(smoothing=0.1))
    expected = bce(real, torch.full((40,), 0.9)) + bce(fake, torch.zeros(40))
    torch.testing.assert_close(loss.discriminator(real, fake), expected)
    torch.testing.assert_close(loss.generator(real, fake), bce(fake, torch.ones(40)))


def pull(logit, **labels):
    """Gradient of the discriminator's loss by the logit of a real picture."""
    real = torch.tensor([logit], requires_grad=True)
    bce_d(real, torch.zeros(1), **labels).backward()
    return real.grad.item()


@pytest.mark.parametrize("smoothing", [0.05, 0.2, 0.5])
def test_under_smoothing_a_real_picture_is_drawn_to_its_label(smoothing):
    at_label = math.log((1 - smoothing) / smoothing)
    assert pull(at_label, smoothing=smoothing) == pytest.approx(0, abs=1e-6)
    assert pull(at_label - 0.1, smoothing=smoothing) < -1e-3
    assert pull(at_label + 0.1, smoothing=smoothing) > 1e-3


@pytest.mark.parametrize("smoothing", [0.0, 0.05])
def test_a_margin_cuts_the_probability_of_real_pictures(smoothing):
    loss = losses.of(Recipe(smoothing=smoothing, margin=0.8))
    label = 1 - smoothing
    expected = mean(cross_entropy(min(probability(x), 0.8), label) for x in REAL)
    expected += mean(cross_entropy(probability(x), 0.0) for x in FAKE)
    got = loss.discriminator(torch.tensor(REAL), torch.tensor(FAKE))
    assert got.item() == pytest.approx(expected, rel=1e-6)
    expected = LOSSES["bce"].generator(torch.tensor(REAL), torch.tensor(FAKE))
    assert loss.generator(torch.tensor(REAL), torch.tensor(FAKE)) == expected


@pytest.mark.parametrize("margin", [0.55, 0.8, 0.99])
def test_beyond_a_margin_a_real_picture_pulls_no_more(margin):
    at_margin = math.log(margin / (1 - margin))
    assert pull(at_margin - 0.01, margin=margin) == pull(at_margin - 0.01) < 0
    assert pull(at_margin + 0.01, margin=margin) == 0 == pull(1e4, margin=margin)


def test_a_margin_of_all_but_certainty_is_none():
    real, fake = torch.tensor(REAL), torch.tensor(FAKE)
    assert bce_d(real, fake, margin=1 - 1e-9) == bce_d(real, fake, margin=1.0) == bce_d(real, fake)


# What losses depend on


@pytest.mark.parametrize("name", LOSSES)
def test_where_only_differences_count_a_shift_of_both_sides_changes_nothing(name, logits):
    real, fake = logits
    loss = LOSSES[name]
    before, after = loss.discriminator(real, fake), loss.discriminator(real + 7, fake + 7)
    if loss.absolute:
        assert (before - after).abs() > 0.1
        return
    torch.testing.assert_close(after, before)
    assert loss.right(real + 7, fake + 7) == loss.right(real, fake)
    if loss.compares:
        torch.testing.assert_close(loss.generator(real + 7, fake + 7), loss.generator(real, fake))


@pytest.mark.parametrize("name", LOSSES)
def test_only_paired_losses_depend_on_who_meets_whom(name, logits):
    real, fake = logits
    order = torch.randperm(40, generator=torch.Generator().manual_seed(1))
    for loss in sides(LOSSES[name]):
        before = loss(real, fake)
        torch.testing.assert_close(loss(real[order], fake[order]), before)
        if name == "rpgan":
            assert (loss(real[order], fake) - before).abs() > 0.01
        else:
            torch.testing.assert_close(loss(real[order], fake), before)


@pytest.mark.parametrize("name", [name for name in LOSSES if LOSSES[name].compares])
def test_relativistic_sides_pay_alike_with_the_pictures_exchanged(name, logits):
    real, fake = logits
    loss = LOSSES[name]
    assert loss.generator(real, fake) == loss.discriminator(fake, real)


# Where losses pull


def gradients(loss, real, fake):
    """By the logits of real pictures and of fakes; zeros where the loss does not look."""
    leaves = [torch.tensor(side, requires_grad=True) for side in (real, fake)]
    loss(*leaves).backward()
    return [torch.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]


@pytest.mark.parametrize("name", LOSSES)
def test_undecided_logits_are_pulled_apart_by_one_side_and_together_by_the_other(name):
    undecided = [0.1, -0.1, 0.0]
    real, fake = gradients(LOSSES[name].discriminator, undecided, undecided)
    assert (real < 0).all() and (fake > 0).all()
    real, fake = gradients(LOSSES[name].generator, undecided, undecided)
    assert (fake < 0).all()
    assert (real > 0).all() if LOSSES[name].compares else (real == 0).all()


@pytest.mark.parametrize("name", ["hinge", "rahinge"])
def test_a_hinge_leaves_alone_what_is_far_enough_on_its_side(name):
    real, fake = gradients(LOSSES[name].discriminator, [2.0, 0.0], [-3.0, -1.5])
    assert real.tolist() == ([0.0, -0.5] if name == "hinge" else [0.0, 0.0])
    assert fake.tolist() == [0.0, 0.0]


def test_a_generator_that_loses_clearly_still_learns():
    """A loss that saturates there would teach it nothing."""
    for name in LOSSES:
        _, fake = gradients(LOSSES[name].generator, [30.0], [-30.0])
        assert fake.item() < -0.99, name


def test_what_counts_as_right():
    real, fake = torch.tensor([2.0, -1.0]), torch.tensor([-3.0, 1.0, -0.5, -0.5])
    for name in LOSSES:
        # Where only differences count, means are what matters: 0.5 and -0.75.
        by = 0.0 if LOSSES[name].absolute else 9.0
        assert LOSSES[name].right(real + by, fake + by) == (0.5, 0.75)


# Precision


@pytest.mark.parametrize("size", [1.0, 1e4, 6e4])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_of_half_precision_logits_are_those_of_float32(name, size):
    half = [(size * torch.tensor(side) / 4).half().requires_grad_(True) for side in (REAL, FAKE)]
    full = [side.detach().float().requires_grad_(True) for side in half]
    for loss in sides(LOSSES[name]):
        got = loss(*half)
        assert got.dtype == torch.float32 and got.isfinite()
        torch.testing.assert_close(got, loss(*full))
        got.backward()
        assert all(side.grad is None or side.grad.isfinite().all() for side in half)
