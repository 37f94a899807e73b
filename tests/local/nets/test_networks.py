"""Every recipe's networks: shapes, gradients, one step that helps, weights that come back."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file

from local import nets, recipes
from local.data.prepared import TrainingSet
from local.recipes.networks import NETWORKS
from local.sampling import draw, sample
from local.train.build import trainer
from local.train.devices import Device

CPU = Device(torch.device("cpu"), "CPU", torch.float32)
BREEDS = ["beagle", "pug", "boxer"]


def small(name, **changes):
    """A recipe with narrow layers, and all that it says otherwise."""
    recipe = recipes.get(name)
    narrow = {"g_width": 4, "d_width": 4, "latent": 12, "batch": 8}
    return replace(recipe, **narrow | changes)


def data(recipe, count=24):
    random = torch.Generator().manual_seed(0)
    side = recipe.prepared_size
    smooth = torch.rand(count, 3, 4, 4, generator=random) * 255
    pictures = torch.nn.functional.interpolate(smooth, side, mode="bilinear").to(torch.uint8)
    return TrainingSet(pictures, torch.arange(count) % len(BREEDS), BREEDS)


def built(name, **changes):
    recipe = small(name, **changes)
    return trainer(recipe, CPU, data(recipe))


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
    generator = nets.generator(recipe, 3)
    pictures = generator(torch.randn(3, 12), torch.tensor([0, 1, 2]))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    if network == "autoencoder":
        assert nets.encoder(recipe)(pictures).shape[2:] == (recipe.latent_side,) * 2
    else:
        logits = nets.discriminator(recipe, 3)(pictures, torch.tensor([0, 1, 2]))
        assert logits.shape == (3,)


def test_a_step_reaches_every_parameter_and_leaves_numbers(name):
    # A logit's bias cancels out of losses that only look at differences.
    model = built(name, loss="mse" if name == "autoencoder" else "bce")
    # Attention begins as the identity, behind which its layers would have no gradient yet.
    for network in (model.generator, model.partner):
        for key, parameter in network.named_parameters():
            if key.endswith("gain"):
                parameter.data.fill_(0.5)
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


@pytest.mark.parametrize("side", ["g", "d"])
def test_a_side_that_learns_alone_lowers_its_own_loss(name, side):
    rates = {"g_lr": 1e-12, "d_lr": 1e-12} | {f"{side}_lr": 2e-3}
    model = built(name, batch=24, **rates, penalty=0.0, lr_hold=1.0)
    loss = model.statistics.index("loss" if "loss" in model.statistics else f"loss_{side}")
    numbers = [model.step(0.0)[loss].item() for _ in range(16)]
    assert sum(numbers[-4:]) < sum(numbers[:4]), numbers


def test_sampling_follows_the_seed(name):
    model = built(name)
    model.step(0.0)
    model.recalibrate()

    def pictures(seed):
        draws = draw(model.recipe, model.classes, 6, seed)
        return next(sample(model.average, draws, CPU.device))

    assert (pictures(1) == pictures(1)).all()
    assert (pictures(1) != pictures(2)).any()


def test_saved_and_loaded_weights_give_the_same_pictures(name, tmp_path):
    model = built(name)
    model.step(0.0)
    model.recalibrate()
    weights = {key: value.contiguous() for key, value in model.average.state_dict().items()}
    save_file(weights, tmp_path / "average.safetensors")
    again = CPU.place(nets.generator(model.recipe, len(BREEDS))).eval()
    again.load_state_dict(load_file(tmp_path / "average.safetensors"))
    draws = draw(model.recipe, model.classes, 6, 0)
    expected, got = (next(sample(net, draws, CPU.device)) for net in (model.average, again))
    assert (expected == got).all()


def test_a_resumed_step_equals_one_of_a_run_that_never_stopped(name):
    whole, first, second = (built(name) for _ in range(3))
    for model in (whole, first):
        model.step(0.0)
    expected = whole.step(0.5)
    for key, network in first.networks().items():
        second.networks()[key].load_state_dict(network.state_dict())
    second.load_training_state(first.training_state())
    torch.testing.assert_close(second.step(0.5), expected)


@pytest.mark.parametrize("name", [n for n, r in recipes.PRESETS.items() if r.kind.conditional])
def test_a_conditional_network_listens_to_the_breed(name):
    model = built(name)
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
