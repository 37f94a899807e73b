"""What happens to real pictures on the device."""

import math
from dataclasses import replace

import pytest
import torch

from local.pictures import to_bytes
from local.recipes import Recipe
from local.train.augment import (
    apply,
    brighten,
    corners,
    dequantise,
    draw,
    evenly,
    flip,
    mirrored,
    random_crop,
    recolour,
    rotate,
    to_floats,
    within_levels,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def augment(pictures, recipe, random):
    return apply(pictures, draw(len(pictures), recipe, random), recipe)


def ramp(count, side):
    """Pictures uint8 whose pixels tell their place: row in channel 0, column in channel 1."""
    places = torch.arange(side, dtype=torch.uint8)
    rows, columns = places[:, None].expand(side, side), places[None].expand(side, side)
    return torch.stack([rows, columns, rows]).expand(count, 3, side, side)


def test_every_level_survives_the_way_there_and_back():
    levels = torch.arange(256, dtype=torch.uint8).expand(1, 3, 4, 256)
    floats = to_floats(levels)
    assert (floats.min(), floats.max()) == (-1, 1)
    assert torch.equal(torch.from_numpy(to_bytes(floats)).permute(0, 3, 1, 2), levels)


def test_bytes_are_rounded_and_clamped():
    shades = torch.tensor([-2.0, -1 + 0.49 / 127.5, -1 + 0.51 / 127.5, 2.0])
    assert to_bytes(shades.expand(1, 3, 1, 4))[0, 0, :, 0].tolist() == [0, 0, 1, 255]


def test_half_of_the_pictures_are_mirrored():
    pictures = torch.arange(8.0).expand(1000, 3, 8, 8)
    flipped = flip(pictures, mirrored(1000, seeded()))
    left = (flipped[:, 0, 0, 0] == 7).float()
    assert torch.equal(flipped[left == 1][0], pictures[0].flip(2))
    assert 0.45 < left.mean() < 0.55
    assert torch.equal(flipped[left == 0][0], pictures[0])


def test_random_crops_are_squares_of_the_picture_from_every_place():
    cropped = random_crop(ramp(2000, 12), corners(2000, 4, seeded()), 8)
    assert cropped.shape == (2000, 3, 8, 8)
    tops, lefts = cropped[:, 0, 0, 0].long(), cropped[:, 1, 0, 0].long()
    for i in range(50):
        there = ramp(1, 12)[0, :, tops[i] : tops[i] + 8, lefts[i] : lefts[i] + 8]
        assert torch.equal(cropped[i], there)
    for places in (tops, lefts):
        assert torch.bincount(places, minlength=5).min() > 300  # of 400 on average
    assert abs(torch.corrcoef(torch.stack([tops, lefts]).float())[0, 1]) < 0.1


def test_a_turned_picture_is_turned_by_no_more_than_asked_and_both_ways():
    """A bright spot to the right of the middle goes round on a circle."""
    side, out = 33, 12
    pictures = torch.full((400, 3, side, side), -1.0)
    pictures[:, :, 16, 16 + out] = 1.0
    turned = rotate(pictures, evenly(400, math.radians(30.0), seeded()))
    spots = turned[:, 0].flatten(1).argmax(dim=1)
    angles = torch.atan2((spots // side - 16).float(), (spots % side - 16).float()) * 180 / math.pi
    assert angles.abs().max() < 30 + 180 / math.pi / out  # to the pixel
    assert angles.min() < -25 and angles.max() > 25 and angles.mean().abs() < 3
    assert turned.shape == pictures.shape


def test_turning_by_nothing_changes_nothing_and_edges_are_no_black_corners():
    pictures = torch.rand(4, 3, 16, 16, generator=seeded()) + 1  # far from black
    unturned = rotate(pictures, evenly(4, 1e-9, seeded()))
    torch.testing.assert_close(unturned, pictures, atol=1e-4, rtol=0)
    assert rotate(pictures, evenly(4, math.radians(45.0), seeded())).min() >= 1


def test_brightness_scales_the_light_and_stops_at_white():
    pictures = torch.linspace(-1, 1, 5).expand(1000, 3, 1, 5)
    bright = brighten(pictures, evenly(1000, 0.2, seeded()))
    assert torch.equal(bright[..., 0], torch.full_like(bright[..., 0], -1))  # black stays black
    factors = (bright[..., 2] + 1)[:, 0, 0]  # of light 1
    assert factors.min() >= 0.8 and factors.max() <= 1.2 and factors.std() > 0.1
    assert bright.max() <= 1


def test_colour_scales_saturation_and_contrast_each_by_its_own_factor():
    """Two pixels, one lighter; their channels lie apart."""
    light, apart = torch.tensor([-0.2, 0.2]), torch.tensor([0.1, 0.0, -0.1])
    pictures = (0.1 + light + apart[:, None])[:, None].expand(2000, 3, 1, 2)
    random = seeded()
    after = recolour(pictures, evenly(2000, 0.3, random), evenly(2000, 0.3, random))
    torch.testing.assert_close(after.mean(dim=(1, 2, 3)), torch.full((2000,), 0.1))
    grey = after.mean(dim=1)[:, 0]
    contrasts = (grey[:, 1] - grey[:, 0]) / 0.4
    saturations = (after[:, 0] - after[:, 2])[:, 0, 0] / 0.2 / contrasts
    for factors in (contrasts, saturations):
        assert 0.7 - 1e-5 <= factors.min() < 0.71 and 1.29 < factors.max() <= 1.3 + 1e-5
        assert abs(factors.mean() - 1) < 0.02
    assert abs(torch.corrcoef(torch.stack([contrasts, saturations]))[0, 1]) < 0.1


def test_no_colour_is_beyond_black_and_white():
    pictures = torch.rand(100, 3, 4, 4, generator=seeded()).round() * 2 - 1
    assert recolour(pictures, *(evenly(100, 0.9, seeded(n)) for n in (0, 1))).abs().max() == 1


def test_dequantised_levels_fill_the_gaps_and_rounding_gives_them_back():
    levels = torch.arange(256, dtype=torch.uint8).expand(50, 3, 4, 256)
    floats = to_floats(levels)
    spread = dequantise(floats, within_levels(tuple(floats.shape), seeded()))
    assert torch.equal(torch.from_numpy(to_bytes(spread)).permute(0, 3, 1, 2), levels)
    assert spread.abs().max() <= 1
    noise = (spread - floats)[..., 1:-1] * 256  # the ends are cut
    assert noise.min() >= -1.001 and noise.max() <= 1.001 and abs(noise.mean()) < 0.01
    counts = torch.histc(noise, 8, -1, 1) / noise.numel()
    torch.testing.assert_close(counts, torch.full((8,), 1 / 8), atol=5e-3, rtol=0)


def test_augmented_pictures_have_the_recipes_size_and_follow_the_seed():
    recipe = replace(Recipe(size=16), random_crop=4, rotation=10.0, brightness=0.1)
    recipe = replace(recipe, colour=0.2, dequantise=True)
    pictures = torch.randint(0, 256, (6, 3, 20, 20), dtype=torch.uint8, generator=seeded())
    one, same, other = (augment(pictures, recipe, seeded(seed)) for seed in (1, 1, 2))
    assert one.shape == (6, 3, 16, 16) and one.dtype == torch.float32
    assert one.abs().max() <= 1
    assert torch.equal(one, same) and not torch.equal(one, other)
    # a member of a team changes its own pictures as they are changed in the whole batch
    mine = {name: numbers[4:] for name, numbers in draw(6, recipe, seeded(1)).items()}
    assert torch.equal(apply(pictures[4:], mine, recipe), one[4:])


@pytest.mark.parametrize("setting", [{"colour": 0.2}, {"dequantise": True}])
def test_each_setting_does_something(setting):
    plain = Recipe(size=16, flip=False)
    pictures = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=seeded())
    after = augment(pictures, replace(plain, **setting), seeded())
    assert not torch.equal(after, augment(pictures, plain, seeded()))


def test_without_settings_nothing_happens():
    recipe = Recipe(size=16, flip=False)
    pictures = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=seeded())
    assert torch.equal(augment(pictures, recipe, seeded()), to_floats(pictures))
