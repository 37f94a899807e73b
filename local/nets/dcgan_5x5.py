"""A DCGAN with kernels of 5x5 and a dense first layer, for pictures of 32x32.

Generator: dense 2,048, then 256, 128, 64 and 3 channels; discriminator: 64 to 512.
"""

from torch import Tensor, nn

from local.nets.blocks import SLOPE, doubling, down, initialise

KERNEL = 5


class Generator(nn.Module):
    """Latents (N, latent) to pictures (N, 3, S, S) in -1..1, S = base * 2**doublings.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        base: side of what the dense layer gives.
        doublings: number of convolutions.
    """

    def __init__(
        self, latent: int = 100, width: int = 64, base: int = 2, doublings: int = 4
    ) -> None:
        super().__init__()
        self.base = base
        channels = width * 2 ** (doublings - 1)
        self.from_latent = nn.Linear(latent, channels * base * base)  # 512 x 2 x 2: 2,048
        blocks: list[nn.Module] = [nn.BatchNorm2d(channels), nn.LeakyReLU(SLOPE, inplace=True)]
        for _ in range(doublings - 1):
            channels //= 2  # 256 x 4 x 4, 128 x 8 x 8, 64 x 16 x 16
            blocks += [
                doubling(2 * channels, channels, KERNEL, bias=False),
                nn.BatchNorm2d(channels),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
        self.blocks = nn.Sequential(*blocks)
        self.to_rgb = nn.Sequential(doubling(width, 3, KERNEL), nn.Tanh())  # 3 x 32 x 32
        self.apply(initialise)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        first = self.from_latent(latents).unflatten(1, (-1, self.base, self.base))
        return self.to_rgb(self.blocks(first))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S), S = base * 2**doublings, to logits (N,): over 0 means real.

    Args:
        width: channels after the first layer.
        base: side of what the convolutions give.
        doublings: number of convolutions.
    """

    def __init__(self, width: int = 64, base: int = 2, doublings: int = 4) -> None:
        super().__init__()
        channels = width
        blocks = [down(3, width, KERNEL, norm=False)]  # 64 x 16 x 16
        for _ in range(doublings - 1):
            blocks.append(down(channels, 2 * channels, KERNEL))  # to 512 x 2 x 2
            channels *= 2
        self.blocks = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(channels * base * base, 1))
        self.apply(initialise)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.blocks(pictures).flatten()
