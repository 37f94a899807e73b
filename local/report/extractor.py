"""With what pictures are compared: the metric's network, else a judge, else their pixels.

Without a graph a small classifier learns the real pictures in a minute (`local.judge`).
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, normalize

from local import judging
from local.data.prepared import Dogs, TrainingSet
from local.errors import reason
from local.judge import JudgeError, KernelJudge, learn
from local.progress import say
from local.train.devices import Device
from mifid.features import Features
from mifid.neighbours import nearest
from mifid.network import Network, open_network
from mifid.pairs import Pairs, nearest_pairs
from mifid.score import label_for
from submission import archive

JUDGE_SECONDS = 60.0  # for the judge's lessons, at most; a GPU needs fewer
UNSEEN = 0.2  # share of the real pictures that nothing learns from
JUDGE = "a small classifier of breeds that learned the real pictures for this page"
TURNS = "a small network that learned from the real pictures for this page"
BLOCK = 4  # pixels that are one number where pixels are compared


@dataclass(frozen=True)
class FeatureExtractor:
    """What gives the features that pictures are compared by.

    network: that gives the features.
    words: what it is, for people.
    scores: whether a Frechet distance of its features means something.
    exact: whether its distances are the metric's own.
    """

    network: Network
    words: str
    scores: bool
    exact: bool

    def features(self, pictures: np.ndarray, title: str) -> Features:
        """Of pictures (N, 64, 64, 3) uint8; `title` is of the progress bar."""
        return judging.features(pictures, self.network, title)

    def of_reals(self, pictures: np.ndarray) -> Features:
        """Of real pictures (N, 64, 64, 3) uint8; those of the metric's network are kept."""
        if self.exact:
            return judging.kept(pictures, self.network)
        return self.features(pictures, "real")

    def nearest(self, fakes: Features, reals: Features) -> Pairs:
        """Each generated picture's nearest real one, by 1 - cosine.

        The metric takes an opposite for a copy; other features have opposites that are none.
        """
        if self.exact:
            return nearest_pairs(fakes, reals)
        sides = [normalize(torch.from_numpy(side.values), dim=1) for side in (fakes, reals)]
        distances, rows = nearest(*(side.numpy() for side in sides))
        return Pairs(np.arange(len(rows)), rows, distances**2 / 2)  # of rows of length 1

    def label(self, images: int, reals: int) -> str:
        """What a Frechet distance of its features may be called."""
        if self.exact:
            return label_for(self.network.name, images, reals, None)[0]
        return "on the judge's own scale, not comparable with any FID"


def open_extractor(graph: Path | None, dogs: Dogs, device: Device) -> FeatureExtractor:
    """The best that is to be had.

    Args:
        graph: as for `mifid.network.open_network`.
        dogs: whole real pictures.
        device: that looks.

    Raises:
        mifid.errors.InputError: a graph that was named cannot be used.
    """
    network = open_network(graph, device=device.device.type)
    if network.name != "random":
        return FeatureExtractor(
            network, f"the metric's network ({network.name})", scores=True, exact=True
        )
    lessons = ~unseen(len(dogs))
    say(f"no graph: a judge learns the real pictures, {JUDGE_SECONDS:.0f} seconds at most")
    try:
        learned = TrainingSet(dogs.pictures[lessons], dogs.labels[lessons], dogs.breeds)
        judge = learn(learned, device, JUDGE_SECONDS)
    except JudgeError as error:
        say(f"no judge: {reason(error)}")
        return FeatureExtractor(_pixels(), "pixels, in blocks of 4x4", scores=False, exact=False)
    words = JUDGE if judge.facts["task"] == "breeds" else TURNS
    return FeatureExtractor(_as_network(judge), words, scores=True, exact=False)


def unseen(count: int) -> Tensor:
    """Which of so many real pictures (N,) nothing here learns from."""
    random = torch.Generator().manual_seed(0)
    return torch.rand(count, generator=random) < UNSEEN


def _as_network(judge: KernelJudge) -> Network:
    """The judge in the form that the metric's functions take."""
    digest = hashlib.sha256()
    for value in judge.network.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    module = _Judged(judge)
    features = module(torch.zeros(1, archive.SIZE, archive.SIZE, 3)).shape[1]
    return Network("judge", digest.hexdigest()[:40], module, features, device=judge.device)


class _Judged(nn.Module):
    """Pictures (N, 64, 64, 3) in 0..255 to a judge's features (N, D)."""

    def __init__(self, judge: KernelJudge) -> None:
        super().__init__()
        self._judge = judge

    def forward(self, pictures: Tensor) -> Tensor:
        return self._judge.features(pictures.to(torch.uint8).cpu().numpy())


def _pixels() -> Network:
    side = archive.SIZE // BLOCK
    return Network("pixels", "pixels", _Pixels(), 3 * side * side)


class _Pixels(nn.Module):
    """Pictures (N, 64, 64, 3) in 0..255 to their blocks' means (N, 768), around 0."""

    def forward(self, pictures: Tensor) -> Tensor:
        blocks = avg_pool2d(pictures.permute(0, 3, 1, 2), BLOCK)
        return (blocks - 127.5).flatten(1)
