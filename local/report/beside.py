"""Generated pictures beside real ones: breed by breed, and each beside the nearest."""

from dataclasses import replace
from functools import partial

import numpy as np
from PIL import Image

from local import breeds
from local.page import paragraph
from local.pictures import sheet
from local.report.canvas import Canvas, number
from local.report.subject import Real, Subject
from local.rows import stacked, text
from local.themes import Theme
from local.variety import variety
from mifid.features import Features
from mifid.pairs import Pairs
from mifid.pictures import evenly_spaced

SHOWN = 8  # pictures a side of the nearest, and of the typical pairs
ACROSS = 4  # pairs in a row
PAIR_WIDTH, PAIR_HEIGHT, LABEL_HEIGHT, GAP = 260, 128, 26, 16  # pixels
SEEN = (
    "which a classifier sees in the generated pictures (this generator knows none), from the most "
    "frequent to the rarest"
)
CHOSEN = 12  # breeds on the sheet


def breed_blocks(subject: Subject, canvas: Canvas) -> list[str]:
    """Real beside generated ones: as asked for, or as a classifier sees them."""
    real = subject.real
    if real is None:
        return [paragraph("Nothing to set side by side: no real pictures are named.")]
    found = _asked(subject, real) or _seen(subject, real)
    if not found:
        return [paragraph("Nothing to set side by side: nothing tells which breed is drawn.")]
    known = [breed.variety for breed in found if breed.variety is not None]
    rows = [
        (breed.name, breed.training_pictures, number(breed.variety, ".2f"))
        for breed in sorted(found, key=lambda breed: breed.variety or 0)
    ]
    told = (
        f"Variety: how far two generated pictures of a breed are apart, over that of two real ones,"
        f" by {real.extractor.words}: 1 as varied as the real ones, 0 one picture again and "
        f"again. In the mean of {_counted(len(known))} {np.mean(known):.2f}."
        if known
        else "No breed has two real pictures: no variety."
    )
    chosen, which = _chosen(subject, found)
    sheet_of = canvas.worded(
        "breeds",
        partial(breeds.picture, chosen),
        f"Rows of {len(chosen)} breeds: real pictures on the left, generated ones on the right",
        f"{len(chosen)} of {_counted(len(found))}{which}; under each name its variety.",
    )
    head = ("Breed", "Real pictures", "Variety")
    return [sheet_of, paragraph(told), canvas.table("Variety of every breed", head, rows, True)]


def _chosen(subject: Subject, found: list[breeds.Breed]) -> tuple[list[breeds.Breed], str]:
    """Those on the sheet: named ones in their order, else some of all; and which these are."""
    if subject.breeds:
        by_name = {breed.name: breed for breed in found}
        named = [by_name[name] for name in subject.breeds if name in by_name][: breeds.MOST]
        return named, ", as they were asked for"
    order = ", from the largest to the smallest" if subject.by_breed else f", {SEEN}"
    chosen = [found[i] for i in evenly_spaced(len(found), CHOSEN)]
    return chosen, order if len(found) > 1 else ""


def _counted(number_of: int) -> str:
    return f"{number_of} breed{'' if number_of == 1 else 's'}"


def _asked(subject: Subject, real: Real) -> list[breeds.Breed]:
    """Every breed of a generator that knows them."""
    trained = subject.trained
    if trained is None or not subject.by_breed:
        return []
    return breeds.breeds(
        trained.generator,
        trained.recipe,
        trained.classes,
        real.reals.few(breeds.EACH),
        subject.device.device,
        real.extractor.network,
    )


def _seen(subject: Subject, real: Real) -> list[breeds.Breed]:
    """The breeds that a classifier sees in generated pictures, the most frequent first."""
    fakes = subject.fakes
    if fakes is None or fakes.features is None:
        return []
    named, few = real.named(fakes.features.values), real.reals.few(breeds.EACH)
    if named is None:
        return []
    found = []
    for label in np.bincount(named, minlength=len(few.breeds)).argsort(kind="stable")[::-1]:
        mine, own = np.flatnonzero(named == label)[: breeds.EACH], few.of(few.breeds[label])
        share = variety(fakes.features.values[mine], few.features.values[own])
        pictures = int((real.reals.labels == label).sum())
        found.append(
            breeds.Breed(
                few.breeds[label],
                pictures,
                None if np.isnan(share) else share,
                few.pictures[own],
                fakes.pictures[mine],
            )
        )
    return found


def nearest_blocks(subject: Subject, canvas: Canvas) -> list[str]:
    """The nearest training picture of some generated ones."""
    real, fakes = subject.real, subject.fakes
    if real is None or fakes is None or fakes.features is None:
        missing = "no real pictures are named" if fakes else "no generated pictures are here"
        return [paragraph(f"No nearest pictures: {missing}.")]
    pictures, features, kinds = _all(real)
    pairs = real.extractor.nearest(fakes.features, features)
    order = np.argsort(pairs.distance, kind="stable")
    picks = {
        "nearest": order[:SHOWN],
        "typical": order[evenly_spaced(len(order), SHOWN + 1)[1:]],
    }
    blocks = [
        canvas.worded(
            f"nearest-{name}",
            partial(_drawn, fakes.pictures, pictures, pairs, picked),
            f"{len(picked)} pairs: a generated picture, and the nearest real one at its right",
            caption,
        )
        for (name, picked), caption in zip(picks.items(), _captions(real, len(order)), strict=True)
    ]
    cells = [
        (f"{name} {i + 1}", number(float(pairs.distance[at]), ".4f"), kinds[pairs.real[at]])
        for name, picked in picks.items()
        for i, at in enumerate(picked)
    ]
    head = ("Pair", "Distance", "Real one")
    names = ("minimum", "1 %", "median", "99 %", "maximum", "mean")
    quantiles = np.quantile(pairs.distance, (0, 0.01, 0.5, 0.99, 1)).tolist()
    spread = list(zip(names, [*quantiles, float(pairs.distance.mean())], strict=True))
    return [
        paragraph(_told(real, len(fakes.pictures))),
        *blocks,
        canvas.table("Distances of all generated pictures", ("Quantile", "Distance"), spread),
        canvas.table("Distances of the pairs shown", head, cells, folds=True),
    ]


def _all(real: Real) -> tuple[np.ndarray, Features, list[str]]:
    """Whole pictures and crops as one side, and what each is: its breed, and which of the two."""
    whole, crops = real.reals, real.crops
    kinds = [f"{whole.breeds[label]}, whole picture" for label in whole.labels]
    if crops is None:
        return whole.pictures, whole.features, kinds
    values = np.concatenate([whole.features.values, crops.features.values])
    pictures = np.concatenate([whole.pictures, crops.pictures])
    kinds += [f"{crops.breeds[label]}, crop" for label in crops.labels]
    return pictures, replace(whole.features, values=values, moments=None, names=()), kinds


def _searched(real: Real) -> str:
    """Among what nearest pictures are looked up."""
    searched = f"{len(real.reals.labels):,} whole pictures of {real.everything:,}"
    if real.crops is not None:
        searched += f" and {len(real.crops.labels):,} crops of {real.every_crop:,}"
    return searched


def _told(real: Real, fakes: int) -> str:
    metric = (
        "It is the metric's own distance."
        if real.extractor.exact
        else "It is not the metric's distance, and the metric's threshold does not apply."
    )
    strange = "" if real.own else " These are not the pictures that the run was trained on."
    return (
        f"The distance is 1 - cosine of the features, by {real.extractor.words}: 0 is a copy. "
        f"{metric} {fakes:,} generated pictures were looked up among {_searched(real)}"
        f"{', these as the generator saw them' if real.crops else ''}.{strange}"
    )


def _captions(real: Real, count: int) -> tuple[str, str]:
    seen = len(real.reals.labels) + (len(real.crops.labels) if real.crops else 0)
    limits = f" Searched: {_searched(real)}."
    if seen < real.everything + real.every_crop:
        limits += " A copy of any other would not be found."
    if not real.extractor.exact:
        limits += (
            f" Nearness by {real.extractor.words} means little: unlike pictures may be near, "
            "and a copy that is a little changed may be far. These pairs neither prove copies nor "
            "rule them out; compare them by eye."
        )
    return (
        f"The nearest pairs of {count:,}, from the left and the top.{limits}",
        f"Pairs at even steps through all {count:,}, by their distance: what is usual.",
    )


def _drawn(
    fakes: np.ndarray, reals: np.ndarray, pairs: Pairs, picked: np.ndarray, theme: Theme
) -> Image.Image:
    """Pairs in rows, twice their size, with the distance below each."""
    lines = []
    for part in np.array_split(picked, -(-len(picked) // ACROSS)):
        row = text("", ACROSS * (PAIR_WIDTH + GAP), PAIR_HEIGHT + LABEL_HEIGHT, theme=theme)
        for i, at in enumerate(part):
            both = np.stack([fakes[pairs.generated[at]], reals[pairs.real[at]]])
            x = i * (PAIR_WIDTH + GAP)
            row.paste(sheet(both, columns=2, scale=2, gap=theme.paper), (x, 0))
            label = text(f"{pairs.distance[at]:.4f}", PAIR_WIDTH, LABEL_HEIGHT, theme=theme)
            row.paste(label, (x, PAIR_HEIGHT))
        lines.append(row)
    return stacked(lines)
