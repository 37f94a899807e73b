"""R3GAN, a modern GAN without tricks (Huang et al. 2024, https://arxiv.org/abs/2501.05441).

Its configuration E: residual blocks of 1x1, grouped 3x3 and 1x1 convolutions, wider inside than
outside; no norm of any kind, so that Fix-up (Zhang et al. 2019, arXiv 1901.09321) keeps the scale:
a block begins as the identity. Bilinear resampling stands apart from convolutions. Its loss is the
relativistic paired one with penalties on the slopes at real and at drawn pictures (R1 and R2).

Channels as in the paper's table 9: the same on all planes up to 32x32, half as many on planes of
64x64, a quarter on those of 128x128. Its authors trained in bfloat16 and report that float16 spoils
the training.

At 64x64, with 120 breeds, each side has so many millions of parameters, and billions of
multiply-adds a picture. The paper's network has a width of 384.

    width   parameters   multiply-adds
    64          0.9           0.6
    96          1.8           1.1
    128         3.0           1.8
    192         6.2           3.6
    256        10.6           6.1
    384        22.8          13.1
"""

from itertools import pairwise
from math import gcd

import torch
from torch import Tensor, nn

from local.nets.blocks import SLOPE, Breeds
from local.nets.minibatch import MinibatchDeviation

BLOCKS = 2  # for each side of planes
EXPANSION = 2  # channels inside a block, as a multiple of those outside
GROUP = 16  # channels that a grouped convolution looks at together
FULL_UP_TO = 32  # side of the largest planes that have all channels


class Generator(nn.Module):
    """Latents (N, latent) and labels (N,) to pictures (N, 3, S, S), S = base * 2**doublings.

    As in the paper nothing bounds what it learns from: no tanh. In eval mode pictures are cut to
    -1..1, as writing them does.

    Args:
        latent: length of the latent vector, and of a breed's embedding, which is joined to it.
        width: channels of the largest planes.
        base: side of the smallest planes.
        doublings: how often sides double.
        breeds: number of labels.
    """

    def __init__(
        self,
        latent: int = 64,
        width: int = 128,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
    ) -> None:
        super().__init__()
        channels = _channels(width, base, doublings)[::-1]
        blocks = BLOCKS * len(channels)
        self.embedding = Breeds(breeds, latent)  # N(0, 1), as latents are
        self.basis = nn.Parameter(torch.randn(channels[0], base, base))
        self.from_latent = _linear(nn.Linear(2 * latent, channels[0], bias=False))
        layers: list[nn.Module] = _stage(channels[0], blocks)  # at size 64: width*2 x 4 x 4
        for inputs, outputs in pairwise(channels):
            # width*2 x 8 x 8, width*2 x 16 x 16, width*2 x 32 x 32, width x 64 x 64
            layers += [*_mix(inputs, outputs), nn.Upsample(scale_factor=2, mode="bilinear")]
            layers += _stage(outputs, blocks)
        self.layers = nn.Sequential(*layers)
        self.to_rgb = _linear(nn.Conv2d(channels[-1], 3, 1, bias=False))

    def forward(self, latents: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        code = torch.cat([latents, self.embedding(labels)], dim=1)
        amounts = self.from_latent(code)[:, :, None, None]  # (N, C, 1, 1)
        # The type and the order of memory that all layers after it keep.
        x = (self.basis.to(amounts.dtype) * amounts).contiguous(memory_format=torch.channels_last)
        pictures = self.to_rgb(self.layers(x))
        return pictures if self.training else pictures.clamp(-1, 1)


class Discriminator(nn.Module):
    """Pictures (N, 3, S, S) and labels (N,) to logits (N,), S = base * 2**doublings.

    Only their differences mean something.

    Args:
        width: channels of the largest planes.
        base: side of the smallest planes.
        doublings: how often sides halve.
        breeds: number of labels.
        deviation: whether the last layers see how much the pictures of a batch differ.
    """

    def __init__(
        self,
        width: int = 128,
        base: int = 4,
        doublings: int = 4,
        breeds: int = 120,
        deviation: bool = False,
    ) -> None:
        super().__init__()
        channels = _channels(width, base, doublings)
        blocks = BLOCKS * len(channels)
        layers: list[nn.Module] = [_linear(nn.Conv2d(3, width, 1, bias=False))]
        layers += _stage(width, blocks)  # at size 64: width x 64 x 64
        for inputs, outputs in pairwise(channels):
            # width*2 x 32 x 32, width*2 x 16 x 16, width*2 x 8 x 8, width*2 x 4 x 4
            # The mean of 2x2 places is what bilinear interpolation between them gives.
            layers += [nn.AvgPool2d(2), *_mix(inputs, outputs), *_stage(outputs, blocks)]
        self.layers = nn.Sequential(*layers)
        self.deviation = MinibatchDeviation() if deviation else nn.Identity()
        features, seen = channels[-1], channels[-1] + int(deviation)
        self.basis = _linear(nn.Conv2d(seen, seen, base, groups=seen, bias=False))  # seen x 1 x 1
        self.to_features = _linear(nn.Linear(seen, features, bias=False))
        self.breed = nn.Embedding(breeds, features)
        nn.init.normal_(self.breed.weight, 0, features**-0.5)  # a product of the features' scale

    def forward(self, pictures: Tensor, labels: Tensor) -> Tensor:
        """See the class."""
        x = self.deviation(self.layers(pictures))
        features = self.to_features(self.basis(x).flatten(1))  # (N, C)
        return (features * self.breed(labels)).sum(dim=1)


class Block(nn.Module):
    """(N, channels, S, S) to the same shape.

    Args:
        channels: outside of it.
        blocks: in the whole network, which Fix-up divides the scale by.
    """

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        inside = EXPANSION * channels
        groups = inside // gcd(inside, GROUP)
        last = nn.Conv2d(inside, channels, 1, bias=False)
        nn.init.zeros_(last.weight)
        self.layers = nn.Sequential(
            _fixed_up(nn.Conv2d(channels, inside, 1), blocks),
            nn.LeakyReLU(SLOPE, inplace=True),
            _fixed_up(nn.Conv2d(inside, inside, 3, padding=1, groups=groups), blocks),
            nn.LeakyReLU(SLOPE, inplace=True),
            last,
        )

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return x + self.layers(x)


def _channels(width: int, base: int, doublings: int) -> list[int]:
    """Channels for each side of planes, the largest planes first."""
    sides = [base * 2**i for i in reversed(range(doublings + 1))]
    narrow = sum(side > FULL_UP_TO for side in sides)
    return [width * 2 ** min(i, narrow) for i in range(len(sides))]


def _stage(channels: int, blocks: int) -> list[nn.Module]:
    return [Block(channels, blocks) for _ in range(BLOCKS)]


def _mix(inputs: int, outputs: int) -> list[nn.Module]:
    """The convolution that changes the number of channels, where it changes."""
    return [] if inputs == outputs else [_linear(nn.Conv2d(inputs, outputs, 1, bias=False))]


def _linear(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """The layer with weights that keep the scale where no activation follows."""
    nn.init.kaiming_normal_(layer.weight, nonlinearity="linear")
    return layer


def _fixed_up(layer: nn.Conv2d, blocks: int) -> nn.Module:
    """The layer with weights that Fix-up scales, for three layers a block; no bias yet."""
    nn.init.kaiming_normal_(layer.weight, SLOPE)
    with torch.no_grad():
        layer.weight.mul_(blocks**-0.25)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
    return layer
