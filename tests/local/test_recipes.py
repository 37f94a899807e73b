"""Settings: what is refused, and that the line says what is possible."""

from dataclasses import asdict, fields, replace

import pytest
import torch

from local import nets
from local.errors import InputError
from local.recipes import BEST, DEFAULT, PRESETS, Recipe, from_dict, get, override
from local.recipes.networks import NETWORKS, SOME
from local.recipes.text import check_no_horizon


def test_presets_carry_their_names_and_survive_saving():
    assert DEFAULT in PRESETS
    for name, recipe in PRESETS.items():
        assert recipe.name == name
        assert from_dict(asdict(recipe)) == recipe


def test_best_is_the_record_holder():
    assert get("best") == PRESETS[BEST] and "best" not in PRESETS


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
        ("crop=box+oval", "or several as in box+squash"),
        ("crop=box+box", "names a policy twice"),
        ("network=vae", ", ".join(NETWORKS)),
        ("loss=mae", f"{', '.join(NETWORKS['dcgan'].losses)} with network=dcgan"),
        ("loss=wgan", "with network=dcgan"),
        ("loss=mse", "with network=dcgan"),
        ("latents=cauchy", "normal, uniform"),
        ("schedule=linear", "exponential, cosine"),
        ("smoothing=1", "under 1"),
        ("dropout=0.5", "network=dcgan has no such setting"),
        ("latent_side=16", "network=dcgan has no such setting"),
        ("penalty=-1", "at least 0"),
        ("penalty=10", "network=dcgan has no such setting"),
        ("epochs=-1", "at least 0"),
        ("steps=9", "epochs=100 steps=9: one of them is the horizon; set the other to 0"),
        ("margin=1.5", "over 0.5 and at most 1"),
        ("crops=2", "crop=centre gives the same one each time; add crop=jitter"),
        ("crops=9", "at least 1 and at most 8"),
        ("rotation=200", "at most 180"),
        ("truncation=-1", "at least 0"),
        ("selection=luck", "judge, discriminator, none"),
        ("d_steps=0", "at least 1"),
        ("g_lr=0", "over 0"),
        ("d_lr=nan", "over 0"),
        ("g_lr=inf", "finite"),
        ("beta1=1", "under 1"),
        ("beta2_end=1", "under 1"),
        ("restarts=-1", "at least 0"),
        ("restarts=3", "only a cosine rate starts anew; set schedule=cosine, or restarts=0"),
        ("conditional=perhaps", "true or false"),
        ("ema=-0.1", "at least 0"),
        ("colour=1", "under 1"),
        ("dequantise=yes", "true or false"),
        ("diffaugment=flip", "one of colour, translation, cutout, or several"),
        ("diffaugment=colour,cutout", "one of colour, translation, cutout, or several"),
        ("diffaugment=colour+colour", "twice"),
        ("augment_p=0", "over 0"),
        ("augment_p=0.5", "without diffaugment"),
        ("augment_ramp=0.5", "without diffaugment"),
        ("ada=0.6", "without diffaugment"),
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


def test_another_loss_leaves_the_labels_of_the_one_before_behind():
    """A preset's own: what is named beside the loss is refused, below."""
    for name in ("best-dcgan", "sagan", "biggan"):
        assert get(name).smoothing
        recipe = override(get(name), ["loss=hinge"])
        assert (recipe.smoothing, recipe.margin) == (0, 1)
        assert override(get(name), ["loss=bce", "batch=16"]).smoothing == get(name).smoothing


def test_unknown_recipes_and_other_versions():
    with pytest.raises(InputError, match="dcgan"):
        get("stylegan")
    with pytest.raises(InputError, match=r"another version.*odd"):
        from_dict(asdict(Recipe()) | {"odd": 1})


@pytest.mark.parametrize(
    ("name", "settings", "says"),
    [
        ("ralsgan", ["smoothing=0.1"], "loss=ralsgan has no labels; set smoothing=0"),
        ("sagan", ["loss=hinge", "smoothing=0.1"], "loss=hinge has no labels; set smoothing=0"),
        (
            "r3gan",
            ["penalty=0"],
            "penalty_kind=r1r2: has no effect without penalty; set that too, or",
        ),
        ("r3gan", ["lr_hold=1"], "schedule=cosine: rates never fall with lr_hold=1; set"),
        ("sagan", ["schedule=exponential"], "restarts=3: only a cosine rate starts anew"),
        ("biggan", ["conditional=true"], "network=biggan has no such setting (dcgan: these"),
        ("biggan", ["margin=0.95"], "take at most 0.9"),
        ("csagan-wgan", ["penalty=0"], "add penalty=10"),
        ("dense-gan", ["loss=wgan"], "add penalty=10"),
        ("autoencoder", ["latent_side=12"], "4, 8, 16, 32 with size=64"),
        ("autoencoder", ["latent_side=64"], "4, 8, 16, 32 with size=64"),
        ("autoencoder", ["latent=5000"], "at most 1,024"),  # 16 x 8 x 8 numbers
        ("autoencoder", ["loss=bce"], "mse with network=autoencoder"),
        ("autoencoder", ["d_steps=2"], "no such setting"),
        ("autoencoder", ["diffaugment=cutout"], "no such setting"),
        ("dcgan", ["diffaugment=cutout", "ada=0.6", "augment_ramp=0.5"], "leave one of the two"),
        ("dcgan", ["diffaugment=cutout", "ada_kimg=100"], "without ada"),
        ("autoencoder", ["latents=uniform"], "normal with network=autoencoder"),
        ("autoencoder", ["selection=discriminator"], "autoencoder has no discriminator"),
        ("dcgan", ["latents=uniform", "truncation=1"], "between -1 and 1; take less than 1"),
        ("dcgan-cifar", ["size=28"], "32, 64, 128 with network=dcgan-5x5"),
        ("dcgan-faces", ["size=100"], "56, 64, 112, 128"),
        ("dense-gan", ["size=50"], "80"),
    ],
)
def test_what_does_not_go_together(name, settings, says):
    with pytest.raises(InputError) as error:
        override(get(name), settings)
    assert says in str(error.value)


# Settings of some networks only, and settings that need each other.


def allowed(name, *settings):
    """Whether a preset may have them."""
    try:
        override(get(name), list(settings))
    except InputError:
        return False
    return True


def recipe_of(network):
    """The smallest recipe of a network."""
    kind = NETWORKS[network]
    narrow = {"g_width": 2, "d_width": 2}
    return Recipe(network=network, size=kind.sizes[0], loss=kind.losses[0], **narrow)


@pytest.mark.parametrize("network", [n for n, kind in NETWORKS.items() if "bce" in kind.losses])
def test_a_penalty_is_for_discriminators_whose_logits_are_of_one_picture_each(network):
    """Batch norm makes them depend on the whole batch."""
    recipe = recipe_of(network)
    parts = nets.discriminator(recipe, 3).modules()
    normed = any(isinstance(part, torch.nn.BatchNorm2d) for part in parts)
    assert normed == ("penalty" not in NETWORKS[network].settings)
    for settings in (["penalty=10"], ["penalty=10", "loss=wgan"]):
        if normed:
            with pytest.raises(InputError):
                override(recipe, settings)
        else:
            assert override(recipe, settings).penalty == 10
    with pytest.raises(InputError, match="loss"):
        override(recipe, ["loss=wgan", "penalty=0"])


# Values that are none's default; and what a setting only counts beside.
OTHERS = {
    "latent_side": 4,
    "latent_channels": 2,
    "d_steps": 2,
    "penalty_every": 2,
    "margin": 0.8,
    "spectral_norm": True,
    "deviation": True,
    "conditional": True,
    "penalty_kind": "r1",
    "diffaugment": "cutout",
}
COMPANIONS = {
    **{key: {"diffaugment": "cutout"} for key in ("augment_p", "augment_ramp", "ada")},
    **{key: {"penalty": 1.0} for key in ("penalty_kind", "penalty_every", "penalty_end")},
    "ada_kimg": {"diffaugment": "cutout", "ada": 0.6},
    "zcr_noise": {"zcr_d": 5.0},
}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("name", sorted(SOME))
def test_a_setting_that_a_network_has_not_is_refused_with_those_that_have_it(name, network):
    kind, value = NETWORKS[network], OTHERS.get(name, 0.5)
    if name in kind.settings:
        changed = replace(recipe_of(network), **{name: value} | COMPANIONS.get(name, {}))
        assert getattr(changed, name) == value
        return
    with pytest.raises(InputError) as error:
        replace(recipe_of(network), **{name: value})
    users = ", ".join(n for n, kind in NETWORKS.items() if name in kind.settings)
    told = f"{name}={value}: network={network} has no such setting ({users}: these have)"
    assert str(error.value) == f"{told}; leave it out, or set {name}={getattr(Recipe(), name)}"


def test_a_horizon_is_of_epochs_or_of_steps():
    for name, recipe in PRESETS.items():
        assert bool(recipe.epochs) != bool(recipe.steps), name
    assert override(get("dcgan"), ["epochs=0", "steps=500"]).steps == 500
    assert override(get("dcgan-cifar"), ["epochs=2.5", "steps=0"]).epochs == 2.5
    assert not allowed("dcgan", "steps=500")
    assert not allowed("dcgan-cifar", "epochs=3")
    with pytest.raises(InputError, match="epochs=0 steps=0: one of them is the horizon"):
        override(get("dcgan"), ["epochs=0"])


@pytest.mark.parametrize("setting", ["schedule=cosine", "lr_end=0.5"])
def test_a_fall_of_the_rates_needs_a_time_to_fall_in(setting):
    assert allowed("dcgan", setting, "lr_hold=0.9")
    with pytest.raises(InputError, match=f"{setting}: rates never fall with lr_hold=1; set lr_hol"):
        override(get("dcgan"), [setting])
    assert not allowed("ralsgan", "lr_hold=1")


@pytest.mark.parametrize("setting", ["epochs=3", "steps=9", "quick_every=10"])
def test_what_a_command_decides_is_no_setting_of_it(setting):
    check_no_horizon(["batch=3", "lr_end=0.5"])
    with pytest.raises(InputError, match=f"^{setting}: has no effect here; --minutes or --steps"):
        check_no_horizon(["batch=3", setting])


def test_the_pictures_of_a_step_are_those_of_all_its_batches():
    assert replace(get("dcgan"), batch=7, d_steps=3).shown == 21


# The presets.


def test_sizes_are_one_formula():
    """Of base 7 from 56 to 112, of base 4 from 32 to 128, with their layers."""
    kind = get("dcgan-faces").kind
    assert [kind.doublings(size) for size in (56, 112)] == [(7, 3), (7, 4)]
    assert [kind.doublings(size) for size in (32, 64, 128)] == [(4, 3), (4, 4), (4, 5)]
    assert get("basic-gan").kind.doublings(64) == (8, 3)
    assert get("dcgan-cifar").kind.doublings(32) == (2, 4)


def test_which_recipes_draw_one_breed_at_a_time():
    """Networks that always do, and the DCGAN where it is asked to."""
    always = {name for name, recipe in PRESETS.items() if recipe.by_breed}
    assert always == {"cgan", "csagan-wgan", "sagan", "hinge-sagan", "biggan", "r3gan"}
    assert not get("best-dcgan").by_breed
    assert override(get("best-dcgan"), ["conditional=true"]).by_breed


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
        "best-dcgan": {"network": "dcgan", "latent": 256, "g_width": 48, "d_width": 48}
        | {"loss": "bce", "smoothing": 0.05, "margin": 0.8, "g_lr": 5e-4, "d_lr": 5e-4},
        "sagan": {"network": "csagan", "latent": 180, "smoothing": 0.2, "batch": 32}
        | {"schedule": "cosine", "epochs": 170, "crop": "fill"},
        "r3gan": {"beta1": 0, "beta2": 0.9, "beta2_end": 0.99, "loss": "rpgan"},
    }
    for name, settings in stated.items():
        recipe = get(name)
        assert {key: getattr(recipe, key) for key in settings} == settings, name
    assert get("cgan").random_crop and get("csagan-wgan").penalty
    assert get("dcgan").rotation and get("dcgan").brightness and get("basic-gan").noise
