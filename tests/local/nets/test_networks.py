"""Every recipe's networks: shapes, gradients, one step that helps, weights that come back."""

import pytest
import torch
from safetensors.torch import load_file, save_file

from local import nets, recipes
from local.recipes.networks import NETWORKS
from local.sampling import draw, sample
from local.train import snapshots

SIDE = 32  # the smallest that all networks can draw
# Attention, and a penalty on the slope, take seconds.
PRESETS = [
    pytest.param(name, marks=pytest.mark.slow) if recipe.by_breed and name != "cgan" else name
    for name, recipe in recipes.PRESETS.items()
]


@pytest.fixture(params=recipes.PRESETS)
def name(request):
    return request.param


@pytest.mark.parametrize(
    ("network", "size"), [(name, size) for name in NETWORKS for size in NETWORKS[name].sizes]
)
def test_every_size_that_a_network_says_it_has(network, size):
    changes = {"network": network, "size": size, "loss": NETWORKS[network].losses[0]}
    if network == "autoencoder":
        changes["latent_side"] = 8 if size > 8 else 4
    recipe = recipes.Recipe(g_width=2, d_width=2, latent=12, **changes)
    generator = nets.generator(recipe, 3).eval()
    pictures = generator(torch.randn(3, 12), torch.tensor([0, 1, 2]))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    if network == "autoencoder":
        assert nets.encoder(recipe)(pictures).shape[2:] == (recipe.latent_side,) * 2
    else:
        logits = nets.discriminator(recipe, 3)(pictures, torch.tensor([0, 1, 2]))
        assert logits.shape == (3,)


def test_a_step_reaches_every_parameter_and_leaves_numbers(name, built):
    # A logit's bias cancels out of losses that only look at differences.
    model = built(name, loss="mse" if name == "autoencoder" else "bce", d_steps=1)
    model.step(0.0)  # attention, and blocks of R3GAN, begin as the identity
    networks = {"generator": model.generator, "partner": model.partner}
    before = {
        f"{side}.{key}": value.clone()
        for side, network in networks.items()
        for key, value in network.named_parameters()
    }
    numbers = model.step(0.0)
    assert len(numbers) == len(model.statistics) and numbers.isfinite().all()
    for side, network in networks.items():
        for key, value in network.named_parameters():
            assert not torch.equal(value, before[f"{side}.{key}"]), f"{side}.{key}"
    assert model.finite()


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("side", ["g", "d"])
def test_a_side_that_learns_alone_lowers_its_own_loss(name, side, built):
    """The recipe's own, with its penalty; the other side's rate is as good as zero."""
    rates = {"g_lr": 1e-12, "d_lr": 1e-12} | {f"{side}_lr": 2e-3}
    model = built(name, size=SIDE, batch=24, d_steps=1, **rates)
    loss = model.statistics.index("loss" if "loss" in model.statistics else f"loss_{side}")
    numbers = [model.step(0.0)[loss].item() for _ in range(16)]
    assert sum(numbers[-4:]) < sum(numbers[:4]), numbers


def test_sampling_follows_the_seed(name, built):
    model = built(name, size=SIDE)
    model.step(0.0)
    model.recalibrate()

    def pictures(seed):
        draws = draw(model.recipe, model.classes, 6, seed)
        return next(sample(model.average, draws, model.device.device))

    assert (pictures(1) == pictures(1)).all()
    assert (pictures(1) != pictures(2)).any()


def test_saved_and_loaded_weights_give_the_same_pictures(name, built, tmp_path):
    model = built(name, size=SIDE)
    model.step(0.0)
    model.recalibrate()
    weights = {key: value.contiguous() for key, value in model.average.state_dict().items()}
    save_file(weights, tmp_path / "average.safetensors")
    again = model.device.place(nets.generator(model.recipe, len(model.classes))).eval()
    again.load_state_dict(load_file(tmp_path / "average.safetensors"))
    draws = draw(model.recipe, model.classes, 6, 0)
    expected, got = (
        next(sample(net, draws, model.device.device)) for net in (model.average, again)
    )
    assert (expected == got).all()


@pytest.mark.parametrize("name", PRESETS)
def test_a_run_resumed_from_disk_equals_one_that_never_stopped(name, built, tmp_path):
    whole, stopped, resumed = (built(name, size=SIDE) for _ in range(3))
    for step in range(5):
        whole.step(step / 5)
    for step in range(3):
        stopped.step(step / 5)
    stopped.recalibrate()  # as before every snapshot
    snapshots.save(tmp_path, stopped, 0.0)
    assert snapshots.resume(tmp_path, resumed).steps == 3
    for step in range(3, 5):
        resumed.step(step / 5)
    for side, network in whole.networks().items():
        there = resumed.networks()[side].state_dict()
        for key, value in network.state_dict().items():
            assert torch.equal(value, there[key]), f"{side}.{key}"


BY_BREED = [(name, {}) for name, recipe in recipes.PRESETS.items() if recipe.by_breed]


@pytest.mark.parametrize(("name", "changes"), [*BY_BREED, ("best-dcgan", {"conditional": True})])
def test_a_conditional_network_listens_to_the_breed(name, changes, built):
    model = built(name, size=SIDE, **changes)
    for _ in range(2):
        model.step(0.0)
    latents = torch.randn(1, 12, generator=torch.Generator().manual_seed(0)).repeat(3, 1)
    pictures = model.average(latents, torch.arange(3))
    assert not torch.equal(pictures[0], pictures[1])
    logits = model.partner.eval()(pictures[:1].repeat(3, 1, 1, 1), torch.arange(3))
    assert logits.unique().numel() == 3


def test_the_sizes_that_authors_state():
    """Values of the first dense layers, and of a picture."""
    dense = nets.discriminator(recipes.get("dense-gan"), 1)
    assert next(dense.parameters()).shape[1] == 80 * 80 * 3 == 19_200
    cifar = nets.generator(recipes.get("dcgan-cifar"), 1)
    assert cifar.from_latent.out_features == 2048
    wide = [m.out_channels for m in cifar.modules() if isinstance(m, torch.nn.ConvTranspose2d)]
    assert wide == [256, 128, 64, 3]
    judges = nets.discriminator(recipes.get("dcgan-cifar"), 1)
    wide = [m.out_channels for m in judges.modules() if isinstance(m, torch.nn.Conv2d)]
    assert wide == [64, 128, 256, 512]
    assert NETWORKS["dcgan"].sizes == (16, 28, 32, 56, 64, 112, 128)
