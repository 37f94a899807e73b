"""What a reader of the table must know: which of its figures are not comparable, and why."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence

from local.compare.row import Row
from local.recipes import Recipe
from local.train.losses import LOSSES
from submission import archive


def remarks(recipes: Sequence[Recipe], rows: Sequence[Row]) -> list[str]:
    """A sentence or two each, those first that concern all rows."""
    done = {row.recipe for row in rows if not row.error}
    judged = [recipe for recipe in recipes if recipe.name in done]
    if not judged:
        return []
    found = [
        _untrained(rows),
        _scores(rows),
        "Each recipe has one seed: its luck is in every figure.",
        _sizes(judged),
        _crops(judged),
        _losses(judged),
        _accuracies(judged),
        _autoencoders(judged),
    ]
    return [line for line in found if line] + _warnings(rows)


def _untrained(rows: Sequence[Row]) -> str:
    names = ", ".join(row.recipe for row in rows if row.kimg == 0)
    return f"Not one step fitted into the budget of {names}: no training shows." if names else ""


def _scores(rows: Sequence[Row]) -> str:
    if any(row.comparable for row in rows):
        return ""
    return (
        "FID, KID and MiFID compare these rows with each other, and with nothing else: FID falls"
        " with the number of pictures on either side, and none of them is a leaderboard's figure."
    )


def _sizes(recipes: list[Recipe]) -> str:
    others = [f"{r.name} ({r.size})" for r in recipes if r.size != archive.SIZE]
    size = f"{archive.SIZE}x{archive.SIZE}"
    return f"Resized to {size} before they are judged: {', '.join(others)}." if others else ""


def _crops(recipes: list[Recipe]) -> str:
    cropped = [recipe for recipe in recipes if recipe.crop != "squash"]
    if not cropped:
        return ""
    return (
        "Trained on crops, and judged against whole pictures squashed to a square, as Kaggle does,"
        f" so that part of the score is the crop: {_grouped(cropped, lambda r: r.crop)}."
    )


def _losses(recipes: list[Recipe]) -> str:
    if len({recipe.loss for recipe in recipes}) == 1:
        return ""
    return f"Losses of different kinds are not comparable: {_grouped(recipes, lambda r: r.loss)}."


def _accuracies(recipes: list[Recipe]) -> str:
    absolute = {name: loss.absolute for name, loss in LOSSES.items()}
    relative = [recipe.name for recipe in recipes if not absolute.get(recipe.loss, True)]
    if not relative:
        return ""
    return (
        "Right is a logit on the side of 0 that belongs to it; where a loss knows differences only"
        f" ({', '.join(relative)}), on the side of the other pictures' mean."
    )


def _autoencoders(recipes: list[Recipe]) -> str:
    names = ", ".join(recipe.name for recipe in recipes if recipe.network == "autoencoder")
    if not names:
        return ""
    return (
        f"{names}: G is the decoder and D the encoder; they do not play against each other, and"
        " the loss is the mean squared error of pictures given back."
    )


def _warnings(rows: Sequence[Row]) -> list[str]:
    """The scores' warnings, each with the recipes that it is about, unless it is about all."""
    about: dict[str, list[str]] = defaultdict(list)
    judged = [row for row in rows if not row.error]
    for row in judged:
        for warning in row.warnings:
            about[warning].append(row.recipe)
    return [
        f"{warning}." if len(names) == len(judged) else f"{', '.join(names)}: {warning}."
        for warning, names in about.items()
    ]


def _grouped(recipes: list[Recipe], key: Callable[[Recipe], Hashable]) -> str:
    groups: dict[Hashable, list[str]] = defaultdict(list)
    for recipe in recipes:
        groups[key(recipe)].append(recipe.name)
    return "; ".join(f"{name} ({', '.join(names)})" for name, names in groups.items())
