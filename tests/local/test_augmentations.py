"""The sheet of what augmentation does."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from local import augmentations
from local.data.prepared import TrainingSet
from local.recipes import Recipe

PLAIN = Recipe(size=16, flip=False)
ALL = replace(PLAIN, diffaugment="colour+translation+cutout")


def dogs(count=23, side=16):
    random = torch.Generator().manual_seed(0)
    pictures = torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8, generator=random)
    return TrainingSet(pictures, torch.zeros(count).long(), ["x"])


def rows(image, count):
    """The pictures of each row, without its label."""
    pixels = np.asarray(image)
    assert pixels.shape[0] % count == 0
    return [row[:, augmentations.NAME_WIDTH :] for row in np.split(pixels, count)]


def test_without_settings_pictures_are_learnt_from_as_they_were_prepared():
    data = dogs()
    prepared, *learnt = rows(augmentations.picture(data, PLAIN), 4)
    assert all(np.array_equal(row, prepared) for row in learnt)
    first = data.pictures[0].permute(1, 2, 0).numpy()
    assert np.array_equal(prepared[: 16 * 7 : 7, : 16 * 7 : 7], first)  # enlarged seven times
    last = data.pictures[-1].permute(1, 2, 0).numpy()
    assert np.array_equal(prepared[: 16 * 7 : 7, -16 * 7 :: 7], last)


def test_real_pictures_become_something_else_each_time():
    recipe = replace(PLAIN, rotation=20.0, colour=0.4)
    prepared, *learnt = rows(augmentations.picture(dogs(), recipe), 4)
    different = {row.tobytes() for row in (prepared, *learnt)}
    assert len(different) == 4


def test_the_discriminators_rows_go_from_nothing_to_all():
    prepared, *rest = rows(augmentations.picture(dogs(), ALL), 7)
    seen = rest[3:]
    assert np.array_equal(seen[0], prepared)

    def changed(row):
        differs = (row != prepared).any(axis=(0, 2))
        return sum(cell.any() for cell in np.array_split(differs, augmentations.COLUMNS))

    assert 0 < changed(seen[1]) < changed(seen[2]) == augmentations.COLUMNS


def test_larger_prepared_pictures_keep_their_columns():
    recipe = replace(PLAIN, random_crop=4)
    prepared, *learnt = rows(augmentations.picture(dogs(side=20), recipe), 4)
    white = learnt[0][:10].min(), learnt[0][:, :10].min()  # two pixels, five times enlarged
    assert white == (255, 255)
    assert prepared[:10].min() < 255 and learnt[0][10:20].min() < 255


def test_a_seed_gives_one_sheet():
    one, same = (augmentations.picture(dogs(), ALL) for _ in range(2))
    other = augmentations.picture(dogs(), replace(ALL, seed=1))
    assert one.tobytes() == same.tobytes() != other.tobytes()


@pytest.mark.parametrize("count", [1, 3])
def test_few_pictures_come_again(count):
    whole = augmentations.picture(dogs(count), PLAIN)
    assert whole.size == augmentations.picture(dogs(), PLAIN).size


def test_labels_name_the_settings():
    few, many = (
        augmentations.picture(dogs(), recipe)
        for recipe in (PLAIN, replace(PLAIN, dequantise=True, brightness=1e-6))
    )
    (_, one, *_), (_, other, *_) = (
        np.split(np.asarray(image)[:, : augmentations.NAME_WIDTH], 4) for image in (few, many)
    )
    assert (other < 128).sum() > (one < 128).sum()
