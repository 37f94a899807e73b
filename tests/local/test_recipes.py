"""Settings: what is refused, and that the line says what is possible."""

from dataclasses import asdict, fields

import pytest

from local.errors import InputError
from local.recipes import DEFAULT, PRESETS, Recipe, from_dict, get, override


def test_presets_carry_their_names_and_survive_saving():
    assert DEFAULT in PRESETS
    for name, recipe in PRESETS.items():
        assert recipe.name == name
        assert from_dict(asdict(recipe)) == recipe


def test_settings_are_converted_to_their_types():
    recipe = override(get("dcgan"), ["batch=64", "g_lr=1e-3", "flip=False", "crop=squash"])
    assert (recipe.batch, recipe.g_lr, recipe.flip, recipe.crop) == (64, 1e-3, False, "squash")
    assert all(
        type(getattr(recipe, f.name)) is type(getattr(Recipe(), f.name)) for f in fields(recipe)
    )


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("bach=64", "did you mean batch"),
        ("zzz=1", "there are: network, size"),
        ("batch=many", "whole number"),
        ("batch=1.5", "whole number"),
        ("batch=1", "at least 2"),
        ("flip=perhaps", "true or false"),
        ("size=50", "16, 32, 64, 128"),
        ("crop=oval", "box, centre, squash"),
        ("network=vae", "dcgan"),
        ("g_lr=0", "over 0"),
        ("d_lr=nan", "over 0"),
        ("g_lr=inf", "finite"),
        ("beta1=1", "under 1"),
        ("ema=-0.1", "at least 0"),
        ("seed=-1", "at least 0"),
        ("name=mine", "no setting 'name'"),
        ("batch", "key=value"),
        ("=3", "no setting ''"),
    ],
)
def test_a_bad_setting_is_one_line_that_says_what_is_possible(setting, says):
    with pytest.raises(InputError) as error:
        override(get("dcgan"), [setting])
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_unknown_recipes_and_other_versions():
    with pytest.raises(InputError, match="dcgan"):
        get("biggan")
    with pytest.raises(InputError, match=r"another version.*odd"):
        from_dict(asdict(Recipe()) | {"odd": 1})
