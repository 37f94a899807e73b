"""Which recipes a comparison is of, and with which settings."""

from collections.abc import Sequence

from local.errors import InputError
from local.recipes import NAMED, PRESETS, Recipe, get, override
from local.recipes.text import check_no_horizon

ALL = "all"


def chosen(words: Sequence[str], seed: int) -> list[Recipe]:
    """The recipes named, each once, with the `key=value` settings that stand among the names.

    A setting that one of them cannot have is refused: applied to some only, it would make a
    table of runs that differ in more than their recipes.

    Args:
        words: names of presets, or `all`; settings.
        seed: of every recipe.

    Raises:
        InputError: an unknown name, none, or a setting that does not fit; the line says whom.
    """
    settings = [word for word in words if "=" in word]
    named = [word for word in words if "=" not in word]
    if not named:
        raise InputError(f"no recipe named; there are: {', '.join(NAMED)}; or write {ALL}")
    if any(setting.startswith("seed=") for setting in settings):
        raise InputError("seed= is no setting of a comparison: write --seed, which all share")
    check_no_horizon(settings)
    presets = list(PRESETS.values()) if ALL in named else [get(name) for name in named]
    recipes, misfits = {}, {}
    for preset in presets:
        try:
            recipes[preset.name] = override(preset, [*settings, f"seed={seed}"])
        except InputError as error:
            misfits[preset.name] = str(error)
    if misfits:
        raise InputError(_refusal(misfits, of=len(presets)))
    return list(recipes.values())


def _refusal(misfits: dict[str, str], of: int) -> str:
    reasons = set(misfits.values())
    if len(reasons) == 1 and len(misfits) == of:
        return reasons.pop()
    said = "; ".join(f"{name}: {why}" for name, why in misfits.items())
    return f"a setting is for all recipes, and some cannot have it ({said})"
