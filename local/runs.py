"""A run's folder, and what it says about the run: the recipe and the data."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local import recipes
from local.atomic import replacing
from local.data.classes import Classes
from local.data.prepared import TrainingSet
from local.errors import InputError
from local.recipes import Recipe
from local.recipes.text import readable


def claim(run: Path, recipe: Recipe, dogs: TrainingSet) -> None:
    """Makes the folder, or makes sure that it holds a run of this recipe on this data.

    Raises:
        InputError: it holds another run; going on with it would mix the two.
    """
    if (run / "recipe.json").exists():
        _refuse(run, "settings", asdict(load_recipe(run)), asdict(recipe))
        there = _read(run / "data.json")
        if there is None:
            raise InputError(f"{run}: its data.json is gone or damaged; name another --out")
        _refuse(run, "data", there, identity(dogs))
        return
    try:
        run.mkdir(parents=True, exist_ok=True)
        _write(run / "data.json", identity(dogs))
        _write(run / "recipe.json", asdict(recipe))  # last: it says that the run is there
    except OSError as error:
        raise InputError(f"{run}: cannot be a run's folder ({error.strerror})") from None


def load_recipe(run: Path) -> Recipe:
    """The recipe of a run's folder.

    Raises:
        InputError: the folder holds no run, or one of another version of the kit.
    """
    settings = _read(run / "recipe.json")
    if not isinstance(settings, dict):
        raise InputError(f"{run}: no run there (no readable recipe.json)")
    try:
        return recipes.from_dict(settings)
    except InputError as error:
        raise InputError(f"{run}: {error}") from None


def load_classes(run: Path) -> Classes:
    """The breeds that a run was trained on.

    Raises:
        InputError: the folder does not say.
    """
    about = _read(run / "data.json")
    try:
        return Classes(tuple(map(str, about["breeds"])), tuple(map(int, about["counts"])))
    except (TypeError, ValueError, LookupError):
        raise InputError(f"{run}: its data.json is damaged or of another version") from None


def identity(dogs: TrainingSet) -> dict[str, Any]:
    """What says, as JSON, which pictures these are."""
    classes = dogs.classes
    return {
        "pictures": len(dogs),
        "breeds": list(classes.names),
        "counts": list(classes.counts),
        "sha256": dogs.sha256,
    }


def _refuse(run: Path, what: str, there: Any, here: dict[str, Any]) -> None:
    if there == here:
        return
    told = differences(there if isinstance(there, dict) else {}, here)
    raise InputError(f"{run} holds a run with other {what} ({told}); name another --out")


def differences(there: dict[str, Any], here: dict[str, Any]) -> str:
    """What is not as it is there, in words."""
    odd = {k: (there.get(k), v) for k, v in here.items() if there.get(k) != v}
    return ", ".join(f"{k}={readable(old)} not {readable(new)}" for k, (old, new) in odd.items())


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text())
    except (OSError, ValueError):
        return None


def _write(file: Path, value: dict[str, Any]) -> None:
    with replacing(file) as partial:
        partial.write_text(json.dumps(value, indent=2) + "\n")
