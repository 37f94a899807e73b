"""What both sides go through before the discriminator sees them, against plain loops."""

import pytest
import torch
from operations import Operations

from local.recipes.record import OPERATIONS as NAMES
from local.recipes.record import Recipe
from local.train.ada import Strength
from local.train.diffaugment import (
    OPERATIONS,
    apply,
    contrast,
    cut_out,
    draw_parameters,
    saturate,
    translate,
)

ALL = tuple(OPERATIONS)
POLICIES = [(name,) for name in ALL] + [ALL]


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=6, side=12, seed=0):
    return torch.rand(count, 3, side, side, generator=seeded(seed)) * 2 - 1


def drawn(count, side, policy=ALL, p=1.0, seed=0):
    return draw_parameters(count, side, policy, seeded(seed), p)


def test_recipes_know_all_operations():
    assert NAMES == ALL


@pytest.mark.parametrize("policy", POLICIES)
def test_at_probability_zero_not_a_bit_changes(policy):
    before = pictures()
    assert torch.equal(apply(before, drawn(6, 12, policy, p=0.0), policy), before)
    assert not torch.equal(apply(before, drawn(6, 12, policy), policy), before)


def test_an_empty_policy_draws_nothing_and_does_nothing():
    random, before = seeded(), pictures()
    assert draw_parameters(6, 12, (), random, 1.0) == {}
    assert torch.equal(random.get_state(), seeded().get_state())
    assert apply(before, {}, ()) is before


def moved(picture, down, right):
    """Pixel by pixel; picture (C, S, S)."""
    result = torch.zeros_like(picture)
    side = picture.shape[1]
    for y in range(side):
        for x in range(side):
            if 0 <= y - down < side and 0 <= x - right < side:
                result[:, y, x] = picture[:, y - down, x - right]
    return result


def test_translation_moves_by_whole_pixels_and_leaves_zeros():
    shifts = torch.tensor([[0, 0], [2, 0], [0, -3], [-1, 4], [11, -11], [5, 12]])
    before = pictures()
    expected = [moved(p, *shift) for p, shift in zip(before, shifts.tolist(), strict=True)]
    assert torch.equal(translate(before, shifts), torch.stack(expected))


@pytest.mark.parametrize("side", [16, 28, 64])
def test_translation_goes_an_eighth_of_the_side_each_way(side):
    shifts = drawn(4000, side, ("translation",))["shift"]
    assert shifts.shape == (4000, 2)
    most = {16: 2, 28: 4, 64: 8}[side]
    for axis in shifts.unbind(1):
        counts = torch.bincount(axis + most, minlength=2 * most + 1)
        assert len(counts) == 2 * most + 1
        assert (counts / 4000 * (2 * most + 1) - 1).abs().max() < 0.3  # all as often
    assert torch.corrcoef(shifts.T.float())[0, 1].abs() < 0.05


def with_hole(picture, top, left, size):
    """Pixel by pixel; picture (C, S, S)."""
    result = picture.clone()
    for y in range(picture.shape[1]):
        for x in range(picture.shape[2]):
            if top <= y < top + size and left <= x < left + size:
                result[:, y, x] = 0
    return result


def test_cutout_blanks_a_square_of_half_the_side():
    corners = torch.tensor([[0, 0], [3, 5], [-3, 2], [9, -2], [12, 12], [6, 6]])
    before = pictures()
    expected = [with_hole(p, *at, 6) for p, at in zip(before, corners.tolist(), strict=True)]
    after = cut_out(before, corners)
    assert torch.equal(after, torch.stack(expected))
    blank = (after == 0).all(dim=1).sum(dim=(1, 2)).tolist()
    assert blank == [36, 36, 18, 12, 0, 36]


@pytest.mark.parametrize("side", [16, 28, 14])
def test_at_most_half_of_the_square_lies_outside_and_no_side_is_preferred(side):
    ones = torch.ones(1, 1, side, side)
    corners = drawn(4000, side, ("cutout",))["hole"]
    low, high = -(side // 2 // 2), side - side // 2 + side // 2 // 2
    assert (corners.min(), corners.max()) == (low, high)
    blank = cut_out(ones.expand(4000, -1, -1, -1), corners) == 0
    assert blank.sum(dim=(1, 2, 3)).max() == (side // 2) ** 2
    # A rate a row, as often at the top as at the bottom.
    rows = blank.any(dim=3).float().mean(dim=(0, 1))
    torch.testing.assert_close(rows, rows.flip(0), atol=0.05, rtol=0)
    assert rows.min() > 0.2


def test_brightness_moves_the_mean_by_its_number_and_nothing_else():
    numbers = drawn(6, 12, ("colour",), p=0.0) | {
        "brightness": torch.linspace(-0.5, 0.5, 6)[:, None]
    }
    before = pictures()
    after = apply(before, numbers, ("colour",))
    torch.testing.assert_close(
        after - before, numbers["brightness"].view(6, 1, 1, 1).expand_as(before)
    )


def test_saturation_keeps_the_grey_and_scales_what_is_not():
    before, factors = pictures(), torch.tensor([0.0, 0.3, 1.0, 1.2, 1.9, 2.0])
    after = saturate(before, factors)
    grey = before.mean(dim=1, keepdim=True)
    torch.testing.assert_close(after.mean(dim=1, keepdim=True), grey)
    torch.testing.assert_close(after - grey, factors.view(-1, 1, 1, 1) * (before - grey))
    assert torch.equal(after[2], before[2])


def test_contrast_keeps_the_mean_and_scales_what_is_not():
    before, factors = pictures(), torch.tensor([0.5, 0.7, 1.0, 1.2, 1.4, 1.5])
    after = contrast(before, factors)
    mean = before.mean(dim=(1, 2, 3), keepdim=True)
    torch.testing.assert_close(after.mean(dim=(1, 2, 3), keepdim=True), mean)
    torch.testing.assert_close(after - mean, factors.view(-1, 1, 1, 1) * (before - mean))
    assert torch.equal(after[2], before[2])


def test_colours_have_the_papers_strengths():
    numbers = drawn(4000, 12, ("colour",))
    for name, low, high in (
        ("brightness", -0.5, 0.5),
        ("saturation", 0, 2),
        ("contrast", 0.5, 1.5),
    ):
        values = numbers[name]
        assert values.shape == (4000, 1) and low <= values.min() and values.max() <= high
        width = high - low
        assert values.min() < low + 0.01 * width and values.max() > high - 0.01 * width
        assert abs(values.mean() - (low + high) / 2) < 0.02 * width
        assert values.std() == pytest.approx(width / 12**0.5, rel=0.05)


def gradient(weights, before, numbers, policy):
    """Of the weighted sum of what comes out."""
    before = before.clone().requires_grad_(True)
    (apply(before, numbers, policy) * weights).sum().backward()
    return before.grad


def test_the_gradient_of_a_translation_moves_back():
    weights, numbers = pictures(seed=1), drawn(6, 16, ("translation",))
    got = gradient(weights, pictures(), numbers, ("translation",))
    assert torch.equal(got, translate(weights, -numbers["shift"]))


def test_the_gradient_of_a_cutout_has_the_same_hole():
    weights, numbers = pictures(seed=1), drawn(6, 12, ("cutout",))
    got = gradient(weights, pictures(), numbers, ("cutout",))
    assert torch.equal(got, cut_out(weights, numbers["hole"]))


def test_gradients_are_those_of_finite_differences():
    numbers = {name: values.double() for name, values in drawn(2, 8).items()}
    numbers |= {name: numbers[name].long() for name in ("shift", "hole")}
    before = pictures(2, 8).double().requires_grad_(True)
    assert torch.autograd.gradcheck(lambda x: apply(x, numbers, ALL), before)


@pytest.mark.parametrize("policy", POLICIES)
def test_rows_do_not_depend_on_those_beside_them(policy):
    """A batch cut into parts, for memory or for a team's members."""
    before, numbers = pictures(7), drawn(7, 12, policy, p=0.6)
    whole = apply(before, numbers, policy)
    rows = {name: values.tensor_split(3) for name, values in numbers.items()}
    parts = [
        apply(part, {name: values[i] for name, values in rows.items()}, policy)
        for i, part in enumerate(before.tensor_split(3))
    ]
    torch.testing.assert_close(torch.cat(parts), whole, rtol=1e-6, atol=1e-6)


def test_numbers_follow_the_seed():
    one, same, other = drawn(5, 16), drawn(5, 16), drawn(5, 16, seed=1)
    assert one.keys() == same.keys() == other.keys()
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)
    assert all(len(values) == 5 for values in one.values())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("name", ALL)
def test_an_operation_changes_as_many_pictures_as_its_probability_says(name, p):
    before = pictures(1, 16).expand(4000, -1, -1, -1)
    numbers = drawn(4000, 16, (name,), torch.tensor(p))
    changed = (apply(before, numbers, (name,)) != before).flatten(1).any(dim=1).float().mean()
    moves = {"translation": 1 - 1 / 5**2}.get(name, 1.0)  # some are moved by nothing
    assert changed == pytest.approx(p * moves, abs=0.03)


def test_operations_are_chosen_independently():
    numbers = drawn(4000, 16, p=0.5)
    chosen = [
        numbers["contrast"][:, 0] != 1,
        (numbers["shift"] != 0).any(1),
        numbers["hole"][:, 0] < 16,
    ]
    correlation = torch.corrcoef(torch.stack(chosen).float())
    assert (correlation - torch.eye(3)).abs().max() < 0.06


def test_what_is_changed_at_a_low_probability_is_changed_alike_at_a_high_one():
    low, high = drawn(200, 16, p=0.3), drawn(200, 16, p=1.0)
    idle = {"brightness": 0, "saturation": 1, "contrast": 1, "shift": 0, "hole": 16}
    for name, values in low.items():
        kept = (values != idle[name]).any(dim=1)
        assert 20 < kept.sum() < 100
        assert torch.equal(values[kept], high[name][kept])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_under_autocast(dtype):
    before, numbers = pictures().to(dtype), drawn(6, 12)
    expected = apply(before.float(), numbers, ALL)
    before.requires_grad_(True)
    with torch.autocast("cpu", dtype=dtype):
        after = apply(before, numbers, ALL)
    torch.testing.assert_close(after.float(), expected, atol=2e-2, rtol=0)
    after.float().square().sum().backward()
    assert before.grad.dtype == dtype and before.grad.abs().sum() > 0


@pytest.mark.parametrize("policy", POLICIES)
def test_the_order_in_memory_stays(policy):
    before = pictures().contiguous(memory_format=torch.channels_last)
    after = apply(before, drawn(6, 12, policy), policy)
    assert after.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(after, apply(before.contiguous(), drawn(6, 12, policy), policy))


@pytest.mark.parametrize("settings", [{"ada": 0.6}, {"augment_ramp": 0.5}])
def test_nothing_waits_for_the_device(settings):
    recipe = Recipe(diffaugment="colour+translation+cutout", **settings)
    strength = Strength(recipe, torch.device("cpu"))
    before, right, random = pictures().requires_grad_(True), torch.tensor(0.9), seeded()
    with Operations() as operations:
        strength.follow(0.25)
        numbers = draw_parameters(6, 12, recipe.augmentations, random, strength.p)
        apply(before, numbers, recipe.augmentations).sum().backward()
        strength.watch(right)
    assert {"gather", "lerp", "masked_fill"} <= operations.names
    # reading a number; finding elements; bringing new numbers from the host
    forbidden = {"_local_scalar_dense", "nonzero", "index", "index_put_", "where", "lift_fresh"}
    assert not operations.names & (forbidden | {"scalar_tensor", "_to_copy"})
