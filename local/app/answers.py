"""What the page answers: pictures of what was asked for, and words beside them, as HTML."""

import time
from dataclasses import dataclass
from html import escape
from typing import Any, Protocol

import numpy as np

from local.app.parts import film, row, to_pick
from local.app.sampler import Sampler, Wish, spoken
from local.errors import InputError
from local.page import data_uri, paragraph

MIXED = 8  # dogs that are drawn again as mixtures of breeds
KINDS = {"png": "image/png", "zip": "application/zip"}


@dataclass(frozen=True)
class Neighbour:
    """A training picture (S, S, 3) uint8, how far away it is, and what it shows."""

    picture: np.ndarray
    distance: str
    name: str


class Nearest(Protocol):
    """Finds training pictures.

    about: which ones it looks at, and how; for people.
    """

    about: str

    def __call__(self, pictures: np.ndarray) -> list[list[Neighbour]]:
        """Those nearest to each of the pictures (N, S, S, 3) uint8, the nearest first."""


@dataclass(frozen=True)
class Answers:
    """Answers requests of any content; `shown` is what `draw` gave last to the same visitor.

    Raises:
        InputError: each of them does, where there is nothing to draw; the line is for the visitor.
    """

    dogs: Sampler
    nearest: Nearest | None = None

    def draw(
        self, breed: Any, seed: Any, truncated: Any, truncation: Any, count: Any
    ) -> tuple[str, str, Wish]:
        """The sheet, a line about it, and what is now shown."""
        start = time.perf_counter()
        wish = self.dogs.wish(breed, seed, truncation if truncated else 0, count)
        draws = self.dogs.draws(wish)
        sheet = to_pick(self.dogs.pictures(draws), self.dogs.names(draws))
        seconds = time.perf_counter() - start
        of = f" of {spoken(wish.breed)}" if wish.breed else ""
        dogs = "1 dog" if wish.count == 1 else f"{wish.count} dogs"
        cut = f"truncation {wish.truncation:g}" if wish.truncation else "no truncation"
        said = f"{dogs}{of} · seed {wish.seed} · {cut} · {seconds:.2f} s"
        return sheet, f'<p class="said" role="status">{escape(said)}</p>', wish

    def save(self, kind: str, shown: Any) -> str:
        """A file's name, a space, and the file as a data URI."""
        wish = _drawn(shown)
        data = self.dogs.sheet(wish) if kind == "png" else self.dogs.archive(wish)
        return f"dogs-{wish.seed}.{kind} {data_uri(KINDS[kind], data)}"

    def blend(self, shown: Any, first: Any, second: Any, percent: Any) -> str:
        """Both dogs, and one between them."""
        pictures = self.dogs.blend(_drawn(shown), first, second, percent)
        between = f"{100 - percent:g} % A, {percent:g} % B"
        return row(pictures, [f"A · dog {first:g}", between, f"B · dog {second:g}"])

    def walk(self, shown: Any, first: Any, second: Any, steps: Any) -> str:
        """The steps from one dog to the other."""
        pictures = self.dogs.walk(_drawn(shown), first, second, steps)
        captions = [f"step {i}" for i in range(1, len(pictures) + 1)]
        way = f"A walk from dog {first:g} to dog {second:g}"
        return row(pictures, captions) + film(pictures, way)

    def mix(self, shown: Any, first: Any, second: Any, percent: Any) -> str:
        """The dogs shown as mixtures of two breeds."""
        pictures = self.dogs.mixed(_drawn(shown), first, second, percent, MIXED)
        mixed = f"{100 - percent:g} % {spoken(first)}, {percent:g} % {spoken(second)}"
        captions = [f"dog {i}" for i in range(1, len(pictures) + 1)]
        return paragraph(f"The first of the dogs above, as {mixed}:") + row(pictures, captions)

    def neighbours(self, shown: Any, first: Any, second: Any) -> str:
        """Two dogs, and the training pictures beside each."""
        assert self.nearest  # or there is no such button
        pictures = self.dogs.pair(_drawn(shown), first, second)
        parts = []
        for name, dog, picture, found in zip(
            "AB", (first, second), pictures, self.nearest(pictures), strict=True
        ):
            captions = [f"{each.distance}{_after(each.name)}" for each in found]
            shown_row = [picture, *(each.picture for each in found)]
            parts.append(row(shown_row, [f"{name} · dog {dog:g}", *captions]))
        return "".join(parts)


def _drawn(shown: Any) -> Wish:
    if not isinstance(shown, Wish):
        raise InputError("Draw some dogs first.")
    return shown


def _after(name: str) -> str:
    return f" · {spoken(name)}" if name else ""
