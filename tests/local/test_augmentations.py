"""The sheet of what augmentation does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from local import augmentations
from local.__main__ import main
from local.data.prepared import TrainingSet
from local.recipes import Recipe

PLAIN = Recipe(size=16, flip=False)
ALL = replace(PLAIN, diffaugment="colour+translation+cutout")
ADAPTIVE, GROWING = replace(ALL, ada=0.6), replace(ALL, augment_ramp=0.5)


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


def changed(row, prepared):
    """In how many of a row's cells anything differs."""
    differs = (row != prepared).any(axis=(0, 2))
    return sum(cell.any() for cell in np.array_split(differs, augmentations.COLUMNS))


@pytest.mark.parametrize("recipe", [ADAPTIVE, GROWING], ids=["adaptive", "growing"])
def test_the_discriminators_rows_go_up_to_the_highest_probability(recipe):
    prepared, *rest = rows(augmentations.picture(dogs(), recipe), 6)
    assert 0 < changed(rest[3], prepared) < changed(rest[4], prepared) == augmentations.COLUMNS
    few = replace(recipe, augment_p=1e-9)
    prepared, *rest = rows(augmentations.picture(dogs(), few), 6)
    assert all(np.array_equal(row, prepared) for row in rest)


def test_a_fixed_probability_is_the_only_row():
    """And the pictures that it changes are changed as they are at any other."""
    prepared, *rest = rows(augmentations.picture(dogs(), ALL), 5)
    half = rows(augmentations.picture(dogs(), replace(ALL, augment_p=0.3)), 5)[-1]
    assert 0 < changed(half, prepared) < changed(rest[3], prepared) == augmentations.COLUMNS
    assert np.array_equal(half, rows(augmentations.picture(dogs(), ADAPTIVE), 6)[4])


def test_noise_is_seen_by_the_discriminator_alone_or_after_the_rest():
    grey = TrainingSet(torch.full((10, 3, 64, 64), 190, dtype=torch.uint8), torch.zeros(10), ["x"])
    recipe = Recipe(size=64, flip=False, noise=0.1)
    prepared, *rest = rows(augmentations.picture(grey, recipe), 5)
    assert all(np.array_equal(row, prepared) for row in rest[:3])
    first = rest[3][:128:2, :128:2]  # enlarged twice
    assert first.std() == pytest.approx(0.1 * 127.5, rel=0.03)
    assert first.mean() == pytest.approx(190, abs=0.5)
    # adaptive augmentation starts from the noise alone, and has the same noise in every row
    moving = replace(recipe, diffaugment="translation", ada=0.6)
    _, *rest = rows(augmentations.picture(grey, moving), 7)
    alone, _, moved = rest[3:]
    assert alone[:128, :128].std() == pytest.approx(0.1 * 127.5, rel=0.03)
    assert np.array_equal(moved[16:112], alone[16:112]) is False  # the edge has moved in
    assert np.array_equal(moved[16:112, 16:112], alone[16:112, 16:112])  # one grey inside


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


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"noise": 0.1}, "discriminator sees|noise 0.1"),
        ({"diffaugment": "cutout", "augment_p": 0.5}, "discriminator sees|at p = 0.5|cutout"),
        (
            {"diffaugment": "colour+cutout", "ada": 0.6, "augment_p": 0.8, "noise": 0.1},
            "discriminator sees|at p = 0|(adaptive, 0 to 0.8)|noise 0.1;"
            "discriminator sees|at p = 0.24|(adaptive, 0 to 0.8)|colour|cutout|noise 0.1;"
            "discriminator sees|at p = 0.8|(adaptive, 0 to 0.8)|colour|cutout|noise 0.1",
        ),
        (
            {"diffaugment": "cutout", "augment_ramp": 0.5},
            "discriminator sees|at p = 0.3|(growing, 0 to 1)|cutout;"
            "discriminator sees|at p = 1|(growing, 0 to 1)|cutout",
        ),
    ],
)
def test_the_discriminators_rows_say_what_they_show(settings, says, monkeypatch):
    written, plain = [], augmentations.text
    monkeypatch.setattr(
        augmentations, "text", lambda words, *rest: written.append(words) or plain(words, *rest)
    )
    augmentations.picture(dogs(), replace(PLAIN, **settings))
    assert written[4:] == says.replace("|", "\n").split(";")


def test_the_command_draws_a_sheet_and_nothing_else(make_dogs, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("local.commands.train.CACHE", tmp_path / "cache")
    monkeypatch.chdir(tmp_path)
    words = ["train", "--data", str(make_dogs()), "--recipe", "basic-gan", "size=16"]
    assert main([*words, "--aug-sheet", "sheet.png"]) == 0
    assert capsys.readouterr().out == "sheet.png\n"
    assert Image.open("sheet.png").height == 5 * (16 * 7 + augmentations.GAP)  # with its noise
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--steps", "5"], "--steps"),
        (["--minutes", "1", "--epochs", "2"], "--minutes, --epochs"),
        (["--out", "run", "--images", "10"], "--out, --images"),
        (["--test", "t", "--graph", "g", "--device", "cpu"], "--test, --graph, --device"),
    ],
)
def test_what_plays_no_part_beside_a_sheet_is_refused(words, named, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--aug-sheet", "sheet.png", *words]) == 2
    assert capsys.readouterr().err == (
        f"local train: --aug-sheet: only draws, and nothing is trained; leave out {named}\n"
    )
    assert not list(tmp_path.iterdir())


def test_labels_name_the_settings():
    few, many = (
        augmentations.picture(dogs(), recipe)
        for recipe in (PLAIN, replace(PLAIN, dequantise=True, brightness=1e-6))
    )
    (_, one, *_), (_, other, *_) = (
        np.split(np.asarray(image)[:, : augmentations.NAME_WIDTH], 4) for image in (few, many)
    )
    assert (other < 128).sum() > (one < 128).sum()
