"""What `python -m local sweep` tries of each recipe: ranges and choices, stated as data.

Standard library only, like the recipes themselves.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from local.errors import InputError
from local.recipes.record import Recipe
from local.recipes.text import parse, readable

# They say how long a run is, what it shows on the way, and which of its pictures a kernel hands in:
# no trial's score depends on them.
NEVER = frozenset(
    {"name", "epochs", "steps", "quick_every", "quick_images", "snapshots", "selection"}
)
LISTED = frozenset({"size", "latent_side"})  # few whole numbers are possible, with gaps between
LOG_FROM = 10.0  # a range on a command line whose ends differ by that factor is logarithmic


@dataclass(frozen=True)
class Range:
    """Numbers from `low` to `high`, both included; whole ones where the setting is."""

    low: float
    high: float
    log: bool = False  # as many between 1 and 10 as between 10 and 100

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that were named."""
        return self.low, self.high

    def __str__(self) -> str:
        return f"{self.low}..{self.high}{' (log)' if self.log else ''}"

    def __contains__(self, value: Any) -> bool:
        return bool(self.low <= value <= self.high)


@dataclass(frozen=True)
class Choice:
    """One of a few values."""

    values: tuple[Any, ...]

    @property
    def ends(self) -> tuple[Any, ...]:
        """The values that were named."""
        return self.values

    def __str__(self) -> str:
        return ", ".join(readable(value) for value in self.values)

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
        "margin": Range(0.6, 0.95),
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
    "sagan": {
        "smoothing": Range(0.0, 0.3),
        "batch": Choice((16, 32, 64)),
        "restarts": Choice((0, 1, 3, 5)),
    },
    "hinge-sagan": {"batch": Choice((16, 32, 64)), "lr_hold": Range(0.0, 0.9)},
    "biggan": {"smoothing": Range(0.0, 0.3), "batch": Choice((16, 32, 64))},
    "r3gan": {"penalty": Range(0.1, 10.0, log=True), "beta2_end": Range(0.9, 0.999)},
    "autoencoder": {
        "latent": Choice((64, 128, 256, 512)),
        "latent_channels": Choice((8, 16, 32)),
        "ema": Choice((0.0, 0.05)),
    },
}


def stated(recipe: Recipe) -> dict[str, Space]:
    """The ranges of a preset, without those that its overridden settings rule out."""
    return {name: space for name, space in _table(recipe).items() if _fits(recipe, name, space)}


def chosen(preset: Recipe, fixed: Mapping[str, Any], asked: Sequence[str]) -> dict[str, Space]:
    """What a sweep varies, by name.

    Args:
        preset: of the recipes.
        fixed: settings that stay as they are, and their values.
        asked: `setting=low..high`, `setting=a,b,c`, or a setting alone for its stated range; none:
            all stated ranges that fit.

    Raises:
        InputError: a setting is unknown, fixed or named twice, or has values of another type.
            Whether a recipe can have them is another question, which depends on the others
            (`local.sweep.start`).
    """
    if asked:
        return _asked(preset, fixed, asked)
    fitting = stated(preset.changed(fixed))
    spaces = {name: space for name, space in fitting.items() if name not in fixed}
    if not spaces:
        raise InputError("all settings with a range are fixed; name one with --over")
    return spaces


def _table(recipe: Recipe) -> dict[str, Space]:
    return COMMON | RANGES.get(recipe.name, {})


def _fits(recipe: Recipe, name: str, space: Space) -> bool:
    try:
        for value in space.ends:
            recipe.changed({name: value})
    except InputError:
        return False
    return True


def _asked(preset: Recipe, fixed: Collection[str], asked: Sequence[str]) -> dict[str, Space]:
    known = {name: space for name, space in _table(preset).items() if name not in fixed}
    spaces: dict[str, Space] = {}
    for text in asked:
        name, equals, values = text.partition("=")
        if name in fixed:
            raise InputError(f"{name} is fixed and swept at once; leave one of the two out")
        if name in spaces:
            raise InputError(f"--over {text}: {name} is swept already; name it once")
        if equals:
            spaces[name] = _space(name, values)
        elif name in known:
            spaces[name] = known[name]
        else:
            ready = f"there are ranges for {', '.join(known)}" if known else "there are no ranges"
            raise InputError(f"--over {text}: write {name}=low..high or {name}=a,b,c; {ready}")
    return spaces


def _space(name: str, text: str) -> Space:
    """The range of `low..high`, or the choice of `a,b,c`."""
    if name in NEVER:
        raise InputError(f"{name} cannot be swept; there are: {', '.join(_sweepable())}")
    low, dots, high = text.partition("..")
    ends = (low, high) if dots else tuple(dict.fromkeys(text.split(",")))
    values = tuple(parse(f"{name}={end}")[1] for end in ends)
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


def _sweepable() -> list[str]:
    return [field.name for field in fields(Recipe) if field.name not in NEVER]
