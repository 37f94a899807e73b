"""Residual blocks under spectral norm, with orthogonal weights to begin with.

As in Miyato and Koyama 2018 (arXiv 1802.05637), Zhang et al. 2019 (arXiv 1805.08318) and Brock et
al. 2019 (arXiv 1809.11096, figure 15).
"""

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from local.nets.blocks import bounded, orthogonal
from local.nets.resampled import conv_of_doubled, halved_conv


class Up(nn.Module):
    """Planes (N, inputs, S, S) and a condition to (N, outputs, 2S, 2S).

    Args:
        inputs: channels.
        outputs: channels.
        norm: of a number of channels, the norm that takes planes and the condition.
        slope: of the activation below 0; 0 is ReLU.
    """

    def __init__(
        self, inputs: int, outputs: int, norm: Callable[[int], nn.Module], slope: float = 0.0
    ) -> None:
        super().__init__()
        self.slope = slope
        self.norm1, self.norm2 = norm(inputs), norm(outputs)
        self.conv1 = bounded(orthogonal(nn.Conv2d(inputs, outputs, 3, padding=1)))
        self.conv2 = bounded(orthogonal(nn.Conv2d(outputs, outputs, 3, padding=1)))
        self.past = bounded(orthogonal(nn.Conv2d(inputs, outputs, 1)))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        """See the class."""
        new = leaky_relu(self.norm1(x, condition), self.slope, inplace=True)
        new = conv_of_doubled(new, self.conv1.weight, self.conv1.bias)
        new = self.conv2(leaky_relu(self.norm2(new, condition), self.slope, inplace=True))
        # A 1x1 convolution before the copying of places gives the same as after it, at a quarter.
        return new + interpolate(self.past(x), scale_factor=2)


class Down(nn.Module):
    """Planes (N, inputs, 2S, 2S) to (N, outputs, S, S).

    Args:
        inputs: channels.
        outputs: channels.
        slope: of the activation below 0; 0 is ReLU.
        first: whether it sees the pictures themselves, which are not rectified.
        halves: whether it halves the side, or keeps it.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        slope: float = 0.0,
        first: bool = False,
        halves: bool = True,
    ) -> None:
        super().__init__()
        self.slope, self.first, self.halves = slope, first, halves
        self.conv1 = bounded(orthogonal(nn.Conv2d(inputs, outputs, 3, padding=1)))
        self.conv2 = bounded(orthogonal(nn.Conv2d(outputs, outputs, 3, padding=1)))
        changes = halves or inputs != outputs
        self.past = bounded(orthogonal(nn.Conv2d(inputs, outputs, 1))) if changes else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        new = self.conv1(x if self.first else leaky_relu(x, self.slope))
        new = leaky_relu(new, self.slope, inplace=True)
        if not self.halves:
            return self.conv2(new) + self.past(x)
        new = halved_conv(new, self.conv2.weight, self.conv2.bias)
        return new + self.past(avg_pool2d(x, 2))
