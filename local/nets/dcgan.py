"""DCGAN (Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434).

For pictures of 64x64 each side has five blocks. A picture twice as large has a block more, and a
base of 7 pixels in place of 4 gives 56 and 112.

On request both sides know the breed. The generator has it embedded beside the latent vector (Mirza
and Osindero 2014, arXiv 1411.1784; Reed et al. 2016, arXiv 1605.05396, in a DCGAN); the
discriminator judges by projection (Miyato and Koyama 2018, arXiv 1802.05637).
"""

import torch
from torch import Tensor, nn

from local.nets.blocks import EMBEDDED, Breeds, bounded, doubling, down, initialise, up
from local.nets.minibatch import MinibatchDeviation


class Generator(nn.Module):
    """Latents (N, latent) to pictures (N, 3, S, S) in -1..1, S = base * 2**doublings.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        base: side of the first layer's result.
        doublings: number of layers after it, at least 1.
        breeds: number of labels (N,); 0: they play no part.
    """

    def __init__(
        self,
        latent: int = 100,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 0,
    ) -> None:
        super().__init__()
        self.breed = Breeds(breeds, EMBEDDED) if breeds else None  # N(0, 1), like latents
        inputs = latent + EMBEDDED if breeds else latent
        channels = width * 2 ** (doublings - 1)
        # At size 64:                                                   width*8 x  4 x  4
        blocks: list[nn.Module] = [
            nn.ConvTranspose2d(inputs, channels, base, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
        for _ in range(doublings - 1):
            # width*4 x 8 x 8, width*2 x 16 x 16, width x 32 x 32
            blocks.append(up(channels, channels // 2))
            channels //= 2
        self.blocks = nn.Sequential(*blocks)
        self.to_rgb = nn.Sequential(doubling(width, 3), nn.Tanh())  # 3 x 64 x 64
        self.apply(initialise)

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class."""
        if self.breed is not None:
            latents = torch.cat([latents, self.breed(labels)], dim=1)
        return self.to_rgb(self.blocks(latents[:, :, None, None]))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S), S = base * 2**doublings, to logits (N,): over 0 means real.

    Args:
        width: channels after the first layer.
        base: side of the last layer's input.
        doublings: number of layers before it, at least 1.
        spectral: whether its layers are under spectral norm.
        deviation: whether the last layer sees how much the pictures of a batch differ.
        breeds: number of labels (N,), of which breed real ones then are; 0: they play no part.
    """

    def __init__(
        self,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        spectral: bool = False,
        deviation: bool = False,
        breeds: int = 0,
    ) -> None:
        super().__init__()
        # At size 64:                                                       width x 32 x 32
        blocks = [down(3, width, norm=False, spectral=spectral)]
        channels = width
        for _ in range(doublings - 1):
            # width*2 x 16 x 16, width*4 x 8 x 8, width*8 x 4 x 4
            blocks.append(down(channels, channels * 2, spectral=spectral))
            channels *= 2
        self.blocks = nn.Sequential(*blocks)
        self.deviation = MinibatchDeviation() if deviation else nn.Identity()
        channels += int(deviation)
        self.to_logit = bounded(nn.Conv2d(channels, 1, base), spectral)  # 1 x 1 x 1
        self.breed = _projection(breeds, channels, spectral) if breeds else None
        self.apply(initialise)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class."""
        seen = self.deviation(self.blocks(pictures))
        logits = self.to_logit(seen).flatten()
        if self.breed is None:
            return logits
        return logits + (self.breed(labels) * seen.sum(dim=(2, 3))).sum(dim=1)


def _projection(breeds: int, channels: int, spectral: bool) -> nn.Module:
    """Labels (N,) to what the last features (N, channels), summed over places, multiply with."""
    table = nn.Embedding(breeds, channels)
    nn.init.normal_(table.weight, 0, 0.02)  # as all the network's weights
    return bounded(table, spectral)
