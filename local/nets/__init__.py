"""Networks, one file each, and the one place that builds them from a recipe."""

from torch import nn

from local.nets import dcgan
from local.recipes import Recipe


def generator(recipe: Recipe) -> nn.Module:
    """The recipe's generator: latents (N, latent) to pictures (N, 3, size, size) in -1..1."""
    return dcgan.Generator(recipe.latent, recipe.g_width, recipe.size)


def discriminator(recipe: Recipe) -> nn.Module:
    """The recipe's discriminator: pictures (N, 3, size, size) to logits (N,), over 0 for real."""
    return dcgan.Discriminator(recipe.d_width, recipe.size)
