"""Tuning: what is drawn, how trials end, what is kept, and what is said about it."""

import itertools
import json
import math
import shutil
import signal
import sqlite3
import time
from pathlib import Path
from threading import Event
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
import torch
from helpers import noise
from kernel_runs import run_python
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage
from optuna.trial import TrialState
from PIL import Image

from local import judging, project, recipes
from local.__main__ import main
from local.commands import sweep
from local.data import default
from local.data.prepared import prepare
from local.errors import InputError
from local.recipes import ranges
from local.recipes.ranges import Choice, Range
from local.sampling import draw
from local.sweep import again, findings, report, storage, trial, workers
from local.sweep.judge import Judge, Score
from local.sweep.marks import MARKS, Marks
from local.sweep.start import start
from local.train.build import trainer
from local.train.clock import Budget
from local.train.devices import Device
from local.train.trainer import Trainer
from mifid.kid import kernel_distance
from mifid.network import random_network

TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8", "quick_images=4"]
OVER = ["--over", "g_lr=1e-5..1e-2", "--over", "flip=true,false"]
RATE = recipes.get(recipes.DEFAULT).g_lr


@pytest.fixture(autouse=True)
def cache(tmp_path_factory, monkeypatch):
    for module in (project, sweep, default, judging, trial):
        monkeypatch.setattr(module, "CACHE", tmp_path_factory.getbasetemp() / "cache")


@pytest.fixture
def no_plots(monkeypatch):
    monkeypatch.setattr(report, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)  # plots cost seconds


@pytest.fixture
def untrained(no_plots, monkeypatch):
    """A score comes from the rate alone. A trial is stopped by Ctrl-C where the list says so."""
    stops = []

    def train(*_, **__):
        if stops and stops.pop(0):
            signal.raise_signal(signal.SIGINT)
        return True

    def score(_, model):
        kid = abs(math.log10(model.recipe.g_lr) + 3.1)
        return Score(kid, 0.1, np.zeros((4, 16, 16, 3), np.uint8))

    monkeypatch.setattr(trial, "train", train)
    monkeypatch.setattr(Judge, "score", score)
    return stops


def words(data: Path, out: Path, *more: str, over=OVER, steps="4") -> list[str]:
    fixed = ["--data", str(data), "--out", str(out), "--images", "16", "--steps", steps]
    return ["sweep", *fixed, *over, *TINY, *more]


def numbers(out: Path) -> dict:
    return json.loads((out / "sweep.json").read_text())


@pytest.fixture(scope="module")
def dogs(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "all-dogs"
    folder.mkdir()
    for i in range(12):
        noise(40, 30, i).save(folder / f"n0000000{i % 2}_{i}.jpg")
    return folder.parent


# Ranges.


@pytest.mark.parametrize("name", recipes.PRESETS)
def test_stated_ranges_fit_the_recipe_and_hold_its_own_settings(name):
    recipe = recipes.get(name)
    spaces = ranges.COMMON | ranges.RANGES.get(name, {})
    assert ranges.stated(recipe) == spaces  # none is left out
    for setting, space in spaces.items():
        assert getattr(recipe, setting) in space


def test_no_ranges_of_recipes_that_are_not_there():
    assert ranges.RANGES.keys() <= recipes.PRESETS.keys()


def test_ranges_that_an_overridden_setting_rules_out_are_left_out():
    recipe = recipes.override(recipes.get("dcgan"), ["loss=ralsgan"])
    assert "smoothing" in ranges.stated(recipes.get("dcgan"))
    assert "smoothing" not in ranges.stated(recipe)


SPACES = {
    "g_lr=1e-5..1e-3": Range(1e-5, 1e-3, log=True),
    "g_lr=1e-4..3e-4": Range(1e-4, 3e-4),
    "ema=0..0.5": Range(0.0, 0.5),
    "batch=16..64": Range(16, 64),
    "batch=64,32": Choice((64, 32)),
    "flip=true,false": Choice((True, False)),
    "loss=bce,ralsgan": Choice(("bce", "ralsgan")),
    "size=32,64": Choice((32, 64)),
    "d_lr": ranges.COMMON["d_lr"],
}


@pytest.mark.parametrize("text", SPACES)
def test_ranges_and_choices_of_a_command_line(text):
    name = text.partition("=")[0]
    found = ranges.chosen(recipes.get("best-dcgan"), {}, [text])
    assert found == {name: SPACES[text]}
    kinds = {type(v) for v in (getattr(SPACES[text], "values", ()) or (SPACES[text].low,))}
    assert kinds == {type(getattr(recipes.get("best-dcgan"), name))}


BAD_RANGES = {
    "bach=2,3": "did you mean batch",
    "epochs=1,2": "there are: network, size",
    "selection=judge,none": "cannot be swept",
    "g_lr=1e-3..1e-5": "empty",
    "g_lr=1e-3..1e-3": "empty",
    "g_lr=0..1": "over 0",
    "g_lr=1e-4..inf": "finite",
    "g_lr=nan..1": "empty",
    "g_lr=nan,1": "over 0",
    "beta1=0..1": "under 1",
    "batch=16,many": "a whole number",
    "batch=1.5..3": "a whole number",
    "batch=64": "no choice",
    "batch=64,64": "no choice",
    "crop=box..face": "crop has no range",
    "flip=false..true": "no range",
    "size=16..64": "no range",
    "size=32,33": "size must be one of",
    "dropout=0..0.5": "network=dcgan has no such setting",
    "latent_side=4,8": "network=dcgan has no such setting",
    "crop": "write crop=low..high or crop=a,b,c; there are ranges for g_lr",
    "=1..2": "no setting",
}


@pytest.mark.parametrize("text", BAD_RANGES)
def test_ranges_that_are_refused(text):
    with pytest.raises(InputError) as refused:
        started("best-dcgan", [text])
    assert BAD_RANGES[text] in str(refused.value)
    assert len(str(refused.value).splitlines()) == 1


def test_a_setting_is_fixed_or_swept_and_swept_once():
    recipe = recipes.get("dcgan")
    rate = {"g_lr": 1e-4}
    assert "g_lr" not in ranges.chosen(recipe, rate, [])
    for asked, fixed in ((["g_lr"], rate), (["g_lr", "g_lr=1e-4..1e-3"], {})):
        with pytest.raises(InputError, match="swept"):
            ranges.chosen(recipe, fixed, asked)
    with pytest.raises(InputError, match="all settings"):
        ranges.chosen(recipe, {name: getattr(recipe, name) for name in ranges.stated(recipe)}, [])


def started(name: str, asked: list[str], **fixed) -> recipes.Recipe:
    """What a sweep starts from."""
    preset = recipes.get(name)
    return start(preset, fixed, ranges.chosen(preset, fixed, asked))


def test_a_sweep_starts_from_the_recipe_with_the_fixed_settings():
    assert started("sagan", []) == recipes.get("sagan")
    assert started("sagan", ["g_lr=1e-3..1e-2"], batch=16) == recipes.override(
        recipes.get("sagan"), ["batch=16"]
    )


PAIRS = {
    "both sides of a pair": ("best-dcgan", ["ada=0.4,0.6", "diffaugment=colour,cutout"], {}),
    "one of them off in some": ("best-dcgan", ["ada=0,0.6", "diffaugment=,colour+cutout"], {}),
    "the kind first": ("sagan", ["penalty_kind=gp,r1", "penalty=1..30"], {}),
    "laziness": ("sagan", ["penalty_every=1,16", "penalty=0,10", "penalty_kind=gp,r1"], {}),
    "labels": ("best-dcgan", ["margin=0.6..0.8", "smoothing=0..0.3"], {}),
    "labels, of one loss": ("best-dcgan", ["loss=bce,hinge", "smoothing=0,0.1"], {}),
    "three that one needs": (
        "best-dcgan",
        ["loss=bce,wgan", "network=dcgan,csagan", "penalty=0,10", "d_steps=1,5"],
        {},
    ),
    "a fixed one": ("sagan", ["penalty=1..30"], {"penalty_kind": "r1", "penalty_every": 16}),
    "two fixed ones": ("best-dcgan", ["diffaugment=colour,cutout"], {"ada": 0.6, "ada_kimg": 50.0}),
}


@pytest.mark.parametrize("case", PAIRS)
def test_settings_that_go_together_are_swept_together(case):
    name, asked, fixed = PAIRS[case]
    recipe = started(name, asked, **fixed)
    assert {key: getattr(recipe, key) for key in fixed} == fixed
    if not fixed:
        assert recipe == recipes.get(name)


def test_fixed_settings_that_need_a_swept_one_start_with_a_value_of_it():
    recipe = started("sagan", ["penalty=1..30", "g_lr"], penalty_kind="r1")
    assert recipe == recipes.override(recipes.get("sagan"), ["penalty_kind=r1", "penalty=1"])


ALONE = {
    "nothing beside it": (["ada=0.4,0.6"], {}, "ada=0.4: has no effect without diffaugment"),
    "two that lack a third": (
        ["ada=0.2,0.6", "ada_kimg=9,99"],
        {},
        "without diffaugment; set that",
    ),
    "no others left": (
        ["ada=0.4,0.6", "diffaugment=,colour"],
        {},
        "no trial can have diffaugment='': ada=0.4: has no effect without diffaugment",
    ),
    "a fixed one that rules it out": (
        ["smoothing=0,0.1"],
        {"loss": "hinge"},
        "smoothing=0.1: loss=hinge has no labels; set smoothing=0",
    ),
    "its stated range": (
        ["margin"],
        {"loss": "hinge"},
        "margin=0.8: loss=hinge has no labels",
    ),
    "an end that is too far": (
        ["margin=0.7..0.9", "smoothing=0.1..0.4"],
        {},
        "no trial can have smoothing=0.4: margin=0.8: the label of 1 - smoothing=0.4",
    ),
    "an end that others rule out": (
        ["penalty=0..10", "penalty_kind=r1,r2"],
        {"network": "csagan"},
        "no trial can have penalty=0.0: penalty_kind=r1: has no effect without penalty",
    ),
    "no combination at all": (
        ["loss=hinge,ralsgan", "smoothing=0.1,0.2"],
        {},
        "smoothing=0.1: loss=hinge has no labels",
    ),
    "bounds of a pair's own": (["ada=0.4,2", "diffaugment=colour,cutout"], {}, "ada=2.0: ada must"),
    "a fixed one by itself": (["g_lr"], {"batch": 0}, "batch=0: batch must be at least 2"),
}


@pytest.mark.parametrize("case", ALONE)
def test_values_that_go_with_nothing_are_refused_at_once(case):
    asked, fixed, says = ALONE[case]
    with pytest.raises(InputError) as refused:
        started("best-dcgan", asked, **fixed)
    assert says in str(refused.value)


# What a score is.


@pytest.mark.parametrize(("images", "subset"), [(8, 2), (11, 2), (16, 3), (400, 3)])
def test_a_subset_is_a_quarter_of_the_smaller_side(images, subset, dogs):
    assert Judge(random_network(), dogs, images).subset == subset  # of twelve real pictures


def test_a_score_is_the_kernel_distance_over_such_subsets(dogs):
    recipe = recipes.override(recipes.get("best-dcgan"), TINY)
    device = Device(torch.device("cpu"), "CPU", torch.float32)
    model = trainer(recipe, device, prepare(dogs, recipe.prepared_size, recipe.crop))
    judge = Judge(random_network(), dogs, 16)
    score = judge.score(model)
    draws = draw(recipe, model.classes, 16, recipe.seed + 1)
    pictures, fakes = judging.fake_side(model.average, draws, device.device, judge.network)
    reals = judge.reals.features.values
    expected = kernel_distance(fakes.values, reals, subsets=100, size=3)
    assert score.kid == pytest.approx(expected.mean, rel=1e-6)
    assert score.deviation == pytest.approx(expected.deviation, rel=1e-6)
    assert np.array_equal(score.pictures, pictures)


# A whole sweep.


@pytest.fixture(scope="module")
def swept(dogs, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("sweep") / "out"
    with pytest.MonkeyPatch.context() as patch:
        for module in (project, sweep, default, judging, trial):
            patch.setattr(module, "CACHE", tmp_path_factory.getbasetemp() / "cache")
        patch.setattr(findings, "ENOUGH", 3)
        patch.setattr(findings, "TOP", 2)
        patch.setattr(report, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)
        assert main(words(dogs, out, "--trials", "4")) == 0
    return out


def test_a_sweep_leaves_everything_that_it_promises(swept):
    names = {p.name for p in swept.iterdir()}
    plots = {f"{name}.png" for name in ("history", "curves", "importance", "slices")}
    assert names == plots | {"index.html", "sweep.json", "sweep.db", "trials"}
    sheets = {p.name for p in (swept / "trials").iterdir()}
    assert sheets == {f"000{i}.png" for i in range(4)}  # and no snapshots


@pytest.mark.slow
def test_its_plots_can_be_looked_at(swept, dogs, tmp_path, monkeypatch):
    out = shutil.copytree(swept, tmp_path / "out")
    monkeypatch.setattr(findings, "ENOUGH", 3)
    monkeypatch.setattr(findings, "TOP", 2)
    assert main(words(dogs, out, "--trials", "4")) == 0
    for name in ("history", "curves", "importance", "slices"):
        with Image.open(out / f"{name}.png") as plot:
            assert plot.width > 400 and len(plot.convert("RGB").getcolors(2**24)) > 10


def test_the_first_trial_is_the_recipe_as_it_is(swept):
    found = numbers(swept)
    first = found["rows"][0]
    assert first["settings"] == {"g_lr": RATE, "flip": True}
    assert found["own"] == first["score"]


def test_the_best_trial_is_the_lowest_score_and_its_command_is_ready(swept, dogs):
    found = numbers(swept)
    rows = {row["number"]: row for row in found["rows"]}
    assert found["best"]["kid"] == min(row["score"] for row in rows.values())
    best = rows[found["best"]["trial"]]
    assert found["best"]["settings"] == best["settings"]
    value = best["settings"]
    command = found["command"].split()
    assert command[:4] == ["python", "-m", "local", "train"]
    assert command[-2:] == [f"g_lr={value['g_lr']}", f"flip={str(value['flip']).lower()}"]
    assert set(TINY) < set(command)
    assert sorted(rows) == list(range(4))
    assert all(1e-5 <= row["settings"]["g_lr"] <= 1e-2 for row in rows.values())


def test_the_command_trains(swept, tmp_path):
    command = numbers(swept)["command"].split()[3:]
    more = ["--steps", "1", "--images", "4", "--out", str(tmp_path / "run")]
    assert main([*command, *more]) == 0


def test_the_page_opens_anywhere_and_says_how_weak_it_is(swept):
    page = (swept / "index.html").read_text()
    assert "://" not in page and "<script" not in page
    assert page.count("prefers-color-scheme: dark") >= 4 and page.count("data:image/png") >= 9
    found = numbers(swept)
    assert found["command"].split("--recipe")[1] in page
    assert "16 pictures (mean of 100 subsets of 3 a side" in page
    assert f"against {found['own']:.4g} of the recipe as it is" in page
    assert "no leaderboard" in page and "may be chance" in page
    for effect in found["effects"]:
        assert effect["setting"] in page and not effect["clear"]
    assert sum(e["importance"] for e in found["effects"]) == pytest.approx(1)


@pytest.mark.slow
def test_a_sweep_goes_on_as_if_it_had_never_stopped(swept, dogs, tmp_path, no_plots, capsys):
    for count in ("2", "4"):
        assert main(words(dogs, tmp_path, "--trials", count)) == 0
    captured = capsys.readouterr()
    assert "2 of 4 trials ->" in captured.err
    whole, parts = (
        [(row["settings"], row["score"]) for row in numbers(out)["rows"]]
        for out in (swept, tmp_path)
    )
    assert parts == whole  # the settings, and so the training, depend on seed and number alone
    before = numbers(tmp_path)
    assert main(words(dogs, tmp_path, "--trials", "3", "--json")) == 0  # enough are there
    captured = capsys.readouterr()
    assert json.loads(captured.out) == before == numbers(tmp_path)
    assert "trial 4" not in captured.err


def test_stdout_is_the_best_and_the_page(swept, dogs, no_plots, capsys):
    assert main(words(dogs, swept, "--trials", "4")) == 0
    first, *settings, command, page = capsys.readouterr().out.splitlines()
    found = numbers(swept)
    assert first.startswith(
        f"trial {found['best']['trial']} is the best of 4: KID {found['best']['kid']:.4g} ("
    )
    assert "network random" in first
    assert {line.split()[0] for line in settings} == {"g_lr", "flip"}
    assert (command, page) == (found["command"], str(swept / "index.html"))


OTHERS = {
    "ranges": (["--over", "d_lr"], [], "ranges (d_lr=None not 2e-05..0.002 (log)"),
    "recipe": (OVER, ["beta1=0.4"], "recipe (beta1=0.5 not 0.4)"),
    "seed": (OVER, ["--seed", "1"], "seed (0 not 1)"),
    "steps": (OVER, ["--steps", "9"], "steps (4 not 9)"),
    "images": (OVER, ["--images", "20"], "images (16 not 20)"),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_folder_of_another_sweep_is_refused(what, swept, dogs, capsys):
    over, more, says = OTHERS[what]
    before = numbers(swept)
    assert main(words(dogs, swept, "--trials", "9", *more, over=over)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert f"{swept} holds a sweep with other {says}" in last and "name another --out" in last
    assert numbers(swept) == before


def test_other_data_are_refused(swept, make_dogs, dogs, capsys):
    for more, what, own in (
        (["--data", str(make_dogs())], "data", 24),  # crops: a square in the middle, and the whole
        (["--test", str(make_dogs(4, "t"))], "test", 12),
    ):
        assert main([*words(dogs, swept, "--trials", "4"), *more]) == 2
        assert f"with other {what} ({own} pictures" in capsys.readouterr().err


@pytest.mark.slow
def test_a_few_choices_are_tried_once_each(dogs, tmp_path, no_plots):
    over = ["--over", "seed=0,1", "--over", "flip=true,false"]
    assert main(words(dogs, tmp_path, "--trials", "9", over=over, steps="1")) == 0
    tried = [tuple(row["settings"].values()) for row in numbers(tmp_path)["rows"]]
    assert sorted(tried) == [(0, False), (0, True), (1, False), (1, True)]


# How trials end.


def states(out: Path) -> list[str]:
    return [row["state"] for row in numbers(out)["rows"]]


@pytest.mark.slow
def test_losses_that_blow_up_end_a_trial_and_not_the_sweep(dogs, tmp_path, no_plots, capsys):
    over = ["--over", "g_lr=1e-4..1e30"]
    assert main(words(dogs, tmp_path, "--trials", "2", over=over, steps="8")) == 0
    tame, wild = numbers(tmp_path)["rows"]
    assert (tame["state"], tame["why"]) == ("scored", "")
    assert wild["settings"]["g_lr"] > 1
    assert (wild["state"], wild["why"]) == ("stopped", "losses blew up")
    assert "trial 1: no score: losses blew up" in capsys.readouterr().err


@pytest.mark.slow
def test_memory_that_runs_out_ends_a_trial_and_not_the_sweep(dogs, tmp_path, no_plots, monkeypatch):
    step = Trainer.step

    def narrow(self, *arguments):
        if self.recipe.g_lr != RATE:
            raise RuntimeError("CUDA out of memory")
        return step(self, *arguments)

    monkeypatch.setattr(Trainer, "step", narrow)
    assert main(words(dogs, tmp_path, "--trials", "2")) == 0
    assert [row["why"] for row in numbers(tmp_path)["rows"]] == ["", "memory ran out"]


def test_settings_that_do_not_go_together_end_a_trial(dogs, tmp_path, no_plots, capsys):
    over = ["--over", "loss=bce,hinge", "--over", "smoothing=0,0.1"]
    more = ["--trials", "4", "--recipe", "dense-gan", "--json"]
    assert main(words(dogs, tmp_path, *more, over=over, steps="1")) == 0
    captured = capsys.readouterr()
    rows = json.loads(captured.out)["rows"]
    for row in rows:
        odd = row["settings"] == {"loss": "hinge", "smoothing": 0.1}
        why = "smoothing=0.1: loss=hinge has no labels; set smoothing=0" if odd else ""
        assert (row["state"], row["why"]) == ("stopped" if odd else "scored", why)
        assert odd == (f"trial {row['number']}: no score: {why}" in captured.err)
    assert sum(row["state"] == "scored" for row in rows) == 3


def test_an_empty_setting_is_told_as_such(dogs, tmp_path, no_plots, capsys):
    over = ["--over", "diffaugment=,colour"]
    assert main(words(dogs, tmp_path, "--trials", "2", over=over, steps="1")) == 0
    captured = capsys.readouterr()
    assert "  diffaugment: '', colour\n" in captured.err
    assert "trial 0: diffaugment=''\n" in captured.err
    found = numbers(tmp_path)
    names = [group["name"] for group in found["effects"][0]["groups"]]
    assert names == ["''", "colour"] and found["effects"][0]["good"] in names
    drawn = found["best"]["settings"]["diffaugment"]
    assert found["command"].endswith(f" diffaugment={drawn}")  # as a command takes it
    more = ["--trials", "2", "diffaugment=cutout"]
    assert main(words(dogs, tmp_path, *more, over=["--over", "g_lr"], steps="1")) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert "recipe (diffaugment='' not cutout)" in told


def test_data_of_one_breed_end_a_trial_that_would_tell_breeds(tmp_path, no_plots, capsys):
    (tmp_path / "all-dogs").mkdir()
    for i in range(12):
        noise(40, 30, i).save(tmp_path / "all-dogs" / f"n00000001_{i}.jpg")
    over = ["--over", "auxiliary=0,0.1"]
    more = ["--trials", "2", "--recipe", "biggan"]
    assert main(words(tmp_path, tmp_path / "out", *more, over=over, steps="1")) == 0
    assert "no score: auxiliary=0.1: has no effect on data of one breed" in capsys.readouterr().err
    assert [row["state"] for row in numbers(tmp_path / "out")["rows"]] == ["scored", "stopped"]


@pytest.mark.slow
def test_a_sweep_without_a_score_fails(dogs, tmp_path, capsys):
    over = ["--over", "g_lr=1e30,1e31"]
    assert main(words(dogs, tmp_path, "--trials", "2", over=over, steps="8")) == 1
    captured = capsys.readouterr()
    assert captured.out == "" and "no trial has a score" in captured.err
    assert f"g_lr={RATE} outside" in captured.err  # of the recipe as it is
    assert not (tmp_path / "index.html").exists()


class Told:
    """A trial that is stopped at a mark."""

    number = 0

    def __init__(self, last: int):
        self.last, self.marks = last, {}

    def report(self, score: float, mark: int):
        self.marks[mark] = score

    def should_prune(self) -> bool:
        return max(self.marks) == self.last


def marks_of(last: int, budget: Budget, kid=lambda trainer: 0.5) -> tuple[Marks, Told]:
    told = Told(last)
    trainer = SimpleNamespace(steps=0, recalibrate=lambda: None)
    quick = SimpleNamespace(kid=kid)
    return Marks(told, trainer, quick, budget, lambda: False), told


def test_marks_stand_at_equal_shares_and_stop_a_bad_trial():
    marks, told = marks_of(3, Budget(steps=10 * MARKS))
    for marks.trainer.steps in range(10 * MARKS + 1):
        if marks():
            break
    assert (marks.trainer.steps, marks.pruned) == (30, True)
    marks, told = marks_of(0, Budget(steps=10 * MARKS))
    for marks.trainer.steps in range(10 * MARKS + 1):
        assert not marks()
    assert list(told.marks) == [1, 2, 3, 4, 5, 6, 7]  # the end has the final score


def test_minutes_are_of_training_and_not_of_scoring():
    def slow(*_):
        time.sleep(0.2)
        return 0.5

    marks, told = marks_of(0, Budget(steps=MARKS), slow)
    for marks.trainer.steps in range(MARKS):
        marks()
    assert len(told.marks) == MARKS - 1
    assert marks.clock.seconds < 0.2


@pytest.mark.slow
def test_a_trial_that_the_pruner_stops_has_no_score(dogs, tmp_path, no_plots, monkeypatch):
    monkeypatch.setattr(optuna.Trial, "should_prune", lambda self: self.number == 1)
    assert main(words(dogs, tmp_path, "--trials", "3", steps=str(MARKS))) == 0
    rows = numbers(tmp_path)["rows"]
    assert [row["state"] for row in rows] == ["scored", "stopped", "scored"]
    assert rows[1]["score"] is None and rows[1]["why"] == "" and list(rows[1]["marks"]) == ["1"]
    assert len(rows[0]["marks"]) == MARKS - 1


# Interrupts, and several processes.

STOPPED = """
import os
from pathlib import Path
from kernel_runs import at_step
from local.__main__ import main
from local.commands import sweep
from local.sweep import report, trial
report.png = lambda *_: b"\\x89PNG"
sweep.CACHE = trial.CACHE = Path("cache")
at_step({step}, lambda: os.kill(os.getpid(), {number}))
raise SystemExit(main({words}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_stops_in_order_and_loses_nothing(number, dogs, tmp_path, no_plots, capsys):
    out = tmp_path / "sweep"
    command = words(dogs, out, "--trials", "3")
    ran = run_python(tmp_path, STOPPED.format(step=6, number=int(number), words=command))
    assert ran.code == 130
    assert "Traceback" not in ran.err and "the same command goes on from there" in ran.err
    assert states(out) == ["scored", "broken off", "to run again"]
    assert not (out / "trials" / "0001").exists()
    assert main(command) == 0
    rows = numbers(out)["rows"]
    assert [row["state"] for row in rows] == ["scored", "broken off", "scored", "scored"]
    assert rows[2]["settings"] == rows[1]["settings"]
    best = numbers(out)["best"]["trial"]
    assert f"trial {best} is the best of 3:" in capsys.readouterr().out  # of those with a score


@pytest.mark.slow
def test_a_sweep_that_was_interrupted_tries_the_settings_of_one_that_was_not(
    dogs, tmp_path, untrained
):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main(words(dogs, whole, "--trials", "14")) == 0
    for trials in (0, 1, 0, 10):  # before the interrupt; from ten on, draws are not by lot
        untrained[:] = [False] * trials + [True]
        assert main(words(dogs, stopped, "--trials", "14")) == 130
    assert main(words(dogs, stopped, "--trials", "14")) == 0
    assert states(stopped).count("broken off") == 4
    straight, resumed = (
        [row["settings"] for row in numbers(out)["rows"] if row["state"] == "scored"]
        for out in (whole, stopped)
    )
    assert len(straight) == 14 and resumed == straight


@pytest.mark.slow
def test_interrupts_do_not_use_up_a_trial(dogs, tmp_path, untrained):
    for _ in range(5):
        untrained[:] = [True]
        assert main(words(dogs, tmp_path, "--trials", "2")) == 130
    kept = optuna.load_study(study_name="sweep", storage=f"sqlite:///{tmp_path / 'sweep.db'}")
    assert [t.state for t in kept.trials] == [TrialState.FAIL] * 5 + [TrialState.WAITING]
    assert main(words(dogs, tmp_path, "--trials", "2")) == 0
    assert states(tmp_path) == ["broken off"] * 5 + ["scored"] * 2
    found = numbers(tmp_path)
    assert found["rows"][5]["settings"] == {"g_lr": RATE, "flip": True}
    assert found["own"] == found["rows"][5]["score"]


def test_kills_do_whatever_else_breaks_it_off():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    study.enqueue_trial({"g_lr": RATE})

    def break_off(killed: bool) -> None:
        drawn = study.ask()
        assert drawn.suggest_float("g_lr", 0, 1) == RATE
        if not killed:
            again.put_back(drawn)
        study.tell(drawn, state=TrialState.FAIL)
        if killed:
            again.killed(study, study.trials[drawn.number])

    for killed in [False, True] * (again.RETRIES + 1):
        assert study.get_trials(states=[TrialState.WAITING])
        break_off(killed)
    assert not study.get_trials(states=[TrialState.WAITING])
    assert {again.place(study, t) for t in study.trials} == {0}


def test_a_trial_that_another_process_took_for_killed_is_not_put_back():
    study = optuna.create_study()
    drawn = study.ask()
    study.tell(drawn, state=TrialState.FAIL)
    again.put_back(drawn)
    assert len(study.trials) == 1


@pytest.mark.slow
def test_a_killed_trial_is_run_again(dogs, tmp_path, no_plots):
    out = tmp_path / "sweep"
    command = words(dogs, out, "--trials", "3")
    ran = run_python(tmp_path, STOPPED.format(step=6, number=int(signal.SIGKILL), words=command))
    assert ran.code == -signal.SIGKILL
    assert (out / "trials" / "0001").exists()
    with sqlite3.connect(out / "sweep.db") as opened:  # as if time had passed
        opened.execute("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    assert main(command) == 0
    rows = numbers(out)["rows"]
    assert [row["state"] for row in rows] == ["scored", "broken off", "scored", "scored"]
    assert rows[2]["settings"] == rows[1]["settings"]
    assert not (out / "trials" / "0001").exists()


@pytest.mark.slow
def test_workers_share_the_trials(dogs, tmp_path, no_plots, capfd):
    assert main(words(dogs, tmp_path, "--trials", "5", "--workers", "2")) == 0
    rows = numbers(tmp_path)["rows"]
    assert 5 <= len(rows) <= 6  # whoever is at work when the last is counted finishes
    states = [row["state"] for row in rows]
    # From five scores on, which a sixth trial may meet, bad ones are stopped.
    assert states.count("scored") >= 5 and set(states) <= {"scored", "stopped"}
    assert len({row["settings"]["g_lr"] for row in rows}) == len(rows)  # none is drawn twice
    assert "Traceback" not in capfd.readouterr().err


@pytest.mark.slow
def test_a_trial_that_another_process_finished_first_ends_nothing(
    dogs, tmp_path, no_plots, monkeypatch, capsys
):
    """SQLite lets two processes take the same waiting trial."""
    usual = trial.Objective.__call__

    def beaten(self, drawn):
        value = usual(self, drawn)
        if drawn.number == 0:
            kept = optuna.load_study(study_name=self.plan.study, storage=self.plan.storage)
            kept.tell(0, value)
        return value

    monkeypatch.setattr(trial.Objective, "__call__", beaten)
    assert main(words(dogs, tmp_path, "--trials", "3")) == 0
    assert [row["state"] for row in numbers(tmp_path)["rows"]] == ["scored"] * 3
    assert "another process had the same trial; going on" in capsys.readouterr().err


@pytest.mark.slow
def test_nor_does_one_that_finishes_between_the_look_and_the_writing(
    dogs, tmp_path, no_plots, monkeypatch, capsys
):
    usual, first = RDBStorage.set_trial_state_values, []

    def beaten(self, trial_id, state, values=None):
        if state.is_finished() and not first:
            first.append(trial_id)
            usual(self, trial_id, state, values)  # the other process
        return usual(self, trial_id, state, values)

    monkeypatch.setattr(RDBStorage, "set_trial_state_values", beaten)
    assert main(words(dogs, tmp_path, "--trials", "3")) == 0
    assert [row["state"] for row in numbers(tmp_path)["rows"]] == ["scored"] * 3
    assert "another process had the same trial; going on" in capsys.readouterr().err


# Findings.


def study_of(scores, spaces):
    """A study whose score depends on its settings as `scores` says."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))

    def objective(drawn):
        settings = {name: trial.draw(drawn, name, space) for name, space in spaces.items()}
        drawn.set_user_attr(trial.DEVIATION, 0.1)
        return scores(**settings)

    study.optimize(objective, n_trials=60)
    return study


def test_what_helped_and_by_how_much():
    spaces = {"g_lr": Range(1e-4, 1e-2, log=True), "flip": Choice((True, False))}
    noise = np.random.default_rng(0)
    study = study_of(
        lambda g_lr, flip: abs(np.log10(g_lr) + 4) + 0.01 * noise.standard_normal(), spaces
    )
    found = findings.find(study, recipes.get("best-dcgan"), spaces)
    rate, flip = found.effects
    assert (rate.setting, flip.setting) == ("g_lr", "flip")
    assert rate.importance > 0.8 and rate.importance + flip.importance == pytest.approx(1)
    assert rate.best < 2e-4 and rate.own == RATE
    assert rate.good == rate.groups[0].name and rate.bad == rate.groups[-1].name
    assert [group.trials for group in rate.groups] == [20, 20, 20]
    assert rate.clear and not flip.clear
    # Thirds of a logarithmic range of two decades: their means are 4/3 of a decade apart.
    assert rate.difference == pytest.approx(4 / 3, abs=0.15)
    by_choice = [group.trials for group in flip.groups]
    assert sum(by_choice) == 60 and [group.name for group in flip.groups] == ["true", "false"]


def test_few_trials_have_no_importance(swept):
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{swept / 'sweep.db'}")
    recipe = recipes.override(recipes.get("best-dcgan"), TINY)
    spaces = ranges.chosen(recipe, {}, [OVER[1], OVER[3]])
    assert all(e.importance is None for e in findings.find(study, recipe, spaces).effects)


# Bad input.

BAD = {
    "no trials": ([], "--trials"),
    "no length": (["--trials", "2"], "--minutes or --steps"),
    "no data": (["--trials", "2", "--steps", "1", "--data", "nowhere"], "nowhere: no such folder"),
    "recipe": (["--trials", "2", "--steps", "1", "--recipe", "stylegan"], "there are: best-dcgan"),
    "setting": (["--trials", "2", "--steps", "1", "bach=3"], "did you mean batch"),
    "epochs": (["--trials", "2", "--steps", "1", "epochs=3"], "epochs=3: has no effect here"),
    "horizon": (
        ["--trials", "2", "--minutes", "1", "steps=9"],
        "--minutes or --steps say how long",
    ),
    "scores": (["--trials", "2", "--steps", "1", "quick_every=9"], "quick_every=9: has no effect"),
    "range": (["--trials", "2", "--steps", "1", "--over", "g_lr=2..1"], "empty"),
    "images": (["--trials", "2", "--steps", "1", "--images", "4"], "take 8 or more"),
    "device": (["--trials", "2", "--steps", "1", "--device", "abacus"], "not usable"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_two(case, dogs, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    more, says = BAD[case]
    try:
        code = main(["sweep", *([] if "--data" in more else ["--data", str(dogs)]), *more])
    except SystemExit as error:  # argparse's own
        code = error.code
    captured = capsys.readouterr()
    assert code == 2
    assert says in captured.err and captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


STORAGES = {
    "no url": ("elsewhere", "as given: not usable"),
    "no port": ("postgresql://me:secret@127.0.0.1:port/x", "as given: not usable (no URL of"),
    "no host": ("postgresql://me:secret/x", "as given: not usable (no URL of"),
    "no option": ("sqlite:///{noise}?timeout=soon", "not usable (could not convert"),
    "a password as an option": (
        "postgresql+psycopg://me@/x?host=/no/where&password=secret",
        "storage postgresql+psycopg://me@/x: ",
    ),
    "braces": ("sqlite:////no/{{where}}/x.db", "unable to open database file"),
    "memory": ("sqlite://", "it is in memory"),
    "memory by name": ("sqlite:///:memory:", "it is in memory"),
    "memory as an option": ("sqlite:///file:x?mode=memory&uri=true", "it is in memory"),
    "no such kind": ("rabbit://me:secret@host/hole", "rabbit://me:***@host/hole: not usable"),
    "no driver": ("mssql+pyodbc://me:secret@host/x", "***@host/x: pyodbc is not installed"),
    "no folder": ("sqlite:////no/where/x.db", "unable to open database file"),
    "no data base": ("sqlite:///{noise}", "not a database"),
}


@pytest.mark.parametrize("case", STORAGES)
def test_a_storage_that_cannot_be_used(case, dogs, tmp_path, capsys):
    url, says = STORAGES[case]
    noise = tmp_path / "noise.db"
    noise.write_bytes(b"dogs" * 1000)
    url = url.format(noise=noise)
    assert main(words(dogs, tmp_path / "out", "--trials", "2", "--storage", url)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert says in last and "secret" not in last


def test_a_storage_that_can_only_be_read_is_refused_before_the_work(swept, dogs, tmp_path, capsys):
    kept = shutil.copy(swept / "sweep.db", tmp_path)
    url = f"sqlite:///file:{kept}?mode=ro&uri=true"
    for name, trials in (("sweep", "9"), ("new", "1")):
        assert main(words(dogs, tmp_path / name, "--trials", trials, "--storage", url)) == 2
        said = capsys.readouterr().err.splitlines()
        assert "not usable (attempt to write a readonly database)" in said[-1]
        assert not any(line.startswith("trial ") for line in said)


@pytest.mark.parametrize("count", ["1", "2"])
def test_a_storage_that_is_lost_on_the_way_is_one_line(
    count, dogs, tmp_path, untrained, monkeypatch, capsys
):
    def lose(*_, **__):
        (tmp_path / "sweep.db").write_bytes(b"dogs" * 10000)

    monkeypatch.setattr(trial, "train", lose)
    monkeypatch.setattr(workers, "work_together", lose)
    assert main(words(dogs, tmp_path, "--trials", "2", "--workers", count)) == 1
    said = capsys.readouterr().err
    last = said.splitlines()[-1]
    assert last.startswith(f"local sweep: storage sqlite:///{tmp_path}/sweep.db: ")
    assert last.endswith("; the same command goes on") and "Traceback" not in said


@pytest.mark.parametrize("error", [StorageInternalError("gone"), OSError("disk full")])
def test_a_trial_is_not_lost_with_what_fails_around_it(
    error, dogs, tmp_path, untrained, monkeypatch, capsys
):
    def fail(*_, **__):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(optuna.Trial, "set_user_attr", fail)
        assert main(words(dogs, tmp_path, "--trials", "2")) == 1
    assert str(error) in capsys.readouterr().err.splitlines()[-1]
    assert main(words(dogs, tmp_path, "--trials", "2")) == 0
    assert states(tmp_path) == ["broken off", "scored", "scored"]
    assert numbers(tmp_path)["rows"][1]["settings"] == {"g_lr": RATE, "flip": True}


def test_a_sign_of_life_that_fails_is_told_once_and_given_at_the_next_beat(
    tmp_path, monkeypatch, capsys
):
    usual, beats, lives = RDBStorage.record_heartbeat, itertools.count(1), Event()

    def record(self, trial_id):
        beat = next(beats)
        if beat in (2, 3):
            raise StorageInternalError("commit") from sqlite3.OperationalError("server restarts")
        usual(self, trial_id)
        if beat > 3:
            lives.set()

    monkeypatch.setattr(RDBStorage, "record_heartbeat", record)
    monkeypatch.setattr(storage, "HEARTBEAT", 0.01)
    study = optuna.create_study(storage=storage.connect(f"sqlite:///{tmp_path / 'x.db'}"))
    study.optimize(lambda _: lives.wait(20), n_trials=1)
    assert study.trials[0].value == 1  # it did not wait in vain
    lines = [line for line in capsys.readouterr().err.splitlines() if "sign of life" in line]
    assert len(lines) == 1 and "(server restarts); trying again every 0.01 seconds" in lines[0]


def test_a_folder_that_is_a_file_is_refused(dogs, tmp_path, capsys):
    file = tmp_path / "file"
    file.write_text("mine")
    assert main(words(dogs, file, "--trials", "2")) == 2
    assert "no folder to fill" in capsys.readouterr().err
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_sweeps_of_one_storage_are_told_apart_by_their_folders(dogs, tmp_path, no_plots):
    url = f"sqlite:///{tmp_path / 'all.db'}"
    for name, over in (("one", OVER), ("two", ["--over", "d_lr"])):
        more = ["--trials", "1", "--storage", url]
        assert main(words(dogs, tmp_path / name, *more, over=over)) == 0
    assert optuna.get_all_study_names(url) == ["one", "two"]


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as left:
        main(["sweep", "--help"])
    assert left.value.code == 0
    assert "examples:\n  python -m local sweep --data" in capsys.readouterr().out
