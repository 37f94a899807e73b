"""Networks, one file each, and the one place that builds them from a recipe."""

from collections.abc import Callable

from torch import Tensor, nn

from local.nets import autoencoder, basic, biggan, cgan, csagan, dcgan, dcgan_5x5, dense, r3gan
from local.recipes import Recipe

Build = Callable[[Recipe, int], nn.Module]


def generator(recipe: Recipe, breeds: int) -> nn.Module:
    """The recipe's generator.

    Latents (N, latent) and labels (N,) below `breeds` to pictures (N, 3, size, size) in -1..1;
    recipes that are not conditional need no labels. In their place, shares of the breeds
    (N, breeds) in floating point draw mixtures.
    """
    return GENERATORS[recipe.network](recipe, breeds)


def discriminator(recipe: Recipe, breeds: int) -> nn.Module:
    """The recipe's discriminator.

    Pictures (N, 3, size, size) and labels (N,) below `breeds` to logits (N,), over 0 for real;
    recipes that are not conditional need no labels. With an auxiliary classifier, to a pair:
    those, and logits of the breeds (N, breeds).
    """
    return DISCRIMINATORS[recipe.network](recipe, breeds)


def logits(judged: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """The logits (N,) of what a discriminator gives, with an auxiliary classifier or without."""
    return judged[0] if isinstance(judged, tuple) else judged


def encoder(recipe: Recipe) -> nn.Module:
    """An autoencoder's other half: pictures (N, 3, size, size) to latents (N, channels, s, s)."""
    return autoencoder.Encoder(recipe.d_width, recipe.latent_channels, _halvings(recipe))


def _halvings(recipe: Recipe) -> int:
    """Layers between an autoencoder's picture and its latent, whose sides are powers of two."""
    return (recipe.size // recipe.latent_side).bit_length() - 1


def _autoencoder(recipe: Recipe, breeds: int) -> nn.Module:
    side, channels = recipe.latent_side, recipe.latent_channels
    decoder = autoencoder.Decoder(recipe.g_width, channels, _halvings(recipe))
    return autoencoder.Generator(decoder, (channels, side, side), recipe.latent)


def _layers(recipe: Recipe) -> tuple[int, int]:
    return recipe.kind.doublings(recipe.size)


GENERATORS: dict[str, Build] = {
    "autoencoder": _autoencoder,
    "basic": lambda r, breeds: basic.Generator(r.latent, r.g_width, _layers(r)[0]),
    "biggan": lambda r, breeds: biggan.Generator(r.latent, r.g_width, *_layers(r), breeds, r.slope),
    "cgan": lambda r, breeds: cgan.Generator(r.latent, r.g_width, *_layers(r), breeds),
    "csagan": lambda r, breeds: csagan.Generator(r.latent, r.g_width, *_layers(r), breeds),
    "dcgan": lambda r, breeds: dcgan.Generator(
        r.latent, r.g_width, *_layers(r), breeds if r.conditional else 0
    ),
    "dcgan-5x5": lambda r, breeds: dcgan_5x5.Generator(r.latent, r.g_width, *_layers(r)),
    "dense": lambda r, breeds: dense.Generator(r.latent, r.g_width, r.size),
    "r3gan": lambda r, breeds: r3gan.Generator(r.latent, r.g_width, *_layers(r), breeds),
}
DISCRIMINATORS: dict[str, Build] = {
    "basic": lambda r, breeds: basic.Discriminator(r.d_width, _layers(r)[0]),
    "biggan": lambda r, breeds: biggan.Discriminator(
        r.d_width, *_layers(r), breeds, r.auxiliary > 0, r.deviation, r.slope
    ),
    "cgan": lambda r, breeds: cgan.Discriminator(r.d_width, *_layers(r), breeds, r.dropout),
    "csagan": lambda r, breeds: csagan.Discriminator(r.d_width, *_layers(r), breeds),
    "dcgan": lambda r, breeds: dcgan.Discriminator(
        r.d_width, *_layers(r), r.spectral_norm, r.deviation, breeds if r.conditional else 0
    ),
    "dcgan-5x5": lambda r, breeds: dcgan_5x5.Discriminator(r.d_width, *_layers(r)),
    "dense": lambda r, breeds: dense.Discriminator(r.d_width, r.size, r.dropout),
    "r3gan": lambda r, breeds: r3gan.Discriminator(r.d_width, *_layers(r), breeds, r.deviation),
}
