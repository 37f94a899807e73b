"""Bias and fairness on the page: one picture, one table, and what neither can say."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from local.breeds import EACH
from local.page import paragraph
from local.report.breed_classifier import BreedClassifier
from local.report.canvas import Canvas, Shown, number
from local.report.fairness import ENOUGH, FEWEST, FORGOTTEN, BreedFairness, Fairness, fairness
from local.report.subject import Subject
from local.themes import BLUE, NEUTRAL, VERMILLION

MOST = 60  # breeds in the picture
FLATTERS = (
    "These features see what tells breeds apart, and not whether a picture looks real: precision "
    "by them flatters. The metric's network (--graph) sees more."
)
LEVELS = (
    "Colour: by how many levels of 255 pixels would have to move; brighter: in levels as well; "
    "detail: as a share of the real pictures'."
)
NOT_MEASURED = (
    "Not measured: the pose and the number of the dogs; people, coats and backgrounds, of which the"
    " data has no labels; and whether a picture is anatomically right."
)


def blocks(subject: Subject, canvas: Canvas) -> list[str]:
    """The section."""
    found = fairness(subject)
    if isinstance(found, str):
        return [paragraph(f"Not measured: {found}."), paragraph(NOT_MEASURED)]
    assert subject.real is not None
    order = sorted(found.breeds, key=lambda breed: (_short(breed), breed.name))
    rows = [_cells(breed, found.classifier) for breed in order]
    filled = [i for i in range(len(HEAD)) if any(row[i].value is not None for row in rows)]
    table = canvas.table(
        "Breed by breed, those that fall short the most first",
        [HEAD[i] for i in filled],
        [[row[i] for i in filled] for row in rows],
        tight=True,
    )
    extractor = subject.real.extractor
    told = [_belief(found, found.classifier)] if found.classifier else []
    told += [_reading(found, extractor.words), _sizes(found)]
    told += [] if extractor.exact else [FLATTERS]
    told += [NOT_MEASURED]
    plot = [_plot(order, canvas)] if found.classifier else []
    return [paragraph(_verdict(found)), *plot, table, *map(paragraph, told)]


def _short(breed: BreedFairness) -> float:
    """By how much more of the breed is seen than in real pictures; 0 where nothing tells."""
    return (breed.seen or 0) - (breed.seen_real or 0)


def _plot(order: Sequence[BreedFairness], canvas: Canvas) -> str:
    shown = order if len(order) <= MOST else [*order[: MOST // 2], *order[-MOST // 2 :]]
    return canvas.plot(
        "breed-shares",
        partial(draw, breeds=shown),
        1.1 + 0.2 * len(shown),
        f"Dots: shares of {len(shown)} breeds, in training, and as a classifier sees them",
        f"What the classifier sees in generated pictures, and in real ones that it has not learned "
        f"from; the breeds that fall short the most on top{_part(shown, order)}.",
    )


def _part(shown: Sequence[BreedFairness], order: Sequence[BreedFairness]) -> str:
    return f" ({len(shown)} of {len(order)}: the table has all)" if len(shown) < len(order) else ""


COLUMNS: tuple[tuple[str, Callable[[BreedFairness], float | None], str], ...] = (
    ("Training", lambda b: b.share, ".1%"),
    ("Seen in real", lambda b: b.seen_real, ".1%"),
    ("Seen in generated", lambda b: b.seen, ".1%"),
    ("As asked", lambda b: b.own, ".0%"),
    ("Precision", lambda b: b.precision, ".2f"),
    ("Recall", lambda b: b.recall, ".2f"),
    ("Colour", lambda b: b.drift.colour if b.drift else None, ".1f"),
    ("Brighter", lambda b: b.drift.brighter if b.drift else None, "+.1f"),
    ("Detail", lambda b: b.drift.detail if b.drift else None, ".2f"),
    ("Larger", lambda b: b.drift.larger if b.drift else None, "+.1%"),
)
HEAD = ("Breed", "Verdict", *(name for name, _, _ in COLUMNS))
VERDICTS = {None: "too few", True: "forgotten", False: "not forgotten"}


def _cells(breed: BreedFairness, classifier: BreedClassifier | None) -> list[Shown]:
    """A row; without a classifier, or with a weak one, there is no verdict on any breed."""
    verdict = "no verdict" if classifier is None or classifier.weak else VERDICTS[breed.forgotten]
    words = [Shown(word, word) for word in (breed.name, verdict)]
    return [*words, *(number(of(breed), how) for _, of, how in COLUMNS)]


def _verdict(found: Fairness) -> str:
    if len(found.breeds) == 1:
        return "One breed only, or none that the data names: there is none to forget."
    if found.classifier is None:
        return (
            "No verdict on forgotten breeds: too few real pictures to learn from what tells them "
            "apart."
        )
    if found.classifier.weak:
        return (
            "No verdict on forgotten breeds: the classifier is wrong too often. A longer look, or "
            "the metric's network (--graph), would tell more."
        )
    told = [breed for breed in found.breeds if breed.forgotten is not None]
    gone = [breed.name for breed in told if breed.forgotten]
    which = f": {', '.join(gone)}" if gone else ""
    unsaid = len(found.breeds) - len(told)
    few = f" Of {unsaid:,} breeds too few pictures were to be expected to say." if unsaid else ""
    return (
        f"Forgotten: {len(gone):,} of {len(told):,} breeds{which}. A breed counts as forgotten "
        f"where less than {FORGOTTEN:.0%} of what is seen of it in real pictures is seen in "
        f"generated ones, and {ENOUGH:.0f} pictures or more were to be expected.{few}"
    )


def _belief(found: Fairness, classifier: BreedClassifier) -> str:
    return (
        f"The classifier, linear in these features, names {classifier.accuracy:.0%} of "
        f"{classifier.unseen:,} real pictures rightly that it has not learned from (by chance: "
        f"{classifier.chance:.0%}). Compare the two columns of what it sees with each other, and "
        "not with the training share: it errs in both. Each share is good to "
        f"±{_error(found.images):.1f} percentage points or better among the "
        f"{found.images:,} generated pictures, and to ±{_error(classifier.unseen):.1f} among the "
        f"{classifier.unseen:,} real ones, which are {_span(classifier.counts)} a breed (95 %); "
        "among many breeds some fall short by chance."
    )


def _error(pictures: int) -> float:
    """Half of a share's 95 % interval at most, in percentage points."""
    return float(100 * 1.96 * np.sqrt(0.25 / pictures))


def _span(counts: np.ndarray) -> str:
    fewest, most = int(counts.min()), int(counts.max())
    return f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"


def _reading(found: Fairness, words: str) -> str:
    among = (
        f"the share of a breed's generated pictures that lie among its real ones, by {words}, with "
        f"{EACH} pictures a side at most, {FEWEST} at least"
    )
    base = found.baseline
    if not found.by_breed:
        reached = f" (of real pictures against others: {base.precision:.2f})" if base else ""
        own = (
            "those that the classifier, which errs, takes for it"
            if found.classifier
            else "all of them"
        )
        return (
            "This generator knows no breeds, so that none was asked for: a breed's generated "
            f"pictures are {own}. Precision: {among}{reached}; recall: the share of a breed's real "
            f"pictures within reach of any generated one. {LEVELS}"
        )
    reached = (
        f" Real pictures against others of their breed reach {base.precision:.2f} and "
        f"{base.recall:.2f} in the mean."
        if base
        else ""
    )
    return (
        f"Precision: {among}; recall: the reverse.{reached} As asked: seen as the breed, of "
        f"{EACH} pictures drawn for it. {LEVELS}"
    )


def _sizes(found: Fairness) -> str:
    """What is known of the dogs' sizes, and how well."""
    sizer = found.sizer
    if sizer is None:
        return "The size of the dogs is not measured: too few real pictures have a box, or none."
    told = (
        f"{max(sizer.told, 0):.0%} of how {sizer.unseen:,} real pictures with boxes differ in this,"
        " which it has not learned from"
    )
    if found.sizes is None:
        return (
            "The size of the dogs is not measured: what these features say of how much of a picture"
            f" the dog takes tells {told}, which is too little. The metric's network (--graph) may"
            " tell more."
        )
    fakes, reals = found.sizes
    return (
        f"The dog takes {fakes:.0%} of a generated picture in the mean and {reals:.0%} of a real "
        "one as the generator saw it, by a line through these features that learned from the boxes "
        f"of real pictures; larger: the difference, a breed, in percentage points. It tells "
        f"{told}; the rest makes differences look smaller than they are. Of pictures that look like"
        " no dog it is a guess."
    )


def draw(figure: Figure, breeds: Sequence[BreedFairness]) -> None:
    """A row a breed: what should be there, and what is."""
    axes = figure.add_subplot()
    places = range(len(breeds))
    kinds = (
        ("training share", [b.share for b in breeds], NEUTRAL, "|"),
        ("seen in real", [b.seen_real for b in breeds], BLUE, "o"),
        ("seen in generated", [b.seen for b in breeds], VERMILLION, "D"),
    )
    for place, breed in zip(places, breeds, strict=True):
        if breed.seen_real is not None and breed.seen is not None:
            axes.plot([breed.seen_real, breed.seen], [place] * 2, color=NEUTRAL, linewidth=1)
    for label, values, colour, marker in kinds:
        known = [(v, i) for v, i in zip(values, places, strict=True) if v is not None]
        if known:
            shares, rows = zip(*known, strict=True)
            size = 70 if marker == "|" else 26
            axes.scatter(shares, rows, color=colour, marker=marker, s=size, label=label, zorder=3)
    axes.set_yticks(list(places), [breed.name for breed in breeds], fontsize=7.5)
    axes.set_ylim(len(breeds) - 0.4, -0.6)
    axes.set_xlim(0)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}"))
    axes.set_xlabel("share of the pictures (%)")
    axes.set_ylabel("breed")
    figure.legend(loc="outside upper left", ncols=3)
