"""A conditional GAN (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784).

On each side the breed is embedded and becomes one more plane of what the convolutions see.
"""

import torch
from torch import Tensor, nn

from local.nets.blocks import EMBEDDED, SLOPE, Breeds, doubling, down, initialise


class Generator(nn.Module):
    """Latents (N, latent) and labels (N,) to pictures (N, 3, S, S), S = base * 2**doublings.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        base: side of the first planes.
        doublings: number of transposed convolutions.
        breeds: number of labels.
    """

    def __init__(
        self,
        latent: int = 100,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
    ) -> None:
        super().__init__()
        self.base = base
        channels = width * 2 ** (doublings - 1)
        self.from_latent = nn.Linear(latent, channels * base * base)
        self.from_breed = _plane(breeds, base)
        # At size 64: width*8 + 1 x 4 x 4, width*4 x 8 x 8, width*2 x 16 x 16, width x 32 x 32
        blocks: list[nn.Module] = []
        inputs = channels + 1
        for _ in range(doublings - 1):
            channels //= 2
            blocks += [
                doubling(inputs, channels, bias=False),
                nn.BatchNorm2d(channels),
                nn.LeakyReLU(SLOPE, inplace=True),
            ]
            inputs = channels
        self.blocks = nn.Sequential(*blocks)
        self.to_rgb = nn.Sequential(doubling(width, 3), nn.Tanh())
        self.apply(initialise)

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        first = self.from_latent(latents).unflatten(1, (-1, self.base, self.base))
        return self.to_rgb(self.blocks(torch.cat([first, self.from_breed(labels)], dim=1)))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S) and labels (N,) to logits (N,): over 0 means real dogs of that breed.

    Args:
        width: channels after the first layer.
        base: side of what the convolutions give.
        doublings: number of convolutions.
        breeds: number of labels.
        dropout: share of the last layer's inputs that is left out.
    """

    def __init__(
        self,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
        dropout: float = 0.4,
    ) -> None:
        super().__init__()
        self.from_breed = _plane(breeds, base * 2**doublings)
        blocks = [down(4, width, norm=False)]  # at size 64: width x 32 x 32
        channels = width
        for _ in range(doublings - 1):
            blocks.append(down(channels, 2 * channels))  # to width*8 x 4 x 4
            channels *= 2
        self.blocks = nn.Sequential(*blocks, nn.Flatten(), nn.Dropout(dropout))
        self.to_logit = nn.Linear(channels * base * base, 1)
        self.apply(initialise)

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        seen = torch.cat([pictures, self.from_breed(labels).to(pictures.dtype)], dim=1)
        return self.to_logit(self.blocks(seen)).flatten()


def _plane(breeds: int, side: int) -> nn.Module:
    """Labels (N,) to planes (N, 1, side, side)."""
    return nn.Sequential(
        Breeds(breeds, EMBEDDED),
        nn.Linear(EMBEDDED, side * side),
        nn.Unflatten(1, (1, side, side)),
    )
