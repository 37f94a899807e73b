"""3x3 convolutions beside a change of side by two, as one convolution of 4x4 and stride 2.

Copying each place four times and then convolving adds up the same places several times over; so
does averaging 2x2 places of what a convolution gives. The same sums, gathered in the kernel
beforehand, need 16 multiply-adds where those need 36: the result is the same but for rounding
(Karras et al. 2018, arXiv 1710.10196, in their code).
"""

from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, pad


def conv_of_doubled(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Planes (N, I, S, S) to (N, O, 2S, 2S): each place copied to 2x2, then a 3x3 convolution.

    Args:
        x: the planes.
        weight: of the convolution (O, I, 3, 3); its padding is 1.
        bias: of the convolution (O,).
    """
    kernel = _spread(weight).flip(2, 3).transpose(0, 1)  # (I, O, 4, 4)
    return conv_transpose2d(x, kernel, bias, stride=2, padding=1)


def halved_conv(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Planes (N, I, 2S, 2S) to (N, O, S, S): a 3x3 convolution, then the mean of 2x2 places.

    Args:
        x: the planes.
        weight: of the convolution (O, I, 3, 3); its padding is 1.
        bias: of the convolution (O,).
    """
    return conv2d(x, _spread(weight) / 4, bias, stride=2, padding=1)


def _spread(weight: Tensor) -> Tensor:
    """Kernels (O, I, 3, 3) to the sums of four of them, each a place further: (O, I, 4, 4)."""
    shifts = ((0, 1, 0, 1), (1, 0, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0))
    first, *others = (pad(weight, shift) for shift in shifts)
    return sum(others, first)
