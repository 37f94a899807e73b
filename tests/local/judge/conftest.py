"""A judge that needs no lessons: its features are the colours of a picture's parts."""

import pytest
import torch
from torch import nn
from torch.nn.functional import avg_pool2d

from local.judge.scoring import KernelJudge, look

CPU = torch.device("cpu")


class Eyes(nn.Module):
    """Mean colours of squares of `side` pixels."""

    def __init__(self, side):
        super().__init__()
        self.side = side

    def looks(self, pictures):
        return avg_pool2d(pictures, self.side).flatten(1)

    def features(self, looks):
        return looks


@pytest.fixture
def judge_of():
    """Makes a judge of real pictures (N, 3, 64, 64) uint8."""

    def make(pictures, side=64, held_out=0):
        network = Eyes(side)
        unseen = torch.arange(len(pictures)) < held_out
        return KernelJudge(network, CPU, look(network, pictures), unseen)

    return make


@pytest.fixture
def judge_of_features():
    """Makes a judge from features (N, D) alone."""

    def make(raw, held_out=0):
        return KernelJudge(Eyes(1), CPU, raw, torch.arange(len(raw)) < held_out)

    return make
