"""What a run's folder holds, or a kernel's output: read with care, as runs end anywhere.

What is missing or damaged is None or empty here, and `missing` says so in words.
"""

import re
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from local import recipes
from local.data.classes import Classes
from local.errors import InputError, reason
from local.recipes import Recipe
from local.report.kernel_log import last_line
from local.runs import load_classes, load_recipe
from local.train.devices import Device
from local.train.watchers import LOG, Record, read_log
from local.trained import Trained, load
from submission import archive

SPEED = "images_per_second"  # what only a tick has
NEEDED = ("step", "kimg", "seconds")
KEPT_RUN = "not-submittable"  # where a kernel leaves its run (local/kernel.py)
STEP = re.compile(r"step-(\d{9})")


@dataclass(frozen=True)
class Grid:
    """The fixed-latent grid of one snapshot."""

    step: int
    file: Path


@dataclass(frozen=True)
class Folder:
    """A run's folder, or a kernel's output.

    run: where the run itself lies: for a kernel's output, in a folder of it.
    ticks, scores: lines of the log, each with the numbers of NEEDED.
    grids, reconstructions: by step; the latter of an autoencoder alone.
    images: the first pictures of `images.zip` (N, 64, 64, 3) uint8, and how many it holds.
    about: what `images.zip` or a kernel's last line says about the run.
    missing: what is not there, a sentence each.
    """

    path: Path
    run: Path
    recipe: Recipe | None
    classes: Classes | None
    ticks: list[Record]
    scores: list[Record]
    grids: list[Grid]
    reconstructions: list[Grid]
    images: np.ndarray | None
    image_count: int
    about: dict[str, Any]
    missing: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The recipe's, or the folder's."""
        return self.recipe.name if self.recipe else self.path.resolve().name


def open_folder(path: Path, images: int) -> Folder:
    """Reads all but the weights, and of `images.zip` so many pictures; of 0 it looks at none.

    Raises:
        InputError: there is neither a run nor a kernel's output, or one of another version.
    """
    kept = path / KEPT_RUN
    run = kept if not (path / "recipe.json").exists() and kept.is_dir() else path
    told = last_line(path) or last_line(run)
    if not (run / "recipe.json").exists() and not (path / archive.IMAGES).exists() and not told:
        raise InputError(
            f"{path}: no run there, and no kernel's output (neither recipe.json nor images.zip);"
            " name the folder that `python -m local train --out` filled"
        )
    missing: list[str] = []
    pictures, count = _images(path, images, missing)
    about = archive.comment(path / archive.IMAGES) | told
    recipe, classes = _recipe(run, about), None
    if recipe is None:
        missing.append("No recipe: neither recipe.json nor the kernel's last line tells it.")
    if (run / "data.json").exists():
        classes = load_classes(run)
    ticks, scores = _log(run)
    if not ticks:
        missing.append("No log of training (log.jsonl): no curves.")
    grids = _grids(run / "samples")
    if not grids:
        missing.append("No sample grid yet: the first comes with the first snapshot.")
    return Folder(
        path=path,
        run=run,
        recipe=recipe,
        classes=classes,
        ticks=ticks,
        scores=scores,
        grids=grids,
        reconstructions=_grids(run / "reconstructions"),
        images=pictures,
        image_count=count,
        about=about,
        missing=missing,
    )


def weights(folder: Folder, device: Device) -> Trained | None:
    """The newest generator that can be used; says what is missing where it is not the newest."""
    if not (folder.run / "recipe.json").exists():
        folder.missing.append("No weights here: what has to be drawn anew is left out.")
        return None
    there = sorted(
        int(match[1])
        for place in (folder.run / "snapshots").glob("step-*")
        if (match := STEP.fullmatch(place.name))
    )
    try:
        trained = load(folder.run, device)
    except InputError as error:
        lost = "none of the snapshots can be used" if there else "no snapshot yet"
        folder.missing.append(
            f"No weights ({lost if there else reason(error).partition(': ')[2]}): what has to be "
            "drawn anew is left out."
        )
        return None
    if trained.snapshot.steps < there[-1]:
        folder.missing.append(
            f"The snapshot of step {there[-1]:,} is damaged: pictures are drawn by the one before "
            f"it, of step {trained.snapshot.steps:,}."
        )
    return trained


def _recipe(run: Path, about: dict[str, Any]) -> Recipe | None:
    if (run / "recipe.json").exists():
        return load_recipe(run)
    try:
        return recipes.from_dict(about["recipe"])
    except (LookupError, TypeError, AttributeError, InputError):
        return None


def _images(path: Path, limit: int, missing: list[str]) -> tuple[np.ndarray | None, int]:
    """The first pictures, and the number of all."""
    file = path / archive.IMAGES
    if not limit:
        return None, 0
    if not file.exists():
        missing.append("No images.zip yet: it is written when the training is over.")
        return None, 0
    try:
        with zipfile.ZipFile(file) as opened:
            count = len(opened.infolist())
        found = archive.check(file, count)
        return archive.pixels(file, limit), found.images
    except (archive.ArchiveError, zipfile.BadZipFile, OSError, ValueError) as error:
        missing.append(f"images.zip cannot be shown ({reason(error)}).")
        return None, 0


def _log(run: Path) -> tuple[list[Record], list[Record]]:
    """Ticks and scores; lines that lack what every one has are neither."""
    records = [record for record in read_log(run / LOG) if record.keys() >= set(NEEDED)]
    return [r for r in records if SPEED in r], [r for r in records if SPEED not in r]


def _grids(samples: Path) -> list[Grid]:
    found = ((STEP.fullmatch(file.stem), file) for file in samples.glob("step-*.png"))
    return sorted(
        (Grid(int(match[1]), file) for match, file in found if match), key=lambda grid: grid.step
    )
