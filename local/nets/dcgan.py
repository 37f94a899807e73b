"""DCGAN (Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434).

For pictures of 64x64 each side has five blocks. Other powers of two get a block more or less.
"""

import math

from torch import Tensor, nn


class Generator(nn.Module):
    """Latents (N, latent) to pictures (N, 3, size, size) in -1..1.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        size: side of the pictures, a power of two from 16 on.
    """

    def __init__(self, latent: int = 100, width: int = 64, size: int = 64) -> None:
        super().__init__()
        self.latent = latent
        doublings = int(math.log2(size)) - 3  # blocks between the first (4x4) and the last
        channels = width * 2**doublings
        # At size 64:                                        width*8 x  4 x  4
        blocks = [_up(latent, channels, stride=1, padding=0)]
        for _ in range(doublings):
            # width*4 x 8 x 8, width*2 x 16 x 16, width x 32 x 32
            blocks.append(_up(channels, channels // 2, stride=2, padding=1))
            channels //= 2
        self.blocks = nn.Sequential(*blocks)
        self.to_rgb = nn.Sequential(
            nn.ConvTranspose2d(width, 3, kernel_size=4, stride=2, padding=1),  # 3 x 64 x 64
            nn.Tanh(),
        )
        self.apply(_initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        return self.to_rgb(self.blocks(latents[:, :, None, None]))


class Discriminator(nn.Module):
    """Pictures (N, 3, size, size) to logits (N,): over 0 means real.

    Args:
        width: channels after the first layer.
        size: side of the pictures, a power of two from 16 on.
    """

    def __init__(self, width: int = 64, size: int = 64) -> None:
        super().__init__()
        halvings = int(math.log2(size)) - 3
        # At size 64:                                            width x 32 x 32
        blocks: list[nn.Module] = [
            nn.Conv2d(3, width, kernel_size=4, stride=2, padding=1),
            nn.LeakyReLU(0.2, inplace=True),
        ]
        channels = width
        for _ in range(halvings):
            # width*2 x 16 x 16, width*4 x 8 x 8, width*8 x 4 x 4
            blocks.append(_down(channels, channels * 2))
            channels *= 2
        self.blocks = nn.Sequential(*blocks)
        self.to_logit = nn.Conv2d(channels, 1, kernel_size=4)  # 1 x 1 x 1
        self.apply(_initialise)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        return self.to_logit(self.blocks(pictures)).flatten()


def _up(inputs: int, outputs: int, stride: int, padding: int) -> nn.Module:
    return nn.Sequential(
        # Batch norm takes the mean away at once, so a bias would be dead weight.
        nn.ConvTranspose2d(inputs, outputs, 4, stride=stride, padding=padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _down(inputs: int, outputs: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel_size=4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.LeakyReLU(0.2, inplace=True),
    )


def _initialise(module: nn.Module) -> None:
    """The paper's N(0, 0.02); the scale of batch norm around 1."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.normal_(module.weight, 0, 0.02)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1, 0.02)
        nn.init.zeros_(module.bias)
