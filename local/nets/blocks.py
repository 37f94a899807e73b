"""Layers that several networks are made of."""

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm
from torch.nn.utils.parametrize import is_parametrized

Layer = TypeVar("Layer", bound=nn.Module)
Weighted = TypeVar("Weighted", nn.Conv2d, nn.Linear, nn.Embedding)

SLOPE = 0.2  # of every LeakyReLU, below 0
EMBEDDED = 50  # length of a breed's embedding in the DCGAN and the conditional GAN


def up(inputs: int, outputs: int, kernel: int = 4) -> nn.Module:
    """(N, inputs, S, S) to (N, outputs, 2S, 2S): transposed convolution, batch norm, ReLU."""
    return nn.Sequential(
        # Batch norm takes the mean away at once, so a bias would be dead weight.
        doubling(inputs, outputs, kernel, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def doubling(inputs: int, outputs: int, kernel: int = 4, bias: bool = True) -> nn.Module:
    """(N, inputs, S, S) to (N, outputs, 2S, 2S): a transposed convolution of stride 2."""
    padding, rest = (kernel - 1) // 2, kernel % 2
    return nn.ConvTranspose2d(inputs, outputs, kernel, 2, padding, rest, bias=bias)


def down(
    inputs: int, outputs: int, kernel: int = 4, norm: bool = True, spectral: bool = False
) -> nn.Module:
    """(N, inputs, 2S, 2S) to (N, outputs, S, S): convolution of stride 2, norm, LeakyReLU."""
    halving = nn.Conv2d(inputs, outputs, kernel, 2, (kernel - 1) // 2, bias=not norm)
    return nn.Sequential(
        bounded(halving, spectral),
        nn.BatchNorm2d(outputs) if norm else nn.Identity(),
        nn.LeakyReLU(SLOPE, inplace=True),
    )


def bounded(layer: Layer, spectral: bool = True) -> Layer:
    """The layer with its largest gain held at 1 (Miyato et al. 2018, arXiv 1802.05957), or not."""
    if spectral:
        spectral_norm(layer)
    return layer


def orthogonal(layer: Weighted) -> Weighted:
    """The layer with an orthogonal matrix for weights (Saxe et al. 2014, arXiv 1312.6120), no bias.

    Before `bounded`, which measures the weights that it finds.
    """
    nn.init.orthogonal_(layer.weight)
    if not isinstance(layer, nn.Embedding) and layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer


class Breeds(nn.Embedding):
    """Labels (N,) to vectors (N, L), one a breed; or shares of breeds (N, breeds) to mixtures.

    Shares, in floating point, blend breeds: what they give is linear in them, and a share of 1 is
    the label.
    """

    def forward(self, labels: Tensor) -> Tensor:
        """See the class."""
        return labels @ self.weight if labels.is_floating_point() else super().forward(labels)


class ConditionalNorm(nn.Module):
    """Batch norm of planes (N, C, H, W) whose scale and shift follow a condition.

    From Dumoulin et al. 2017 (arXiv 1610.07629) and de Vries et al. 2017 (arXiv 1707.00683).

    Args:
        channels: C.
        layer: of a number of channels, what makes so many of a condition: (N, C) of a vector
            (N, L), or of labels (N,) or shares. The scale is 1 where it gives 0.
    """

    def __init__(self, channels: int, layer: Callable[[int], nn.Module]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels, affine=False)
        self.scale, self.shift = layer(channels), layer(channels)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """See the class."""
        made = (layer(condition).to(x.dtype) for layer in (self.scale, self.shift))
        scale, shift = (values[:, :, None, None] for values in made)
        return self.norm(x) * (1 + scale) + shift


def initialise(module: nn.Module) -> None:
    """DCGAN's N(0, 0.02) for convolutions; the scale of batch norm around 1. For `apply`."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        if not is_parametrized(module):  # under spectral norm the scale of a weight means nothing
            nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d) and module.affine:
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)
