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
        ("size=50", "16, 28, 32, 56, 64, 112, 128"),
        ("crop=oval", "box, centre, squash"),
        ("network=vae", "autoencoder, basic, cgan, csagan, dcgan, dcgan-5x5, dense"),
        ("loss=hinge", "bce, wgan, ralsgan with network=dcgan"),
        ("loss=mse", "with network=dcgan"),
        ("latents=cauchy", "normal, uniform"),
        ("schedule=linear", "exponential, cosine"),
        ("smoothing=1", "under 1"),
        ("dropout=0.5", "network=dcgan has no such setting"),
        ("latent_side=16", "network=dcgan has no such setting"),
        ("penalty=-1", "at least 0"),
        ("rotation=200", "under 181"),
        ("d_steps=0", "at least 1"),
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


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("ralsgan", ["smoothing=0.1"], "loss=ralsgan has no labels"),
        ("autoencoder", ["latent_side=12"], "4, 8, 16, 32 with size=64"),
        ("autoencoder", ["latent_side=64"], "4, 8, 16, 32 with size=64"),
        ("autoencoder", ["latent=5000"], "under 1025"),  # 16 x 8 x 8 numbers
        ("autoencoder", ["loss=bce"], "mse with network=autoencoder"),
        ("autoencoder", ["d_steps=2"], "no such setting"),
        ("autoencoder", ["latents=uniform"], "normal with network=autoencoder"),
        ("dcgan-cifar", ["size=28"], "32, 64, 128 with network=dcgan-5x5"),
        ("dcgan-faces", ["size=100"], "56, 64, 112, 128"),
        ("dense-gan", ["size=50"], "80"),
    ],
)
def test_what_does_not_go_together(name, settings, says):
    with pytest.raises(InputError) as error:
        override(get(name), settings)
    assert says in str(error.value)


def test_sizes_are_one_formula():
    """Of base 7 from 56 to 112, of base 4 from 32 to 128, with their layers."""
    kind = get("dcgan-faces").kind
    assert [kind.doublings(size) for size in (56, 112)] == [(7, 3), (7, 4)]
    assert [kind.doublings(size) for size in (32, 64, 128)] == [(4, 3), (4, 4), (4, 5)]
    assert get("basic-gan").kind.doublings(64) == (8, 3)
    assert get("dcgan-cifar").kind.doublings(32) == (2, 4)


def test_the_recipes_are_as_their_authors_state_them():
    stated = {
        "dense-gan": {"size": 80, "loss": "bce", "g_lr": 2e-4, "d_lr": 2e-4, "beta1": 0.5}
        | {"batch": 128, "epochs": 500},
        "cgan": {"size": 64, "batch": 32, "epochs": 250, "lr_hold": 0.72, "flip": True}
        | {"schedule": "exponential"},
        "dcgan": {"g_lr": 3e-4, "d_lr": 3e-4, "beta1": 0.5, "beta2": 0.999, "loss": "bce"}
        | {"epochs": 100, "crop": "centre", "flip": True},
        "dcgan-faces": {"size": 112, "g_lr": 2e-4, "d_lr": 4e-5, "batch": 64, "latent": 100}
        | {"epochs": 20, "crop": "face"},
        "dcgan-cifar": {"size": 32, "g_lr": 1e-4, "d_lr": 1e-4, "beta1": 0.5, "batch": 64}
        | {"steps": 165_000, "quick_every": 1000, "quick_images": 64},
        "csagan-wgan": {"loss": "wgan", "network": "csagan"},
        "autoencoder": {"size": 64, "latent_side": 8},
        "ralsgan": {"loss": "ralsgan", "g_lr": 5e-4, "d_lr": 5e-4, "batch": 32, "rotation": 5}
        | {"schedule": "cosine", "flip": True},
    }
    for name, settings in stated.items():
        recipe = get(name)
        assert {key: getattr(recipe, key) for key in settings} == settings, name
    assert get("cgan").random_crop and get("cgan").kind.conditional
    assert get("csagan-wgan").penalty and get("csagan-wgan").kind.conditional
    assert get("dcgan").rotation and get("dcgan").brightness and get("basic-gan").noise
