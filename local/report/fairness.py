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
from local.report.breed_classifier import BreedClassifier
from local.report.colour import brightness, detail, histogram
from local.report.sizer import Sizer
from local.report.subject import Fakes, Real, Subject
from local.sampling import Draws, draw
from local.trained import Trained
from mifid.neighbours import in_balls, nearest_others
from mifid.pictures import evenly_spaced
from mifid.precision_recall import K, PrecisionRecall, precision_recall

FORGOTTEN = 0.25  # of what is seen of a breed among real pictures: less is forgotten
ENOUGH = 5.0  # pictures that should have been seen: with fewer it may be chance
FEWEST = 10  # pictures of a side for colours, sizes and neighbours; of fewer they are chance
Reach = tuple[float | None, float | None]  # precision and recall
UNKNOWN: Reach = None, None


@dataclass(frozen=True)
class Side:
    """Generated pictures (N, 64, 64, 3) uint8 of one breed, and their features (N, D)."""

    pictures: np.ndarray
    values: np.ndarray


@dataclass(frozen=True)
class Drift:
    """Generated pictures of a breed against the real ones.

    colour: levels by which pixels would have to move. brighter: levels. detail: over the real
        ones': 1 as much, less is blurred. larger: how much more of a picture the dog takes, as a
        share of the picture; None where nothing tells.
    """

    colour: float
    brighter: float
    detail: float
    larger: float | None


@dataclass(frozen=True)
class BreedFairness:
    """One breed of the real side. None: not known, or too few pictures to say.

    share: of the run's training pictures. seen_real, seen: as the classifier names unseen real
        pictures and generated ones, as shares.
    own: share of the pictures drawn for this breed in which it is seen.
    precision, recall: as in `mifid.precision_recall`, between its own two sides. Where the
        generator knows no breeds its generated side is where the breed is seen, and recall is that
        of its real pictures among all generated ones.
    forgotten: whether it hardly comes; to be believed where the classifier is not weak.
    """

    name: str
    share: float | None
    seen_real: float | None
    seen: float | None
    own: float | None
    precision: float | None
    recall: float | None
    drift: Drift | None
    forgotten: bool | None


@dataclass(frozen=True)
class Fairness:
    """Every breed, and how far to believe it.

    by_breed: whether the generator was asked for breeds. images: generated pictures behind `seen`.
    classifier: None where nothing tells breeds apart: then nothing is seen.
    sizer: None where no boxes tell sizes.
    baseline: mean precision and recall of real pictures against other real ones of their breed, as
        many a side; None where no breed has enough.
    sizes: mean share of a picture that the dog takes, of generated and of real ones; None where
        nothing tells.
    """

    breeds: list[BreedFairness]
    by_breed: bool
    classifier: BreedClassifier | None
    images: int
    baseline: PrecisionRecall | None
    sizer: Sizer | None
    sizes: tuple[float, float] | None


def fairness(subject: Subject) -> Fairness | str:
    """Measures it, or says why it cannot be."""
    fakes, real = subject.fakes, subject.real
    if fakes is None or fakes.features is None:
        return "there are no generated pictures yet, or no real ones to compare with"
    if real is None:
        return "no real pictures are named"
    values, trained, by_breed = fakes.features.values, subject.trained, subject.by_breed
    named = real.named(values)
    if trained and by_breed:
        sides = _drawn(subject, trained, real)
    elif named is not None:
        sides = _told_apart(fakes, values, named)
    else:
        return "nothing tells breeds apart: too few pictures to learn it from"
    reach = {label: _reach(side, real, label) for label, side in sides.items()}
    if not by_breed:
        reach = _among_all(reach, real, values)
    return Fairness(
        breeds=_breeds(subject, real, named, sides, reach),
        by_breed=by_breed,
        classifier=real.classifier,
        images=len(values),
        baseline=_baseline(real),
        sizer=real.sizer,
        sizes=_sizes(real, values),
    )


def _breeds(
    subject: Subject,
    real: Real,
    named: np.ndarray | None,
    sides: dict[int, Side],
    reach: dict[int, Reach],
) -> list[BreedFairness]:
    """Every breed of the real side; what is not known of one is absent from what is known."""
    classifier, names = real.classifier, real.reals.breeds
    there: dict[int, float] = {}
    seen: dict[int, float] = {}
    own: dict[int, float] = {}
    gone: dict[int, bool] = {}
    if classifier and named is not None:
        there = dict(enumerate(classifier.shares.tolist()))
        seen = dict(enumerate((np.bincount(named, minlength=len(names)) / len(named)).tolist()))
        enough = [label for label, share in there.items() if share * len(named) >= ENOUGH]
        gone = {label: seen[label] < FORGOTTEN * there[label] for label in enough}
    if classifier and subject.by_breed:
        own = {i: float((classifier.named(side.values) == i).mean()) for i, side in sides.items()}
    training = _training_shares(subject)
    return [
        BreedFairness(
            name=name,
            share=training.get(name),
            seen_real=there.get(label),
            seen=seen.get(label),
            own=own.get(label),
            precision=reach.get(label, UNKNOWN)[0],
            recall=reach.get(label, UNKNOWN)[1],
            drift=_drift(sides.get(label), real, name),
            forgotten=gone.get(label),
        )
        for label, name in enumerate(names)
    ]


def _drawn(subject: Subject, trained: Trained, real: Real) -> dict[int, Side]:
    """EACH pictures of every breed that both sides know, by the real side's label."""
    names = real.reals.breeds
    known = [(i, names.index(n)) for i, n in enumerate(trained.classes.names) if n in names]
    each = [draw(trained.recipe, trained.classes, EACH, 1, breed=breed) for breed, _ in known]
    draws = Draws(torch.cat([d.latents for d in each]), torch.cat([d.labels for d in each]))
    pictures = subject.pictures(draws)
    values = real.extractor.features(pictures, "breeds'").values
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


def _reach(side: Side, real: Real, label: int) -> Reach:
    """Precision and recall between a breed's own two sides, EACH pictures a side at most."""
    rows = real.reals.of(real.reals.breeds[label], EACH)
    values = side.values[evenly_spaced(len(side.values), EACH)]
    if min(len(rows), len(values)) < FEWEST:
        return UNKNOWN
    found = precision_recall(values, real.reals.features.values[rows])
    return found.precision, found.recall


def _among_all(reach: dict[int, Reach], real: Real, values: np.ndarray) -> dict[int, Reach]:
    """The same precision, and the recall of each breed's real pictures among all generated ones."""
    if len(values) <= K:
        return reach
    radii = nearest_others(values, K)[:, K - 1]
    found = in_balls(real.reals.features.values, values, radii)[0] > 0
    labels = real.reals.labels
    return {
        label: (reach.get(label, UNKNOWN)[0], float(found[labels == label].mean()))
        for label in range(len(real.reals.breeds))
        if (labels == label).sum() >= FEWEST
    }


def _baseline(real: Real) -> PrecisionRecall | None:
    """Of real pictures against others of their breed, in the mean."""
    found = []
    for name in real.reals.breeds:
        rows = real.reals.of(name, 2 * EACH)
        if len(rows) >= 2 * FEWEST:
            values = real.reals.features.values[rows]
            found.append(precision_recall(values[::2], values[1::2]))
    if not found:
        return None
    means = np.mean([(one.precision, one.recall) for one in found], axis=0).tolist()
    return PrecisionRecall(*means)


def _training_shares(subject: Subject) -> dict[str, float]:
    """Of the run's training pictures, by the breeds' names; empty where the run does not say."""
    classes = subject.folder.classes
    if classes is None:
        return {}
    whole = sum(classes.counts)
    return {n: count / whole for n, count in zip(classes.names, classes.counts, strict=True)}


def _drift(side: Side | None, real: Real, name: str) -> Drift | None:
    rows = real.shown.of(name)
    if side is None or min(len(side.pictures), len(rows)) < FEWEST:
        return None
    fakes, own = side.pictures, real.shown.pictures[rows]
    sizes = _sizes(real, side.values, rows)
    return Drift(
        distance(histogram(fakes), histogram(own)),
        brightness(fakes) - brightness(own),
        detail(fakes) / max(detail(own), 1e-9),
        sizes[0] - sizes[1] if sizes else None,
    )


def _sizes(
    real: Real, values: np.ndarray, rows: np.ndarray | slice = slice(None)
) -> tuple[float, float] | None:
    """How much of a picture the dog takes, in the mean: generated ones, and some real ones."""
    if real.sizer is None or real.sizer.weak:
        return None
    sides = values, real.shown.features.values[rows]
    fakes, reals = (float(real.sizer.shares(side).mean()) for side in sides)
    return fakes, reals
