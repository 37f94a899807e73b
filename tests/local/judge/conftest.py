"""A judge that needs no lessons, its features the colours of a picture's parts; runs for bench."""

import pytest
import torch
from helpers import noise
from torch import nn
from torch.nn.functional import avg_pool2d

from bench import judge, selection
from local import judging, project, runs
from local.data.prepared import TrainingSet
from local.judge import learning
from local.judge import network as classifier
from local.judge.scoring import KernelJudge, raw_features
from local.recipes import Recipe
from local.train import snapshots
from local.train.adversaries import Adversaries
from local.train.devices import Device
from mifid.network import random_network

CPU = torch.device("cpu")
RECIPE = Recipe(size=16, g_width=4, d_width=4, latent=8, batch=8)


class Eyes(nn.Module):
    """Mean colours of squares of `side` pixels."""

    def __init__(self, side):
        super().__init__()
        self.side = side

    def features(self, pictures):
        return avg_pool2d(pictures, self.side).flatten(1)


@pytest.fixture
def judge_of():
    """Makes a judge of real pictures (N, 3, 64, 64) uint8."""

    def make(pictures, side=64, held_out=0, epochs=40):
        network = Eyes(side)
        unseen = torch.arange(len(pictures)) < held_out
        return KernelJudge(
            network, CPU, raw_features(network, pictures), unseen, {"epochs": epochs}
        )

    return make


@pytest.fixture
def judge_of_features():
    """Makes a judge from features (N, D) alone."""

    def make(raw, held_out=0):
        return KernelJudge(nn.Identity(), CPU, raw, torch.arange(len(raw)) < held_out)

    return make


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "dogs"
    for i in range(60):
        place = folder / "ab"[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        noise(20 + i, 20, i).save(place / f"{i}.png")
    return folder


@pytest.fixture
def make_run(tmp_path, monkeypatch):
    monkeypatch.setattr(snapshots, "KEPT", 9)
    for module in (project, judging, judge, selection):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    for module in (judge, selection):
        monkeypatch.setattr(module, "open_network", lambda *_, **__: random_network())
    monkeypatch.setattr(classifier, "WIDTHS", (4, 8, 8, 8))
    monkeypatch.setattr(learning, "EPOCHS", 2)

    def make(count, name="run"):
        pictures = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8)
        dogs = TrainingSet(pictures, torch.zeros(20).long(), ["x"])
        trainer = Adversaries(RECIPE, Device(torch.device("cpu"), "CPU", torch.float32), dogs)
        runs.claim(tmp_path / name, RECIPE, dogs)
        for _ in range(count):
            trainer.step()
            trainer.recalibrate()
            snapshots.save(tmp_path / name, trainer, 1.0)
        return str(tmp_path / name)

    return make
