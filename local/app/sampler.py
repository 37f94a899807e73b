"""A generator on demand: what it draws for anybody who asks, whatever they ask for.

A page that anybody can reach gets requests that no page of ours ever sent, so that every number is
checked here and nowhere else. Nothing is needed of where the generator was trained.
"""

import io
import json
import zipfile
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn
from torch.nn.functional import one_hot

from local import animation
from local.data.classes import Classes
from local.errors import InputError
from local.pictures import encoded, sheet
from local.recipes import Recipe
from local.sampling import Draws, draw, sample
from local.walks import walk

MOST = 64  # dogs at once: more would keep other visitors waiting
SEEDS = 2**32  # what a browser's numbers keep exactly, and more than anybody looks through
WIDEST = 3.0  # a truncation beyond which a normal latent hardly ever lies
UNIFORM_WIDEST = 0.95  # uniform ones lie between -1 and 1
MOST_STEPS = 32  # of a walk
STEPS_A_SECOND = 12.5  # of a walk in motion
EARLIEST = (1980, 1, 1, 0, 0, 0)  # a fixed date, so that one request gives one archive


@dataclass(frozen=True)
class Wish:
    """Dogs that can be drawn; `Sampler.wish` makes one of what somebody asked for."""

    breed: str  # empty: of all breeds, in the training set's own shares
    seed: int
    truncation: float
    count: int


@dataclass(frozen=True)
class Sampler:
    """A generator in eval mode on a device, and what it draws from.

    about: what it is, for people, a line each.
    """

    recipe: Recipe
    classes: Classes
    generator: nn.Module
    device: torch.device
    about: tuple[str, ...] = ()

    @property
    def breeds(self) -> tuple[str, ...]:
        """Those that can be asked for; none where the generator does not know them."""
        return self.classes.names if self.recipe.by_breed else ()

    @property
    def widest(self) -> float:
        """The largest truncation that can be asked for."""
        return UNIFORM_WIDEST if self.recipe.latents == "uniform" else WIDEST

    def wish(self, breed: Any, seed: Any, truncation: Any, count: Any) -> Wish:
        """What was asked for, of any types and sizes, as something that can be drawn.

        Raises:
            InputError: it cannot be; the line says why.
        """
        if breed and breed not in self.breeds:
            raise InputError("There is no such breed here; choose one of the list.")
        return Wish(
            breed=breed or "",
            seed=whole(seed, 0, SEEDS - 1, "The seed"),
            truncation=number(truncation, 0, self.widest, "The truncation"),
            count=whole(count, 1, MOST, "The number of dogs"),
        )

    def draws(self, wish: Wish) -> Draws:
        """Latents and labels: the same for the same wish, and those of `python -m local sample`."""
        breed = self.breeds.index(wish.breed) if wish.breed else None
        return draw(self.recipe, self.classes, wish.count, wish.seed, wish.truncation, breed)

    def names(self, draws: Draws) -> list[str]:
        """The breed of each dog, for people; empty where the generator does not know breeds."""
        known = list(map(spoken, self.breeds))
        return [known[label] if known else "" for label in draws.labels.tolist()]

    def pictures(self, draws: Draws) -> np.ndarray:
        """Pictures (N, S, S, 3) uint8."""
        return np.concatenate(list(sample(self.generator, draws, self.device)))

    def between(self, wish: Wish, first: Any, second: Any, steps: int) -> Draws:
        """A walk from one dog of a wish to another, both included, in equal steps.

        Args:
            wish: in which they are.
            first: the number of one, from 1.
            second: of the other.
            steps: at least 2.

        Raises:
            InputError: there is no dog of that number.
        """
        ends = self._two(wish, first, second)
        return walk(self.recipe, self.classes, ends, steps - 1, wish.truncation)[:steps]

    def pair(self, wish: Wish, first: Any, second: Any) -> np.ndarray:
        """Pictures (2, S, S, 3) uint8 of two dogs of a wish; errors as of `between`."""
        return self.pictures(self._two(wish, first, second))

    def _two(self, wish: Wish, first: Any, second: Any) -> Draws:
        named = {"A": first, "B": second}
        what = "is one of those drawn: its number"
        rows = [whole(dog, 1, wish.count, f"Dog {n} {what}") - 1 for n, dog in named.items()]
        draws = self.draws(wish)
        return Draws(draws.latents[rows], draws.labels[rows])

    def walk(self, wish: Wish, first: Any, second: Any, steps: Any) -> np.ndarray:
        """Pictures (steps, S, S, 3) uint8 from one dog to another; see `between`."""
        steps = whole(steps, 2, MOST_STEPS, "The number of steps")
        return self.pictures(self.between(wish, first, second, steps))

    def blend(self, wish: Wish, first: Any, second: Any, percent: Any) -> np.ndarray:
        """Three pictures: a dog of the wish, what lies between, and the other dog.

        percent: how far the one between is from the first. Errors as of `between`.
        """
        share = whole(percent, 0, 100, "The share of dog B, in per cent,")
        way = self.between(wish, first, second, 101)
        return self.pictures(Draws(way.latents[[0, share, 100]], way.labels[[0, share, 100]]))

    def mixed(self, wish: Wish, first: Any, second: Any, percent: Any, count: int) -> np.ndarray:
        """The wish's first `count` dogs again, as mixtures of two breeds.

        percent: of the second breed.

        Raises:
            InputError: there is no such breed, or it is no share.
        """
        if first not in self.breeds or second not in self.breeds:
            raise InputError("There is no such breed here; choose two of the list.")
        share = whole(percent, 0, 100, "The share of the second breed, in per cent,") / 100
        ends = one_hot(
            torch.tensor([self.breeds.index(first), self.breeds.index(second)]), len(self.breeds)
        ).float()
        mixture = torch.lerp(ends[0], ends[1], share)
        latents = self.draws(wish).latents[:count]
        return self.pictures(Draws(latents, mixture.expand(len(latents), -1)))

    def sheet(self, wish: Wish) -> bytes:
        """All dogs of a wish on one PNG."""
        return encoded(sheet(self.pictures(self.draws(wish))), "PNG")

    def archive(self, wish: Wish) -> bytes:
        """A zip of a PNG a dog, and of what they were asked for by."""
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive:
            about = {"recipe": self.recipe.name, **asdict(wish)}
            archive.writestr(zipfile.ZipInfo("dogs.json", EARLIEST), json.dumps(about, indent=2))
            for i, picture in enumerate(self.pictures(self.draws(wish)), start=1):
                member = zipfile.ZipInfo(f"dog-{i:02}.png", EARLIEST)
                archive.writestr(member, encoded(Image.fromarray(picture), "PNG"))
        return file.getvalue()


def spoken(breed: str) -> str:
    """A breed's name, for people."""
    return breed.replace("_", " ")


def motion(pictures: np.ndarray) -> bytes:
    """A WebP that goes through the pictures and back, again and again."""
    file = io.BytesIO()
    animation.write(file, ".webp", (*pictures, *pictures[-2:0:-1]), STEPS_A_SECOND)
    return file.getvalue()


def whole(value: Any, low: int, high: int, what: str) -> int:
    """A whole number within limits, of anything.

    Raises:
        InputError: it is none; `what` begins the line.
    """
    # By type, not by trying: True is no number of dogs, and "5" came from no page of ours.
    if type(value) not in (int, float) or not low <= value <= high:
        raise InputError(f"{what} must be from {low:,} to {high:,}{_asked(value)}.")
    if value != int(value):
        raise InputError(f"{what} must be a whole number{_asked(value)}.")
    return int(value)


def number(value: Any, low: float, high: float, what: str) -> float:
    """A number within limits, of anything; errors as of `whole`."""
    if type(value) not in (int, float) or not low <= value <= high:
        raise InputError(f"{what} must be from {low:g} to {high:g}{_asked(value)}.")
    return float(value)


def _asked(value: Any) -> str:
    """A number as it was asked for; what is none is not shown again."""
    if type(value) not in (int, float) or not abs(value) < 1e12:  # which a NaN is not
        return ""
    return f", not {value:,.10g}"
