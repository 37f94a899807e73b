"""What a sweep starts from, and whether all that it is to vary is possible."""

from collections.abc import Iterator, Mapping
from itertools import combinations, product
from typing import Any

from local.errors import InputError
from local.recipes import Recipe
from local.recipes.ranges import Space
from local.recipes.text import readable

# Other settings that a value may need, at most: loss=wgan a network, a penalty and its kind. All
# combinations of many settings would take minutes.
NEEDED = 3


def start(preset: Recipe, fixed: Mapping[str, Any], spaces: Mapping[str, Space]) -> Recipe:
    """The preset with the fixed settings, from which a sweep of these spaces starts.

    Where those need a setting that is swept, as `penalty_kind` needs `penalty`, it has values of
    that one too.

    Raises:
        InputError: a value of a space (a choice, or an end of a range) goes with no values of the
            others. Each goes with some, which does not mean that it goes with all.
    """
    near = {}
    for name, space in spaces.items():
        own = getattr(preset, name)
        near[name] = own if own in space else space.ends[0]
    possible = _possible(preset, fixed, near, spaces)
    near = {name: getattr(possible, name) for name in spaces}
    for name, space in spaces.items():
        others = {other: spaces[other] for other in spaces if other != name}
        for value in space.ends:
            try:
                _possible(preset, {**fixed, name: value}, near, others)
            except InputError as error:
                if str(error).startswith(f"{name}="):
                    raise
                told = f"no trial can have {name}={readable(value)}"
                raise InputError(f"{told}: {error}") from None
    try:
        return preset.changed(fixed)
    except InputError:
        return possible


def _possible(
    preset: Recipe,
    fixed: Mapping[str, Any],
    near: Mapping[str, Any],
    spaces: Mapping[str, Space],
) -> Recipe:
    """The preset with the fixed settings, and those of `near` but for as few as can be.

    Raises:
        InputError: there is none; it says what is wrong with `near` itself.
    """
    wrong = []
    for others in _others(spaces):
        try:
            return preset.changed({**near, **others, **fixed})
        except InputError as error:
            wrong.append(error)
    raise wrong[0]


def _others(spaces: Mapping[str, Space]) -> Iterator[dict[str, Any]]:
    """Values of none of the spaces, then of each alone, then of each two and each three."""
    for count in range(NEEDED + 1):
        for names in combinations(spaces, count):
            for values in product(*(spaces[name].ends for name in names)):
                yield dict(zip(names, values, strict=True))
