"""What `python -m local sweep` tries of each recipe: ranges and choices, stated as data.

Standard library only, like the recipes themselves.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from local.errors import InputError
from local.recipes.record import Recipe
from local.recipes.text import override

# They say how long a run is and what it shows on the way, not what it learns.
NEVER = frozenset({"name", "epochs", "steps", "quick_every", "quick_images", "snapshots"})
LISTED = frozenset({"size", "latent_side"})  # few whole numbers are possible, with gaps between
LOG_FROM = 10.0  # a range on a command line whose ends differ by that factor is logarithmic


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where the setting is."""

    low: float
    high: float
    log: bool = False  # as many between 1 and 10 as between 10 and 100

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{' (log)' if self.log else ''}"

    def __contains__(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ", ".join(written(value) for value in self.values)

    def __contains__(self, value: Any) -> bool:
        return value in self.values


Space = Range | Choice

# Of every recipe. Rates matter most to any of them, momentum and averaging cost nothing to try.
COMMON: dict[str, Space] = {
    "g_lr": Range(2e-5, 2e-3, log=True),
    "d_lr": Range(2e-5, 2e-3, log=True),
    "beta1": Range(0.0, 0.9),
    "ema": Range(0.0, 0.1),
}
# And of one, or in place of those above.
RANGES: dict[str, dict[str, Space]] = {
    "best-dcgan": {
        "smoothing": Range(0.0, 0.2),
        "noise": Range(0.0, 0.2),
        "batch": Choice((32, 64, 128)),
    },
    "dcgan": {"smoothing": Range(0.0, 0.2), "rotation": Range(0.0, 20.0)},
    "ralsgan": {"batch": Choice((16, 32, 64)), "rotation": Range(0.0, 10.0)},
    "dense-gan": {"dropout": Range(0.0, 0.6)},
    "basic-gan": {"noise": Range(0.0, 0.3)},
    "cgan": {"dropout": Range(0.0, 0.6), "random_crop": Choice((0, 4, 8))},
    "dcgan-faces": {"latents": Choice(("normal", "uniform"))},
    "csagan-wgan": {"penalty": Range(1.0, 30.0, log=True), "d_steps": Choice((1, 2, 5))},
    "sagan": {"smoothing": Range(0.0, 0.3), "batch": Choice((16, 32, 64))},
    "biggan": {"smoothing": Range(0.0, 0.3), "batch": Choice((16, 32, 64))},
    "r3gan": {"penalty": Range(0.1, 10.0, log=True), "beta2": Range(0.9, 0.999)},
    "autoencoder": {
        "latent": Choice((64, 128, 256, 512)),
        "latent_channels": Choice((8, 16, 32)),
        "ema": Choice((0.0, 0.05)),
    },
}


def stated(recipe: Recipe) -> dict[str, Space]:
    """The ranges of a preset, without those that its overridden settings rule out."""
    spaces = COMMON | RANGES.get(recipe.name, {})
    return {name: space for name, space in spaces.items() if _fits(recipe, name, space)}


def chosen(recipe: Recipe, asked: Sequence[str], fixed: Collection[str]) -> dict[str, Space]:
    """What a sweep varies.

    Args:
        recipe: with the fixed settings.
        asked: `setting=low..high`, `setting=a,b,c`, or a setting alone for its stated range; none:
            all that are stated.
        fixed: names of settings that stay as they are.

    Raises:
        InputError: a setting is unknown, fixed or named twice, or cannot take those values.
    """
    known = {name: space for name, space in stated(recipe).items() if name not in fixed}
    if not asked:
        if not known:
            raise InputError("all settings with a range are fixed; name one with --over")
        return known
    spaces: dict[str, Space] = {}
    for text in asked:
        name, equals, values = text.partition("=")
        if name in fixed:
            raise InputError(f"{name} is fixed and swept at once; leave one of the two out")
        if name in spaces:
            raise InputError(f"--over {text}: {name} is swept already; name it once")
        if equals:
            spaces[name] = parse(recipe, name, values)
        elif name in known:
            spaces[name] = known[name]
        else:
            ready = f"there are ranges for {', '.join(known)}" if known else "there are no ranges"
            raise InputError(f"--over {text}: write {name}=low..high or {name}=a,b,c; {ready}")
    return spaces


def parse(recipe: Recipe, name: str, text: str) -> Space:
    """The range of `low..high`, or the choice of `a,b,c`.

    Raises:
        InputError: the recipe cannot take those values, or there are none to choose from.
    """
    _check_name(name)
    low, dots, high = text.partition("..")
    ends = (low, high) if dots else tuple(dict.fromkeys(text.split(",")))
    values = tuple(getattr(override(recipe, [f"{name}={end}"]), name) for end in ends)
    if not dots:
        if len(values) < 2:
            raise InputError(f"{name}={text}: no choice; write {name}=low..high or {name}=a,b,c")
        return Choice(values)
    least, most = values
    if isinstance(least, (bool, str)) or name in LISTED:
        raise InputError(f"{name}={text}: {name} has no range; write its values, {name}=a,b,c")
    if not least < most:
        raise InputError(f"{name}={text}: the range is empty; write the smaller number first")
    return Range(least, most, log=least > 0 and most >= LOG_FROM * least)


def check(recipe: Recipe, name: str, space: Space) -> None:
    """Makes sure that the recipe can take it.

    Raises:
        InputError: it cannot; the line says what is possible.
    """
    _check_name(name)
    values = space.values if isinstance(space, Choice) else (space.low, space.high)
    for value in values:
        replace(recipe, **{name: value})


def _fits(recipe: Recipe, name: str, space: Space) -> bool:
    try:
        check(recipe, name, space)
    except InputError:
        return False
    return True


def _check_name(name: str) -> None:
    if name in NEVER:
        raise InputError(f"{name} cannot be swept; there are: {', '.join(_sweepable())}")
    override(Recipe(), [f"{name}={written(getattr(Recipe(), name, ''))}"])  # knows all names


def _sweepable() -> list[str]:
    return [field.name for field in fields(Recipe) if field.name not in NEVER]


def written(value: Any) -> str:
    """A setting's value as `key=value` takes it, with all its digits."""
    return str(value).lower() if isinstance(value, bool) else str(value)
