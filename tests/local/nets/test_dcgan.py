"""Networks: shapes, size, initialisation, and a gradient for every parameter."""

import pytest
import torch

from local import nets
from local.recipes import Recipe


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


def test_gradient_reaches_every_parameter():
    recipe = Recipe(size=16, g_width=4, d_width=4)
    generator, discriminator = nets.generator(recipe, 1), nets.discriminator(recipe, 1)
    discriminator(generator(torch.randn(4, recipe.latent))).sum().backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
