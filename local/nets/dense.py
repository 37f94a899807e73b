"""The basic GAN, of dense layers only (Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661)."""

from torch import Tensor, nn

from local.nets.blocks import SLOPE


class Generator(nn.Module):
    """Latents (N, latent) to pictures (N, 3, size, size) in -1..1.

    Args:
        latent: length of the latent vector.
        width: values after the first layer; the next two have twice as many each.
        size: side of the pictures.
    """

    def __init__(self, latent: int = 100, width: int = 256, size: int = 80) -> None:
        super().__init__()
        self.size = size
        self.layers = nn.Sequential(
            *_hidden(latent, width),
            *_hidden(width, 2 * width),
            *_hidden(2 * width, 4 * width),
            nn.Linear(4 * width, 3 * size * size),  # 19,200 at size 80
            nn.Tanh(),
        )

    def forward(self, latents: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.layers(latents).unflatten(1, (3, self.size, self.size))


class Discriminator(nn.Module):
    """Pictures (N, 3, size, size) to logits (N,): over 0 means real.

    Args:
        width: values before the last layer; the two layers before it have twice as many each.
        size: side of the pictures.
        dropout: share of each hidden layer's values that is left out.
    """

    def __init__(self, width: int = 256, size: int = 80, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            *_hidden(3 * size * size, 4 * width),
            nn.Dropout(dropout),
            *_hidden(4 * width, 2 * width),
            nn.Dropout(dropout),
            *_hidden(2 * width, width),
            nn.Dropout(dropout),
            nn.Linear(width, 1),
        )

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> Tensor:
        """See the class; labels play no part."""
        return self.layers(pictures).flatten()


def _hidden(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    return nn.Linear(inputs, outputs), nn.LeakyReLU(SLOPE, inplace=True)
