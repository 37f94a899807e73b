"""Every setting of a run in one frozen record, with named presets.

A preset is data: a new recipe is a new entry in `PRESETS`. Standard library only (and what it
imports), because `build_kernel.py` reads it with a bare interpreter.
"""

import difflib
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from local.data.crops import POLICIES
from local.errors import InputError

NETWORKS = ("dcgan",)
LOSSES = ("bce",)
SIZES = (16, 32, 64, 128)


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; each can be overridden as `key=value`."""

    name: str = "dcgan"
    network: str = "dcgan"  # of NETWORKS
    size: int = 64  # side of the pictures, pixels
    latent: int = 100  # length of the latent vector
    g_width: int = 64  # channels before the generator's last layer
    d_width: int = 64  # channels after the discriminator's first layer
    crop: str = "box"  # of local.data.crops.POLICIES
    flip: bool = True  # mirror half of the real pictures
    loss: str = "bce"  # of LOSSES
    batch: int = 128
    g_lr: float = 2e-4
    d_lr: float = 2e-4
    lr_hold: float = 1.0  # share of the budget after which both rates fall; 1: never
    lr_end: float = 0.1  # their factor at the end of the budget
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.05  # half-life of the averaged generator, as a share of the training so far
    epochs: float = 100.0  # horizon without a budget
    snapshots: int = 20  # over the whole budget
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that no run can have."""
        _one_of("network", self.network, NETWORKS)
        _one_of("loss", self.loss, LOSSES)
        _one_of("crop", self.crop, POLICIES)
        _one_of("size", self.size, SIZES)
        for name in ("latent", "g_width", "d_width", "snapshots"):
            _within(name, getattr(self, name), low=1, below=10_001)
        # One picture a batch has no statistics to normalise by.
        _within("batch", self.batch, low=2, below=100_001)
        for name in ("g_lr", "d_lr", "epochs"):
            _within(name, getattr(self, name), low=0, open_low=True)
        for name in ("lr_hold", "lr_end"):
            _within(name, getattr(self, name), low=0, open_low=True, below=1 + 1e-9)
        for name in ("beta1", "beta2", "ema"):
            _within(name, getattr(self, name), low=0, below=1)
        _within("seed", self.seed, low=0, below=2**63)


def get(name: str) -> Recipe:
    """The preset of that name.

    Raises:
        InputError: there is none; the line lists those that there are.
    """
    if name not in PRESETS:
        raise InputError(f"no recipe {name!r}; there are: {', '.join(PRESETS)}")
    return PRESETS[name]


def override(recipe: Recipe, settings: list[str]) -> Recipe:
    """The recipe with `key=value` settings in place of its own.

    Raises:
        InputError: a key is unknown or a value does not fit; the line says what is possible.
    """
    changes = dict(_parse(setting) for setting in settings)
    return replace(recipe, **changes)


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


def _parse(setting: str) -> tuple[str, Any]:
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


def _convert(key: str, text: str, kind: type) -> Any:
    try:
        if kind is bool:
            return {"true": True, "false": False}[text.lower()]
        return kind(text)
    except (ValueError, KeyError):
        words = {bool: "true or false", int: "a whole number", float: "a number"}
        raise InputError(f"{key}={text}: {key} must be {words[kind]}") from None


def _one_of(name: str, value: object, possible: tuple[object, ...]) -> None:
    if value not in possible:
        raise InputError(f"{name}={value}: {name} must be one of {', '.join(map(str, possible))}")


def _within(
    name: str, value: float, low: float, open_low: bool = False, below: float = float("inf")
) -> None:
    # Written so that a NaN fails too.
    if not ((low < value if open_low else low <= value) and value < below):
        bound = f"over {low}" if open_low else f"at least {low}"
        limit = f" and under {below}" if below != float("inf") else " and finite"
        raise InputError(f"{name}={value}: {name} must be {bound}{limit}")


DEFAULT = "dcgan"
PRESETS: dict[str, Recipe] = {
    # Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434, with an averaged generator.
    "dcgan": Recipe(),
}
