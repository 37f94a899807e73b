"""Networks: shapes, size, initialisation, a gradient for every parameter, and breeds."""

import pytest
import torch
from torch.nn.functional import softplus

from local import nets
from local.nets import dcgan
from local.recipes import Recipe

SMALL = {"size": 16, "g_width": 4, "d_width": 4, "latent": 10}
BREEDS = 3


def test_the_sizes_of_the_published_networks():
    """PyTorch's example of the paper has 3,576,704 and 2,765,568 parameters, without biases."""

    def parameters(network):
        return sum(p.numel() for p in network.parameters())

    assert parameters(nets.generator(Recipe(), 1)) == 3_576_704 + 3
    assert parameters(nets.discriminator(Recipe(), 1)) == 2_765_568 + 64 + 1


@pytest.mark.parametrize("size", [16, 32, 64, 128])
def test_shapes_and_range(size):
    recipe = Recipe(size=size, g_width=4, d_width=4, latent=10)
    pictures = nets.generator(recipe, 1)(torch.randn(3, 10))
    assert pictures.shape == (3, 3, size, size)
    assert pictures.abs().max() <= 1
    assert nets.discriminator(recipe, 1)(pictures).shape == (3,)


def test_initialisation_is_the_papers():
    torch.manual_seed(0)
    generator = nets.generator(Recipe(), 1)
    for parameter in generator.parameters():
        if parameter.ndim == 4:
            assert parameter.std().item() == pytest.approx(0.02, rel=0.1)
            assert parameter.mean().abs().item() < 2e-3


@pytest.mark.parametrize("conditional", [False, True])
def test_gradient_reaches_every_parameter(conditional):
    recipe = Recipe(**SMALL, conditional=conditional)
    generator, discriminator = nets.generator(recipe, BREEDS), nets.discriminator(recipe, BREEDS)
    labels = torch.arange(4) % BREEDS
    discriminator(generator(torch.randn(4, recipe.latent), labels), labels).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


# Breeds.


def seeded(recipe, breeds):
    """Both networks, the same ones each time."""
    torch.manual_seed(0)
    return nets.generator(recipe, breeds), nets.discriminator(recipe, breeds)


def test_without_breeds_weights_are_called_and_drawn_as_they_always_were():
    """Or old snapshots would not load; figures of the version before there were breeds."""
    generator, discriminator = seeded(Recipe(**SMALL), 120)
    norm = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
    assert list(generator.state_dict()) == [
        "blocks.0.weight",
        *(f"blocks.1.{name}" for name in norm),
        "blocks.3.0.weight",
        *(f"blocks.3.1.{name}" for name in norm),
        *("to_rgb.0.weight", "to_rgb.0.bias"),
    ]
    assert list(discriminator.state_dict()) == [
        *("blocks.0.0.weight", "blocks.0.0.bias", "blocks.1.0.weight"),
        *(f"blocks.1.1.{name}" for name in norm),
        *("to_logit.weight", "to_logit.bias"),
    ]
    latents = torch.randn(5, 10, generator=torch.Generator().manual_seed(1))
    pictures = generator(latents)
    assert pictures.sum().item() == pytest.approx(-18.471050, rel=1e-4)
    logits = [-0.02894798, -0.01081092, 0.02502319, -0.02396591, 0.03968849]
    assert discriminator(pictures).tolist() == pytest.approx(logits, abs=1e-5)
    assert torch.equal(generator(latents, torch.arange(5)), pictures)  # labels play no part


def test_the_generator_draws_from_a_latent_vector_and_the_breeds_embedding():
    """As one without breeds, of the same weights, draws from a vector of both."""
    generator, _ = seeded(Recipe(**SMALL, conditional=True), BREEDS)
    plain = dcgan.Generator(10 + dcgan.EMBEDDED, 4, 4, 2)
    weights = generator.state_dict()
    table = weights.pop("breed.weight")
    plain.load_state_dict(weights)
    latents, labels = torch.randn(5, 10), torch.tensor([2, 0, 1, 1, 2])
    both = [torch.cat([latents[i], table[labels[i]]]) for i in range(5)]
    assert torch.equal(generator(latents, labels), plain(torch.stack(both)))


@pytest.mark.parametrize("deviation", [False, True])
def test_the_discriminator_judges_by_projection(deviation):
    """To the logit comes the inner product of the breed's vector with the last features' sum."""
    recipe = Recipe(**SMALL, conditional=True, deviation=deviation)
    discriminator = seeded(recipe, BREEDS)[1].eval()
    pictures, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 2, 2, 1])
    seen = discriminator.deviation(discriminator.blocks(pictures))  # (4, C, 4, 4)
    kernel, bias = discriminator.to_logit.weight[0], discriminator.to_logit.bias
    got = discriminator(pictures, labels)
    for row, planes in enumerate(seen):
        breed = discriminator.breed.weight[labels[row]]
        told = sum(value * plane.sum() for value, plane in zip(breed, planes, strict=True))
        expected = (kernel * planes).sum() + bias + told
        assert got[row].item() == pytest.approx(expected.item(), abs=1e-5)


def test_spectral_norm_holds_the_breeds_too():
    recipe = Recipe(**SMALL, conditional=True, spectral_norm=True)
    discriminator = seeded(recipe, BREEDS)[1]
    for _ in range(50):  # the largest gain is found little by little
        discriminator(torch.randn(4, 3, 16, 16), torch.arange(4) % BREEDS)
    assert torch.linalg.matrix_norm(discriminator.breed.weight, 2).item() == pytest.approx(1, 1e-3)


def test_a_discriminator_learns_which_breed_is_which():
    """The same pictures on both sides, on one with another's label: only the label can tell."""
    discriminator = seeded(Recipe(**SMALL, conditional=True), BREEDS)[1]
    optimiser = torch.optim.Adam(discriminator.parameters(), 5e-3)
    labels = torch.arange(24) % BREEDS
    others = (labels + 1) % BREEDS
    colours = torch.eye(3)[labels][:, :, None, None]  # a breed is a colour
    for _ in range(60):
        pictures = colours + 0.3 * torch.randn(24, 3, 16, 16)
        right, wrong = discriminator(pictures, labels), discriminator(pictures, others)
        optimiser.zero_grad()
        (softplus(-right).mean() + softplus(wrong).mean()).backward()
        optimiser.step()
    assert (right > 0).float().mean() > 0.9 and (wrong < 0).float().mean() > 0.9


def test_a_set_of_one_breed_is_one_breed():
    generator, discriminator = seeded(Recipe(**SMALL, conditional=True), 1)
    labels = torch.zeros(4).long()
    pictures = generator(torch.randn(4, 10), labels)
    assert pictures.shape == (4, 3, 16, 16)
    assert discriminator(pictures, labels).shape == (4,)
