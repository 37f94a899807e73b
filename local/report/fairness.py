"""Which breeds a generator draws, how well, and which it leaves out.

The breed of a generated picture is what a classifier sees in it. It errs; so what it sees in real
pictures that it has not learned from stands beside, and a breed counts as forgotten where much less
of it is seen among the generated pictures than among those.
"""

from dataclasses import dataclass

import numpy as np
import torch

from local.breeds import EACH
from local.explore.colours import distance
from local.judging import Reals
from local.report.colour import brightness, detail, histogram
from local.report.namer import Namer
from local.report.subject import Fakes, Real, Subject
from local.sampling import Draws, draw
from local.trained import Trained
from mifid.neighbours import in_balls, nearest_others
from mifid.pictures import evenly_spaced
from mifid.precision_recall import K, PrecisionRecall, precision_recall

FORGOTTEN = 0.25  # of what is seen of a breed among real pictures: less is forgotten
ENOUGH = 5.0  # pictures that should have been seen: with fewer it may be chance
FEWEST = 10  # pictures of a side for colours and neighbours; of fewer they are chance


@dataclass(frozen=True)
class Side:
    """Generated pictures (N, 64, 64, 3) uint8 of one breed, and their features (N, D)."""

    pictures: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Drift:
    """Generated pictures of a breed against the real ones.

    colour: levels by which pixels would have to move. brighter: levels. detail: over the real
        ones': 1 as much, less is blurred.
    """

    colour: float
    brighter: float
    detail: float


@dataclass(frozen=True)
class Breed:
    """One breed of the real side. None: not known, or too few pictures to say.

    share: of the run's training pictures. seen_real, seen: as the classifier names unseen real
        pictures and generated ones, as shares.
    own: share of the pictures drawn for this breed in which it is seen.
    precision, recall: as in `mifid.precision_recall`, between its own two sides; where the
        generator knows no breeds recall is that of its real pictures among all generated ones.
    forgotten: whether it hardly comes; to be believed where the classifier is not weak.
    """

    name: str
    share: float | None
    seen_real: float
    seen: float
    own: float | None
    precision: float | None
    recall: float | None
    drift: Drift | None
    forgotten: bool | None


@dataclass(frozen=True)
class Fairness:
    """Every breed, and how far to believe it.

    by_breed: whether the generator was asked for breeds. images: generated pictures behind `seen`.
    baseline: mean precision and recall of real pictures against other real ones of their breed, as
        many a side; None where no breed has enough.
    """

    breeds: list[Breed]
    by_breed: bool
    namer: Namer
    images: int
    baseline: PrecisionRecall | None


def fairness(subject: Subject) -> Fairness | str:
    """Measures it, or says why it cannot be."""
    fakes, real = subject.fakes, subject.real
    if fakes is None or fakes.features is None:
        return "there are no generated pictures yet, or no real ones to compare with"
    if real is None:
        return "no real pictures are named"
    if real.namer is None:
        return "nothing tells breeds apart: one breed only, or too few pictures to learn it from"
    named = real.namer.named(fakes.features.values)
    trained = subject.trained
    if trained and trained.recipe.by_breed:
        sides = _drawn(subject, trained, real)
        reach = {label: _reach(side, real, label) for label, side in sides.items()}
        baseline = _baseline(real)
    else:
        sides = _told_apart(fakes, fakes.features.values, named)
        reach, baseline = _reached(real, fakes.features.values), None
    by_breed = bool(trained and trained.recipe.by_breed)
    breeds = [
        _breed(
            subject, real, real.namer, label, named, sides.get(label), reach.get(label), by_breed
        )
        for label in range(len(real.reals.breeds))
    ]
    return Fairness(breeds, by_breed, real.namer, len(named), baseline)


def _drawn(subject: Subject, trained: Trained, real: Real) -> dict[int, Side]:
    """EACH pictures of every breed that both sides know, by the real side's label."""
    names = real.reals.breeds
    known = [(i, names.index(n)) for i, n in enumerate(trained.classes.names) if n in names]
    each = [draw(trained.recipe, trained.classes, EACH, 1, breed=breed) for breed, _ in known]
    draws = Draws(torch.cat([d.latents for d in each]), torch.cat([d.labels for d in each]))
    pictures = subject.pictures(draws)
    values = real.sight.features(pictures, "breeds'").values
    return {
        label: Side(pictures[i * EACH : (i + 1) * EACH], values[i * EACH : (i + 1) * EACH])
        for i, (_, label) in enumerate(known)
    }


def _told_apart(fakes: Fakes, values: np.ndarray, named: np.ndarray) -> dict[int, Side]:
    """The generated pictures in which each breed is seen."""
    return {
        int(label): Side(fakes.pictures[named == label], values[named == label])
        for label in np.unique(named)
    }


def _reach(side: Side, real: Real, label: int) -> tuple[float | None, float | None]:
    """Precision and recall between a breed's own two sides."""
    rows = np.flatnonzero(real.reals.labels == label)
    rows = rows[evenly_spaced(len(rows), EACH)]
    if min(len(rows), len(side.values)) < FEWEST:
        return None, None
    found = precision_recall(side.values, real.reals.features.values[rows])
    return found.precision, found.recall


def _reached(real: Real, values: np.ndarray) -> dict[int, tuple[float | None, float | None]]:
    """The recall of each breed's real pictures among all generated ones; no precision."""
    if len(values) <= K:
        return {}
    radii = nearest_others(values, K)[:, K - 1]
    found = in_balls(real.reals.features.values, values, radii)[0] > 0
    labels = real.reals.labels
    return {
        label: (None, float(found[labels == label].mean()))
        for label in range(len(real.reals.breeds))
        if (labels == label).sum() >= FEWEST
    }


def _baseline(real: Real) -> PrecisionRecall | None:
    """Of real pictures against others of their breed, in the mean."""
    found = []
    for label in range(len(real.reals.breeds)):
        rows = np.flatnonzero(real.reals.labels == label)
        rows = rows[evenly_spaced(len(rows), 2 * EACH)]
        if len(rows) >= 2 * FEWEST:
            values = real.reals.features.values[rows]
            found.append(precision_recall(values[::2], values[1::2]))
    if not found:
        return None
    means = np.mean([(one.precision, one.recall) for one in found], axis=0).tolist()
    return PrecisionRecall(*means)


def _breed(
    subject: Subject,
    real: Real,
    namer: Namer,
    label: int,
    named: np.ndarray,
    side: Side | None,
    reach: tuple[float | None, float | None] | None,
    by_breed: bool,
) -> Breed:
    name = real.reals.breeds[label]
    seen, seen_real = float((named == label).mean()), float(namer.shares[label])
    own = None
    if by_breed and side is not None:
        own = float((namer.named(side.values) == label).mean())
    precision, recall = reach or (None, None)
    return Breed(
        name,
        _training_share(subject, name),
        seen_real,
        seen,
        own,
        precision,
        recall,
        _drift(side, real.crops or real.reals, name),
        None if seen_real * len(named) < ENOUGH else seen < FORGOTTEN * seen_real,
    )


def _training_share(subject: Subject, name: str) -> float | None:
    classes = subject.folder.classes
    if classes is None or name not in classes.names:
        return None
    return classes.counts[classes.names.index(name)] / sum(classes.counts)


def _drift(side: Side | None, reals: Reals, name: str) -> Drift | None:
    rows = reals.of(name)
    if side is None or min(len(side.pictures), len(rows)) < FEWEST:
        return None
    fakes, own = side.pictures, reals.pictures[rows]
    return Drift(
        distance(histogram(fakes), histogram(own)),
        brightness(fakes) - brightness(own),
        detail(fakes) / max(detail(own), 1e-9),
    )
