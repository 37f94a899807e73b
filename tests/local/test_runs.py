"""A run's folder: whose it is, and what it says about the run."""

import json
from dataclasses import asdict, replace

import pytest
import torch
from helpers import noise

from local import runs
from local.__main__ import main
from local.data.prepared import TrainingSet
from local.errors import InputError
from local.recipes import Recipe
from local.recipes.text import parse, readable, written
from local.train.build import trainer
from local.train.devices import Device

RECIPE = Recipe(name="mine", size=16, g_width=4, d_width=4, latent=8, batch=8)
TELLS = replace(RECIPE, network="biggan", auxiliary=0.1)  # breeds


def dogs(*breeds: str, seed: int = 0) -> TrainingSet:
    random = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8, generator=random)
    return TrainingSet(pictures, torch.arange(6) % len(breeds), list(breeds))


def refused(call, *arguments) -> str:
    with pytest.raises(InputError) as error:
        call(*arguments)
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


def test_a_folder_says_what_its_run_is_and_is_claimed_again(tmp_path):
    run = tmp_path / "run"
    for _ in range(2):
        runs.claim(run, RECIPE, dogs("pug", "boxer"))
    assert runs.load_recipe(run) == RECIPE
    assert runs.load_classes(run).names == ("pug", "boxer")
    assert sorted(p.name for p in run.iterdir()) == ["data.json", "recipe.json"]


OTHERS = {
    "a number": ({"beta1": 0.4}, {"beta1": 0.3}, "(beta1=0.4 not 0.3)"),
    "something for nothing": ({}, {"diffaugment": "colour"}, "(diffaugment='' not colour)"),
    "nothing for something": ({"diffaugment": "colour"}, {}, "(diffaugment=colour not '')"),
    "as a command takes it": ({}, {"flip": False}, "(flip=true not false)"),
    "two": (
        {},
        {"diffaugment": "colour", "ada": 0.6},
        "(diffaugment='' not colour, ada=0.0 not 0.6)",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_a_folder_of_other_settings_is_refused_and_says_both(case, tmp_path):
    there, here, says = OTHERS[case]
    runs.claim(tmp_path, replace(RECIPE, **there), dogs("pug"))
    told = refused(runs.claim, tmp_path, replace(RECIPE, **here), dogs("pug"))
    assert told == f"{tmp_path} holds a run with other settings {says}; name another --out"


def test_a_folder_of_other_data_is_refused(tmp_path):
    runs.claim(tmp_path, RECIPE, dogs("pug"))
    told = refused(runs.claim, tmp_path, RECIPE, dogs("pug", seed=1))
    assert told.startswith(f"{tmp_path} holds a run with other data (sha256=")
    (tmp_path / "data.json").unlink()
    assert "data.json is gone" in refused(runs.claim, tmp_path, RECIPE, dogs("pug"))


def test_what_is_no_run_or_of_another_version_is_told_with_its_folder(tmp_path):
    assert f"{tmp_path}: no run there" in refused(runs.load_recipe, tmp_path)
    settings = asdict(RECIPE) | {"gone": 1}
    (tmp_path / "recipe.json").write_text(json.dumps(settings))
    told = f"{tmp_path}: the recipe was saved by another version of the kit (settings: gone)"
    assert refused(runs.load_recipe, tmp_path) == told


def test_one_breed_has_no_classifier_of_breeds(tmp_path, capsys):
    device = Device(torch.device("cpu"), "CPU", torch.float32)
    says = "auxiliary=0.1: has no effect on data of one breed; train on several, or set auxiliary=0"
    assert refused(trainer, TELLS, device, dogs("pug")).startswith(says)
    assert trainer(TELLS, device, dogs("pug", "boxer")).recipe == TELLS
    noise(40, 40, 0).save(tmp_path / "one.png")
    words = ["train", "--data", str(tmp_path), "--out", str(tmp_path / "run"), "--steps", "1"]
    assert main([*words, "--recipe", "biggan", "auxiliary=0.1"]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"local train: {says}")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("setting", ["flip=true", "g_lr=0.00015", "batch=32", "diffaugment="])
def test_settings_are_written_as_they_are_read(setting):
    name, value = parse(setting)
    assert f"{name}={written(value)}" == setting
    assert readable(value) == (written(value) or "''")
