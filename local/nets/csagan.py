"""A conditional GAN with self-attention (Zhang et al. 2019, https://arxiv.org/abs/1805.08318).

Residual blocks under spectral norm on both sides; conditional batch norm in the generator
(Dumoulin et al. 2017, arXiv 1610.07629) and projection in the discriminator (Miyato and Koyama
2018, arXiv 1802.05637). Attention sits where a picture of 64x64 or more has 32x32 places, half the
side in a smaller one.
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

from local.nets.attention import SelfAttention, attends_at
from local.nets.blocks import SLOPE, Breeds, ConditionalNorm, bounded
from local.nets.residual import Down, Up

LARGEST = 8  # channels of the smallest planes, in widths


class Generator(nn.Module):
    """Latents (N, latent) and labels (N,) to pictures (N, 3, S, S), S = base * 2**doublings.

    Args:
        latent: length of the latent vector.
        width: channels before the last layer.
        base: side of the first planes.
        doublings: number of blocks.
        breeds: number of labels.
    """

    def __init__(
        self,
        latent: int = 128,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
    ) -> None:
        super().__init__()
        self.base = base
        channels = _channels(width, doublings)[::-1]  # at size 64: 8, 4, 2, 1 widths
        self.from_latent = bounded(nn.Linear(latent, channels[0] * base * base))
        self.blocks, self.attention = nn.ModuleList(), nn.ModuleDict()
        inputs, side, attends = channels[0], base, attends_at(base * 2**doublings)
        for i, outputs in enumerate(channels):
            self.blocks.append(Up(inputs, outputs, partial(_norm, breeds)))
            inputs, side = outputs, 2 * side
            if side == attends:
                self.attention[str(i)] = SelfAttention(outputs)
        self.norm = nn.BatchNorm2d(inputs)
        self.to_rgb = bounded(nn.Conv2d(inputs, 3, 3, padding=1))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        x = self.from_latent(latents).unflatten(1, (-1, self.base, self.base))
        for i, block in enumerate(self.blocks):
            x = block(x, labels)
            if str(i) in self.attention:
                x = self.attention[str(i)](x)
        return torch.tanh(self.to_rgb(relu(self.norm(x))))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S) and labels (N,) to logits (N,), S = base * 2**doublings.

    No batch norm: a penalty on the slope needs each logit to be of one picture alone.

    Args:
        width: channels after the first block.
        base: side of the last planes.
        doublings: number of blocks that halve.
        breeds: number of labels.
    """

    def __init__(
        self, width: int = 64, base: int = 4, doublings: int = 4, breeds: int = 120
    ) -> None:
        super().__init__()
        self.blocks, self.attention = nn.ModuleList(), nn.ModuleDict()
        inputs, side, attends = 3, base * 2**doublings, attends_at(base * 2**doublings)
        for i, outputs in enumerate(_channels(width, doublings)):  # at size 64: 1, 2, 4, 8 widths
            self.blocks.append(Down(inputs, outputs, SLOPE, first=i == 0))
            inputs, side = outputs, side // 2
            if side == attends:
                self.attention[str(i)] = SelfAttention(outputs)
        self.to_logit = bounded(nn.Linear(inputs, 1))
        self.breed = bounded(nn.Embedding(breeds, inputs))

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        x = pictures
        for i, block in enumerate(self.blocks):
            x = block(x)
            if str(i) in self.attention:
                x = self.attention[str(i)](x)
        seen = leaky_relu(x, SLOPE).sum(dim=(2, 3))  # (N, C)
        return self.to_logit(seen).flatten() + (self.breed(labels) * seen).sum(dim=1)


def _norm(breeds: int, channels: int) -> ConditionalNorm:
    """The norm of planes that follows the labels (N,), or shares of breeds (N, breeds)."""
    return ConditionalNorm(channels, partial(_zeros, breeds))


def _zeros(breeds: int, channels: int) -> nn.Module:
    table = Breeds(breeds, channels)
    nn.init.zeros_(table.weight)
    return table


def _channels(width: int, doublings: int) -> list[int]:
    """Channels of each block's planes, the largest planes first."""
    return [width * min(2**i, LARGEST) for i in range(doublings)]
