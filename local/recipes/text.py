"""Settings as text: `key=value` on a command line, saved recipes, and values for people."""

import difflib
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import Any

from local.errors import InputError
from local.recipes.record import Recipe

HORIZON = ("epochs", "steps", "quick_every")


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `key=value` settings in place of its own.

    Raises:
        InputError: a key is unknown or a value does not fit; the line says what is possible.
    """
    return recipe.changed(dict(parse(setting) for setting in settings))


def from_dict(settings: dict[str, Any]) -> Recipe:
    """The recipe of a saved `dataclasses.asdict`.

    Raises:
        InputError: it was saved by a version with other settings.
    """
    known = asdict(Recipe())
    if settings.keys() != known.keys():
        odd = ", ".join(sorted(settings.keys() ^ known.keys()))
        raise InputError(f"the recipe was saved by another version of the kit (settings: {odd})")
    for name, value in known.items():
        if type(settings[name]) is not type(value):
            raise InputError(f"the recipe's {name} is {settings[name]!r}; it was changed by hand")
    return Recipe(**settings)


def check_no_horizon(settings: Sequence[str]) -> None:
    """Refuses `key=value` settings of when a run ends or is scored, which a command decides.

    Raises:
        InputError: there is one.
    """
    for setting in settings:
        if setting.partition("=")[0] in HORIZON:
            raise InputError(f"{setting}: has no effect here; --minutes or --steps say how long")


def parse(setting: str) -> tuple[str, Any]:
    """Name and value of `key=value`; whether a recipe can have it is another question.

    Raises:
        InputError: the key is unknown, or the value of another type.
    """
    key, equals, text = setting.partition("=")
    types = {field.name: type(getattr(Recipe(), field.name)) for field in fields(Recipe)}
    del types["name"]  # says which preset it was
    if not equals:
        raise InputError(f"{setting!r} is not a setting; write key=value, for example batch=64")
    if key not in types:
        near = difflib.get_close_matches(key, types, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        raise InputError(f"no setting {key!r}{hint}; there are: {', '.join(types)}")
    return key, _convert(key, text, types[key])


def written(value: Any) -> str:
    """A setting's value as `key=value` takes it, with all its digits."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def readable(value: Any) -> str:
    """The same for people, to whom an empty text would look like a gap."""
    return written(value) or "''"


def _convert(key: str, text: str, kind: type) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        words = {bool: "true or false", int: "a whole number", float: "a number"}
        raise InputError(f"{key}={text}: {key} must be {words[kind]}") from None
