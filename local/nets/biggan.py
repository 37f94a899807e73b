"""BigGAN (Brock, Donahue and Simonyan 2019, https://arxiv.org/abs/1809.11096).

Residual blocks under spectral norm on both sides, orthogonal weights to begin with. In the
generator the latent vector is cut into chunks: the first makes the first planes, and each block's
batch norms follow one more chunk and the breed, whose embedding all blocks share. The discriminator
judges by projection (Miyato and Koyama 2018, arXiv 1802.05637).

Channels are those of the paper's table for 128x128 (appendix B); for smaller pictures its last rows
fall away, which for 64x64 leaves what the authors' own code has: 16, 16, 8, 4, 2 widths in the
generator and 1, 2, 4, 8, 16 in the discriminator. Attention sits at 32x32 places, where the
competition's winners had it; the paper has it at 64x64, of 128x128.

At 64x64, with 120 breeds: millions of parameters, and billions of multiply-adds a picture.

    width   generator      discriminator
    32       8.4    1.2     5.0    0.2
    48      18.3    2.6    11.1    0.4
    64      31.9    4.6    19.7    0.8
    96      70.3   10.2    44.2    1.7
"""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from local.nets.attention import SelfAttention, attends_at
from local.nets.blocks import Breeds, ConditionalNorm, bounded, orthogonal
from local.nets.minibatch import MinibatchDeviation
from local.nets.residual import Down, Up

LARGEST = 16  # channels of the smallest planes, in widths


class Generator(nn.Module):
    """Latents (N, latent) and labels (N,) to pictures (N, 3, S, S), S = base * 2**doublings.

    Args:
        latent: length of the latent vector; what its chunks do not share evenly, the first get.
        width: the paper's ch; after the last block at 64x64 there are two widths of channels.
        base: side of the first planes.
        doublings: number of blocks.
        breeds: number of labels.
        slope: of the activations below 0; 0 is the paper's ReLU.
        embedding: length of a breed's embedding.
    """

    def __init__(
        self,
        latent: int = 120,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
        slope: float = 0.0,
        embedding: int = 128,
    ) -> None:
        super().__init__()
        self.base, self.slope = base, slope
        chunks = doublings + 1
        self.lengths = [(latent + i) // chunks for i in reversed(range(chunks))]
        # At size 64: width*16 x 4 x 4, width*16 x 8 x 8, width*8 x 16 x 16, width*4 x 32 x 32,
        # width*2 x 64 x 64
        channels = [width * LARGEST, *(width * max(1, LARGEST >> i) for i in range(doublings))]
        attends = attends_at(base * 2**doublings)
        # Not under spectral norm: with it, the authors' code says, some runs fail.
        self.embedding = orthogonal(Breeds(breeds, embedding))
        first = nn.Linear(self.lengths[0], channels[0] * base * base)
        self.from_latent = bounded(orthogonal(first))
        self.blocks, self.attention = nn.ModuleList(), nn.ModuleDict()
        for i, outputs in enumerate(channels[1:]):
            norm = partial(_norm, embedding + self.lengths[i + 1])
            self.blocks.append(Up(channels[i], outputs, norm, slope))
            if base * 2 ** (i + 1) == attends:
                self.attention[str(i)] = SelfAttention(outputs)
        self.norm = nn.BatchNorm2d(channels[-1])
        self.to_rgb = bounded(orthogonal(nn.Conv2d(channels[-1], 3, 3, padding=1)))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        first, *rest = latents.split(self.lengths, dim=1)
        breed = self.embedding(labels)
        x = self.from_latent(first).unflatten(1, (-1, self.base, self.base))
        x = x.contiguous(memory_format=torch.channels_last)  # the order that all layers keep
        for i, (block, chunk) in enumerate(zip(self.blocks, rest, strict=True)):
            x = block(x, torch.cat([breed, chunk], dim=1))
            if str(i) in self.attention:
                x = self.attention[str(i)](x)
        return torch.tanh(self.to_rgb(leaky_relu(self.norm(x), self.slope, inplace=True)))


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S) and labels (N,) to logits (N,), S = base * 2**doublings.

    With an auxiliary classifier (Odena, Olah and Shlens 2017, arXiv 1610.09585) it gives a pair:
    those, and logits of the breeds (N, breeds).

    Args:
        width: channels after the first block, the paper's ch.
        base: side of the last planes.
        doublings: number of blocks that halve.
        breeds: number of labels.
        auxiliary: whether it tells the breed, too.
        deviation: whether the last block sees how much the pictures of a batch differ.
        slope: of the activations below 0; 0 is the paper's ReLU.
    """

    def __init__(
        self,
        width: int = 64,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
        auxiliary: bool = False,
        deviation: bool = False,
        slope: float = 0.0,
    ) -> None:
        super().__init__()
        self.slope = slope
        # At size 64: width x 32 x 32, width*2 x 16 x 16, width*4 x 8 x 8, width*8 x 4 x 4
        channels = [3, *(width * min(2**i, LARGEST) for i in range(doublings))]
        attends = attends_at(base * 2**doublings)
        self.blocks, self.attention = nn.ModuleList(), nn.ModuleDict()
        for i, outputs in enumerate(channels[1:]):
            self.blocks.append(Down(channels[i], outputs, slope, first=i == 0))
            if base * 2 ** (doublings - 1 - i) == attends:
                self.attention[str(i)] = SelfAttention(outputs)
        seen = width * min(2**doublings, LARGEST)  # width*16 x 4 x 4
        self.deviation = MinibatchDeviation() if deviation else nn.Identity()
        self.last = Down(channels[-1] + int(deviation), seen, slope, halves=False)
        self.to_logit = bounded(orthogonal(nn.Linear(seen, 1)))
        self.breed = bounded(orthogonal(nn.Embedding(breeds, seen)))
        self.to_breeds = bounded(orthogonal(nn.Linear(seen, breeds))) if auxiliary else None

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """See the class."""
        x = pictures
        for i, block in enumerate(self.blocks):
            x = block(x)
            if str(i) in self.attention:
                x = self.attention[str(i)](x)
        x = leaky_relu(self.last(self.deviation(x)), self.slope, inplace=True)
        seen = x.sum(dim=(2, 3))  # (N, C)
        logits = self.to_logit(seen).flatten() + (self.breed(labels) * seen).sum(dim=1)
        return logits if self.to_breeds is None else (logits, self.to_breeds(seen))


def _norm(length: int, channels: int) -> ConditionalNorm:
    """The norm of planes that follows a vector (N, length)."""
    return ConditionalNorm(
        channels, lambda c: bounded(orthogonal(nn.Linear(length, c, bias=False)))
    )
