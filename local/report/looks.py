"""Pictures to look at: the grid over time, the final sheet, walks, and truncations."""

from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image, ImageColor
from PIL.Image import Resampling

from local import walks
from local.judge.choices import TRUNCATIONS
from local.page import paragraph
from local.pictures import GAP, sheet
from local.report import curves, frames
from local.report.canvas import Canvas, Shown, number
from local.report.folder import Folder, Grid
from local.report.subject import Real, Subject
from local.rows import stacked, text
from local.sampling import draw
from local.themes import BLUE, NEUTRAL, VERMILLION, Theme
from local.trained import Trained
from local.variety import variety
from mifid.frechet import Moments, frechet_distance, moments
from mifid.kid import kernel_distance

SMALL = 400  # pixels: a grid that is narrower is shown twice its size
SIDE = 8  # pictures in a row of the final sheet
SHEET = SIDE**2  # pictures on it
STOPS, STEPS = 4, 8  # of a walk: rows, and pictures of a row
ACROSS = 10  # pictures of one truncation
SCORED = 500  # pictures behind a truncation's score, at most
SUBSETS = 20  # of the real ones, for the KID
NAME_WIDTH = 110  # pixels


def over_time(folder: Folder, canvas: Canvas) -> list[str]:
    """The fixed-latent grid, snapshot by snapshot."""
    strip = _strip("grid", "Snapshot", folder, folder.grids, canvas)
    if not strip:
        return [paragraph("No grid of samples is there yet: each snapshot brings one.")]
    taken = curves.marks(folder, folder.grids)
    rows = [
        (number(grid.step, ","), kimg, minutes)
        for grid, kimg, minutes in zip(folder.grids, taken.kimg, taken.minutes, strict=True)
    ]
    table = canvas.table("All snapshots", ("Step", "kimg", "Minutes"), rows, folds=True)
    return [*strip, table]


def given_back(folder: Folder, canvas: Canvas) -> list[str]:
    """Training pictures through an autoencoder, snapshot by snapshot."""
    told = (
        "Rows in pairs: training pictures, and below each what the decoder makes of its latent. "
        "What is lost here no latent brings back."
    )
    strip = _strip("reconstruction", "Reconstruction", folder, folder.reconstructions, canvas)
    return [paragraph(told), *strip]


def _strip(
    key: str, title: str, folder: Folder, grids: Sequence[Grid], canvas: Canvas
) -> list[str]:
    """Grids one after another; none where none can be read."""
    whole: list[tuple[str, Image.Image]] = []
    damaged = 0
    taken = curves.marks(folder, grids)
    for place in frames.chosen(len(grids)):
        grid, kimg, minutes = grids[place], taken.kimg[place], taken.minutes[place]
        try:
            with Image.open(grid.file) as image:
                opened = image.convert("RGB")
        except Exception:  # on damaged files Pillow raises nearly everything
            damaged += 1
            continue
        if folder.recipe:
            opened = _toned(opened, folder.recipe.size)
        if opened.width < SMALL:
            opened = opened.resize((2 * opened.width, 2 * opened.height), Resampling.NEAREST)
        whole.append(
            (f"step {grid.step:,}, {curves.short(kimg)} kimg, {curves.short(minutes)} min", opened)
        )
        canvas.keep(f"{key}-step-{grid.step:09}", grid.file.read_bytes())
    if not whole:
        return []
    told = f"At {len(whole):,} of {len(grids):,} snapshots, the last one at the end."
    told += f" Damaged and left out: {damaged}." if damaged else ""
    names, images = zip(*whole, strict=True)
    return [paragraph(told), frames.strip(f"{key}s", title, images, names)]


def _toned(image: Image.Image, side: int) -> Image.Image:
    """A grid whose gaps, white in its file, have a tone for paper of either kind."""
    pixels, each = np.array(image), side + GAP
    if any((length + GAP) % each for length in image.size):
        return image
    for axis in (0, 1):
        inside = np.arange(pixels.shape[axis]) % each < side
        pixels.swapaxes(0, axis)[~inside] = ImageColor.getrgb(NEUTRAL)
    return Image.fromarray(pixels)


def final(subject: Subject, canvas: Canvas) -> list[str]:
    """The first pictures that are handed in."""
    folder = subject.folder
    if folder.images is not None:
        pictures, words = folder.images[:SHEET], f"of {folder.image_count:,} in images.zip"
    elif subject.fakes:
        pictures, words = subject.fakes.pictures[:SHEET], f"of {subject.fakes.words}"
    else:
        return [paragraph("There is neither an images.zip nor a snapshot: no pictures yet.")]
    count = len(pictures)
    return [
        canvas.sheet(
            "final",
            _grid(pictures, min(SIDE, count)),
            f"{count} generated pictures",
            f"The first {count} {words}, nothing picked out, twice their size.",
        )
    ]


def _grid(pictures: np.ndarray, columns: int) -> Image.Image:
    """Pictures twice their size; one sheet for paper of either kind."""
    return sheet(pictures, columns, scale=2, gap=NEUTRAL)


def walk_blocks(subject: Subject, canvas: Canvas) -> list[str]:
    """Through the latents, from stop to stop."""
    trained = subject.trained
    if trained is None:
        return [paragraph("There are no weights here to walk with.")]
    kinds: list[tuple[str, str, tuple[int, ...]]] = [("walk", "", ())]
    if trained.recipe.by_breed:
        largest = np.argsort([-count for count in trained.classes.counts], kind="stable").tolist()
        order = [trained.label(name) for name in subject.breeds] or largest
        names = [trained.classes.names[i] for i in order]
        kinds = [("walk-within", f"within {names[0]}", (order[0],))]
        if len(order) > 1:
            among = tuple(order[:STOPS])
            told = " to ".join(names[: len(among)])
            kinds.append(("walk-between", f"from {told}, and back", among))
    return [_walk(subject, trained, canvas, *kind) for kind in kinds]


def _walk(
    subject: Subject,
    trained: Trained,
    canvas: Canvas,
    name: str,
    told: str,
    breeds: tuple[int, ...],
) -> str:
    random = torch.Generator().manual_seed(trained.recipe.seed)
    # As many as breeds take turns evenly in, so that the loop leads from the last to the first.
    count = min(STOPS - STOPS % max(1, len(breeds)), trained.recipe.latent)
    through = walks.stops(trained.recipe, trained.classes, count, random, breeds=breeds)
    way = walks.walk(trained.recipe, trained.classes, through, STEPS)
    return canvas.sheet(
        name,
        _grid(subject.pictures(way), STEPS),
        f"A walk in {len(way)} pictures {told}".rstrip(),
        f"A closed walk {told or 'through the latents'} in {len(way)} equal steps on great "
        "circles, row by row; each row begins at a draw, and the last one leads back to the first.",
    )


def truncation_blocks(subject: Subject, canvas: Canvas, images: int) -> list[str]:
    """The same draws at several truncations, and what each is worth."""
    trained = subject.trained
    if trained is None:
        return [paragraph("There are no weights here to draw with.")]
    values = TRUNCATIONS[trained.recipe.latents]
    blocks = [_truncation_sheet(subject, trained, canvas, values)]
    if subject.real is None or not subject.real.extractor.scores:
        return [
            *blocks,
            paragraph("Without real pictures, or features of them, nothing is scored."),
        ]
    count = min(images, SCORED)
    real = subject.real
    whole = moments(real.reals.features.values)
    rows = [_scored(subject, trained, real, whole, value, count) for value in values]
    label = real.extractor.label(count, len(real.reals.labels))
    plot = canvas.plot(
        "truncation-scores",
        partial(_draw_scores, rows=rows),
        2.6,
        "Lines: KID and variety at each truncation",
        "Lower is better on the left; on the right 1 is as varied as real pictures are.",
    )
    head = ("Truncation", "Frechet distance", "KID", "Variety")
    table = canvas.table("Truncations", head, rows)
    told = (
        f"By {real.extractor.words}. The Frechet distance: {label}. {count:,} generated pictures "
        f"each against {len(real.reals.labels):,} real ones: with so few it reads too high, and "
        f"compares within this table only. The recipe's own truncation is "
        f"{_truncation(trained.recipe.truncation)}."
    )
    return [*blocks, plot, table, paragraph(told)]


def _truncation_sheet(
    subject: Subject, trained: Trained, canvas: Canvas, values: Sequence[float]
) -> str:
    draws = [
        draw(trained.recipe, trained.classes, ACROSS, trained.recipe.seed, value)
        for value in values
    ]
    names = [_truncation(value) for value in values]
    return canvas.worded(
        "truncations",
        partial(_named, names, [subject.pictures(one) for one in draws]),
        f"{ACROSS} pictures at each of {len(values)} truncations",
        "A row a truncation, drawn from the same seed: latents beyond it are drawn again. From top "
        "to bottom this is meant to give fewer odd pictures, for less variety.",
    )


def _named(names: Sequence[str], rows: Sequence[np.ndarray], theme: Theme) -> Image.Image:
    """Rows of ACROSS pictures, each with its name at the left."""
    drawn = []
    for name, pictures in zip(names, rows, strict=True):
        row = text(name, NAME_WIDTH + ACROSS * 66, 66, theme=theme)
        row.paste(sheet(pictures, columns=ACROSS, gap=theme.paper), (NAME_WIDTH, 0))
        drawn.append(row)
    return stacked(drawn)


def _scored(
    subject: Subject, trained: Trained, real: Real, whole: Moments, value: float, count: int
) -> tuple[Shown, float, float, float]:
    """A row of the table; `whole` are the moments of the real side."""
    draws = draw(trained.recipe, trained.classes, count, trained.recipe.seed + 1, value)
    fakes = real.extractor.features(subject.pictures(draws), f"truncation {_truncation(value)}")
    reals = real.reals.features
    return (
        number(value or None, "g", none="none"),
        frechet_distance(moments(fakes.values), whole),
        kernel_distance(fakes.values, reals.values, subsets=SUBSETS).mean,
        variety(fakes.values, reals.limited(count).values),
    )


def _truncation(value: float) -> str:
    return f"{value:g}" if value else "none"


def _draw_scores(figure: Figure, rows: Sequence[tuple[Shown, float, float, float]]) -> None:
    left, right = figure.subplots(1, 2)
    names = [row[0].text for row in rows]
    for axes, values, label, colour in (
        (left, [row[2] for row in rows], "KID (lower is better)", BLUE),
        (right, [row[3] for row in rows], "variety (1: as real ones)", VERMILLION),
    ):
        axes.plot(names, values, marker="o", color=colour)
        axes.set_xlabel("truncation (largest value of a latent)")
        axes.set_ylabel(label)
    right.set_ylim(0, 1.08 * max(row[3] for row in rows))
