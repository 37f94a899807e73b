"""What a report is about: the run, pictures of its generator, and the real ones beside them."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from local import runs
from local.data.classes import Classes
from local.data.default import drawn_dogs
from local.data.drawing.breeds import BREEDS
from local.data.prepared import Dogs, prepare, prepare_for
from local.errors import InputError
from local.judging import Reals
from local.pictures import submitted
from local.progress import say
from local.project import CACHE
from local.report.folder import Folder, open_folder, weights
from local.report.namer import Namer, learned
from local.report.sight import Sight, open_sight, reals_of, unseen
from local.sampling import Draws, draw, sample
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
    namer: of breeds; None where nothing tells them apart.
    """

    sight: Sight
    reals: Reals
    crops: Reals | None
    everything: int
    every_crop: int
    own: bool
    namer: Namer | None


@dataclass(frozen=True)
class Subject:
    """All that a page is made from; what is None is missing, and `folder.missing` says why."""

    folder: Folder
    device: Device
    trained: Trained | None
    fakes: Fakes | None
    real: Real | None

    def pictures(self, draws: Draws) -> np.ndarray:
        """Of the run's generator, in the size that the metric takes: (N, 64, 64, 3) uint8."""
        assert self.trained
        made = sample(self.trained.generator, draws, self.device.device)
        return np.concatenate(list(submitted(made)))


@dataclass(frozen=True)
class Request:
    """What a report is asked for.

    data: of the real pictures; None: drawn dogs, where the run was trained on these.
    graph: of the metric's network; None: as `mifid.network.open_network` finds one.
    images: generated pictures behind the numbers. reals: real ones, at most.
    """

    run: Path
    data: Path | None
    graph: Path | None
    images: int
    reals: int


def subject(request: Request, device: Device) -> Subject:
    """Reads the run, draws, and looks at the real pictures.

    Raises:
        InputError, mifid.errors.InputError: no run there; data or graph that cannot be used.
    """
    folder = open_folder(request.run, request.images)
    trained = weights(folder, device)
    found = Subject(folder, device, trained, None, None)
    fakes = _fakes(found, request.images)
    real = _real(folder, request, device)
    if real and fakes:
        features = real.sight.features(fakes.pictures, "generated")
        fakes = replace(fakes, features=features)
    return Subject(folder, device, trained, fakes, real)


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


def _real(folder: Folder, request: Request, device: Device) -> Real | None:
    data = request.data or _default(folder.classes)
    if data is None:
        folder.missing.append(
            "No real pictures: a run does not keep where its data lies; name it with --data."
        )
        return None
    dogs = prepare(data, archive.SIZE, "squash", CACHE)  # as the metric takes them
    own, crops = _own(folder, data)
    sight = open_sight(request.graph, dogs, device)
    say(f"pictures are compared by {sight.words}")
    rows = evenly_spaced(len(dogs), request.reals)
    reals = reals_of(dogs, sight, rows)
    held_out = unseen(len(dogs)).numpy()[rows]
    namer = learned(reals.features.values, reals.labels, held_out, len(reals.breeds))
    some = evenly_spaced(len(crops), request.reals) if crops else []
    seen = reals_of(crops, sight, some) if crops else None
    return Real(sight, reals, seen, len(dogs), len(crops) if crops else 0, own, namer)


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
