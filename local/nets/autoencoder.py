"""A convolutional autoencoder, and a density fitted to its latents, from which it draws.

The encoder brings a picture down to a latent of `side` x `side`, the decoder back up. New pictures
are decoded draws from a Gaussian with the mean and the main directions of the training pictures'
latents (principal components; the rest, where they hardly vary, is left at the mean).
"""

import torch
from torch import Tensor, nn

from local.nets.blocks import doubling, down, initialise, up


class Encoder(nn.Module):
    """Pictures (N, 3, S, S) to latents (N, channels, side, side), S = side * 2**halvings.

    Args:
        width: channels after the first layer; each further one has twice as many.
        channels: of the latent.
        halvings: number of layers.
    """

    def __init__(self, width: int = 64, channels: int = 16, halvings: int = 3) -> None:
        super().__init__()
        blocks, inputs = [], 3
        for i in range(halvings):
            # At size 64 and side 8: width x 32 x 32, width*2 x 16 x 16, width*4 x 8 x 8
            blocks.append(down(inputs, width * 2**i))
            inputs = width * 2**i
        self.blocks = nn.Sequential(*blocks)
        self.to_latent = nn.Conv2d(inputs, channels, 3, padding=1)  # channels x 8 x 8
        self.apply(initialise)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        return self.to_latent(self.blocks(pictures))


class Decoder(nn.Module):
    """Latents (N, channels, side, side) to pictures (N, 3, S, S) in -1..1.

    Args:
        width: channels before the last layer.
        channels: of the latent.
        doublings: number of layers that double.
    """

    def __init__(self, width: int = 64, channels: int = 16, doublings: int = 3) -> None:
        super().__init__()
        outputs = width * 2 ** (doublings - 1)
        blocks: list[nn.Module] = [
            nn.Conv2d(channels, outputs, 3, padding=1, bias=False),  # width*4 x 8 x 8
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        ]
        for _ in range(doublings - 1):
            blocks.append(up(outputs, outputs // 2))  # width*2 x 16 x 16, width x 32 x 32
            outputs //= 2
        self.blocks = nn.Sequential(*blocks)
        self.to_rgb = nn.Sequential(doubling(outputs, 3), nn.Tanh())  # 3 x 64 x 64
        self.apply(initialise)

    def forward(self, latents: Tensor) -> Tensor:
        """See the class."""
        return self.to_rgb(self.blocks(latents))


class Generator(nn.Module):
    """Draws (N, latent) from N(0, 1) to pictures (N, 3, S, S) in -1..1, through the density.

    Args:
        decoder: what draws a picture of a latent.
        shape: of a latent: channels, side, side.
        latent: number of main directions that the density keeps.
    """

    def __init__(self, decoder: Decoder, shape: tuple[int, int, int], latent: int) -> None:
        super().__init__()
        self.decoder, self.shape = decoder, shape
        size = shape[0] * shape[1] * shape[2]
        self.mean: Tensor
        self.directions: Tensor
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("directions", torch.eye(latent, size))  # (latent, size), scaled

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.decoder((self.mean + latents @ self.directions).unflatten(1, self.shape))

    @torch.no_grad()
    def fit(self, codes: Tensor) -> None:
        """Fits the density to the latents (N, channels, side, side) of real pictures."""
        flat = codes.flatten(1).float()
        self.mean.copy_(flat.mean(dim=0))
        centred = (flat - self.mean) / max(len(flat) - 1, 1) ** 0.5
        # The Gram matrix has as many rows as there are pictures, however long a latent is; what
        # its eigenvectors make of the rows are the covariance's, each as long as its deviation.
        _, vectors = torch.linalg.eigh(centred @ centred.T)  # the largest last
        kept = min(len(self.directions), len(flat))
        self.directions.zero_()
        self.directions[:kept] = vectors.T.flip(0)[:kept] @ centred
