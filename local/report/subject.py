"""What a report is about: the run, pictures of its generator, and the real ones beside them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from local import judging, runs
from local.data.classes import Classes
from local.data.default import drawn_dogs
from local.data.drawing.breeds import BREEDS
from local.data.prepared import Dogs, prepare, prepare_for
from local.errors import InputError
from local.judging import Reals
from local.progress import say
from local.project import CACHE
from local.report import breed_classifier
from local.report import sizer as sizers
from local.report.breed_classifier import BreedClassifier
from local.report.extractor import FeatureExtractor, open_extractor, unseen
from local.report.folder import Folder, open_folder, weights
from local.report.sizer import Sizer, covered
from local.sampling import Draws, draw
from local.train.devices import Device
from local.trained import Trained
from mifid.features import Features
from mifid.pictures import evenly_spaced
from submission import archive


@dataclass(frozen=True)
class Fakes:
    """Generated pictures (N, 64, 64, 3) uint8, and where they are from, in words.

    features: None where there is nothing to compare them with.
    """

    pictures: np.ndarray
    words: str
    features: Features | None = None


@dataclass(frozen=True)
class Real:
    """The real side.

    reals: whole pictures, as the metric takes them. crops: what the generator learned from, where
    that is something else; the same form.
    everything, every_crop: how many whole pictures and crops there are, looked at or not.
    own: whether the run was trained on them.
    classifier: of breeds; None where nothing tells them apart.
    sizer: of dogs; None where too few pictures have a box.
    """

    extractor: FeatureExtractor
    reals: Reals
    crops: Reals | None
    everything: int
    every_crop: int
    own: bool
    classifier: BreedClassifier | None
    sizer: Sizer | None

    @property
    def shown(self) -> Reals:
        """What the generator was shown: crops have other colours, and sizes, than whole ones."""
        return self.crops or self.reals

    def named(self, values: np.ndarray) -> np.ndarray | None:
        """The breed (N,) of each row of features (N, D); None where nothing tells breeds apart."""
        if self.classifier:
            return self.classifier.named(values)
        return np.zeros(len(values), int) if len(self.reals.breeds) == 1 else None


@dataclass(frozen=True)
class Subject:
    """All that a page is made from; what is None is missing, and `folder.missing` says why.

    breeds: names of those that were asked for; none: the page chooses.
    """

    folder: Folder
    device: Device
    trained: Trained | None
    fakes: Fakes | None
    real: Real | None
    breeds: tuple[str, ...] = ()

    def pictures(self, draws: Draws) -> np.ndarray:
        """Of the run's generator, in the size that the metric takes: (N, 64, 64, 3) uint8."""
        assert self.trained
        return judging.fakes(self.trained.generator, draws, self.device.device)

    @property
    def by_breed(self) -> bool:
        """Whether its generator draws the breed that it is asked for."""
        return self.trained is not None and self.trained.recipe.by_breed


@dataclass(frozen=True)
class Request:
    """What a report is asked for.

    data: of the real pictures; None: drawn dogs, where the run was trained on these.
    graph: of the metric's network; None: as `mifid.network.open_network` finds one.
    images: generated pictures behind the numbers. reals: real ones, at most.
    breeds: names of those to be shown; none: some of all sizes.
    """

    run: Path
    data: Path | None
    graph: Path | None
    images: int
    reals: int
    breeds: tuple[str, ...] = ()


def subject(request: Request, device: Device) -> Subject:
    """Reads the run, draws, and looks at the real pictures.

    Raises:
        InputError, mifid.errors.InputError: no run there; data, graph or breeds that cannot be
            used.
    """
    folder = open_folder(request.run, request.images)
    trained = weights(folder, device)
    found = Subject(folder, device, trained, None, None)
    data = request.data or _default(folder.classes)
    dogs = (
        prepare(data, archive.SIZE, "squash", CACHE) if data else None
    )  # as the metric takes them
    _check(request.breeds, trained, dogs)
    fakes = _fakes(found, request.images)
    if data and dogs:
        real = _real(folder, request, data, dogs, device)
    else:
        real = None
        folder.missing.append(
            "No real pictures: a run does not keep where its data lies; name it with --data."
        )
    if real and fakes:
        features = real.extractor.features(fakes.pictures, "generated")
        fakes = replace(fakes, features=features)
    return Subject(folder, device, trained, fakes, real, request.breeds)


def _check(breeds: Sequence[str], trained: Trained | None, dogs: Dogs | None) -> None:
    """Refuses breeds that neither the generator nor, where it knows none, the data has."""
    for name in breeds:
        if trained and trained.recipe.by_breed:
            trained.label(name)
        elif dogs:
            dogs.classes.index(name)
        else:
            told = "neither weights that know breeds nor real pictures are here"
            raise InputError(f"--breed {name}: {told}; name these with --data, or leave it out")


def _fakes(found: Subject, count: int) -> Fakes | None:
    trained = found.trained
    if trained:
        draws = draw(trained.recipe, trained.classes, count, trained.recipe.seed)
        words = f"{count:,} drawn by the snapshot of step {trained.snapshot.steps:,}"
        return Fakes(found.pictures(draws), words)
    if found.folder.images is not None:
        images = found.folder.images
        return Fakes(images, f"the first {len(images):,} of images.zip")
    return None


def _real(folder: Folder, request: Request, data: Path, dogs: Dogs, device: Device) -> Real:
    own, crops = _own(folder, data)
    extractor = open_extractor(request.graph, dogs, device)
    say(f"pictures are compared by {extractor.words}")
    rows = np.array(evenly_spaced(len(dogs), request.reals))
    reals = judging.reals(dogs, rows, extractor.of_reals)
    held_out = unseen(len(dogs)).numpy()[rows]
    values = reals.features.values
    classifier = breed_classifier.learned(values, reals.labels, held_out, len(reals.breeds))
    shares = covered(data, [dogs.sources[row] for row in rows])
    sizer = sizers.learned(values, shares, held_out)
    if crops is None:
        return Real(extractor, reals, None, len(dogs), 0, own, classifier, sizer)
    some = np.array(evenly_spaced(len(crops), request.reals))
    seen = judging.reals(crops, some, extractor.of_reals)
    return Real(extractor, reals, seen, len(dogs), len(crops), own, classifier, sizer)


def _default(classes: Classes | None) -> Path | None:
    """The drawn dogs, for a run that was trained on them."""
    if classes and set(classes.names) == {breed.name for breed in BREEDS}:
        return drawn_dogs()
    return None


def _own(folder: Folder, data: Path) -> tuple[bool, Dogs | None]:
    """Whether the run was trained on this data, and its crops where they are something else."""
    if folder.recipe is None or folder.classes is None:
        folder.missing.append("The run does not say on which data it was trained.")
        return False, None
    crops = prepare_for(folder.recipe, data, CACHE)
    try:
        runs.claim(folder.run, folder.recipe, crops)
    except InputError:
        folder.missing.append(
            "The real pictures named are not those that the run was trained on: nearest pictures "
            "say nothing about copies, and shares are compared with those of other data."
        )
        return False, None
    return True, None if folder.recipe.crop == "squash" else crops
