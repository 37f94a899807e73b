"""A convolutional GAN of three layers a side: strides for pooling, batch norm, LeakyReLU, tanh."""

from torch import Tensor, nn

from local.nets.blocks import SLOPE, doubling, down, initialise


class Generator(nn.Module):
    """Latents (N, latent) to pictures (N, 3, S, S) in -1..1, S = 8 * base.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        base: side of what the dense layer gives to the three.
    """

    def __init__(self, latent: int = 100, width: int = 64, base: int = 8) -> None:
        super().__init__()
        self.base = base
        self.from_latent = nn.Linear(latent, 4 * width * base * base)
        self.layers = nn.Sequential(  # at size 64: width*4 x 8 x 8
            nn.BatchNorm2d(4 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            doubling(4 * width, 2 * width, bias=False),  # width*2 x 16 x 16
            nn.BatchNorm2d(2 * width),
            nn.LeakyReLU(SLOPE, inplace=True),
            doubling(2 * width, width, bias=False),  # width x 32 x 32
            nn.BatchNorm2d(width),
            nn.LeakyReLU(SLOPE, inplace=True),
            doubling(width, 3),  # 3 x 64 x 64
            nn.Tanh(),
        )
        self.apply(initialise)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.layers(self.from_latent(latents).unflatten(1, (-1, self.base, self.base)))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S), S = 8 * base, to logits (N,): over 0 means real.

    Args:
        width: channels after the first layer.
        base: side of what the three layers give.
    """

    def __init__(self, width: int = 64, base: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            down(3, width, norm=False),  # at size 64: width x 32 x 32
            down(width, 2 * width),  # width*2 x 16 x 16
            down(2 * width, 4 * width),  # width*4 x 8 x 8
            nn.Flatten(),
            nn.Linear(4 * width * base * base, 1),
        )
        self.apply(initialise)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.layers(pictures).flatten()
