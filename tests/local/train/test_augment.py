"""What happens to real pictures on the device."""

import torch

from local.pictures import to_bytes
from local.train.augment import flip, to_floats


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
    flipped = flip(pictures, torch.Generator().manual_seed(0))
    mirrored = (flipped[:, 0, 0, 0] == 7).float()
    assert torch.equal(flipped[mirrored == 1][0], pictures[0].flip(2))
    assert 0.45 < mirrored.mean() < 0.55
    assert torch.equal(flipped[mirrored == 0][0], pictures[0])
