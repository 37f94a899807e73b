"""What the judge's network learns to tell, and from which variations of the pictures.

Breeds, where there are two or more. A set of one breed has nothing to tell apart but what can be
made from any picture: there the network tells by which quarter turn a picture was rotated (Gidaris
et al. 2018, "Unsupervised Representation Learning by Predicting Image Rotations", arXiv
1803.07728). Why that: it needs shape, as breeds do; an untrained network's features see colour and
texture only, and an autoencoder's follow the pixels, which blur hardly changes.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from local.data.prepared import TrainingSet
from local.train.augment import brighten, corners, evenly, flip, mirrored, random_crop

SHIFT = 4  # pixels by which a picture moves, either way
BRIGHTNESS = 0.2  # share by which it gets brighter or darker
TURNS = 4
Batch = tuple[Tensor, Tensor]  # pictures (N, 3, S, S) and classes (N,)


@dataclass(frozen=True)
class Task:
    """A classification; `breeds` says of which kind, `classes` how many there are to tell."""

    breeds: bool
    classes: int

    @property
    def name(self) -> str:
        """For people."""
        return "breeds" if self.breeds else "quarter turns"

    def ask(self, pictures: Tensor, labels: Tensor, random: torch.Generator) -> Batch:
        """Pictures (N, 3, S, S) as they are shown, and the classes (N,) to name."""
        return (pictures, labels) if self.breeds else turned(pictures, random)


def of(data: TrainingSet) -> Task:
    """The task that a set allows."""
    present = sum(count > 0 for count in data.classes.counts)
    return Task(True, len(data.breeds)) if present > 1 else Task(False, TURNS)


def turned(pictures: Tensor, random: torch.Generator) -> Batch:
    """Pictures (N, 3, S, S), each after 0 to 3 quarter turns, and the number of turns (N,)."""
    rows = torch.arange(len(pictures), device=pictures.device)
    turns = torch.randint(TURNS, (len(pictures),), generator=random, device=pictures.device)
    every = torch.stack([pictures.rot90(number, (2, 3)) for number in range(TURNS)])
    return every[turns, rows], turns


def varied(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Pictures (N, 3, S, S) in -1..1: mirrored, moved, brighter or darker, at random.

    Neither blurred nor noisy nor zoomed: the network would learn to overlook what it is to judge.
    """
    count, side = len(pictures), pictures.shape[-1]
    padded = pad(pictures, [SHIFT] * 4, mode="reflect")
    moved = random_crop(padded, corners(count, 2 * SHIFT, random), side)
    return brighten(flip(moved, mirrored(count, random)), evenly(count, BRIGHTNESS, random))
