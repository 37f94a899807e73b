"""TensorFlow's operations in torch, where torch's own differ: SAME padding and TF1's resizing.

Pictures are (N, C, H, W) here; their memory may be in any format.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

Pair = tuple[int, int]


def same_padding(size: int, kernel: int, stride: int) -> Pair:
    """Return how much SAME pads before and after: the output has ceil(size / stride) places.

    An odd pixel goes after, and with a stride the padding depends on the size: torch's symmetric
    ``padding=`` cannot say either.
    """
    total = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def pad_same(x: Tensor, kernel: Pair, stride: Pair, value: float = 0.0) -> Tensor:
    """Pad (N, C, H, W) with ``value`` so that a window without padding gives SAME's output."""
    height, width = x.shape[-2:]
    top, bottom = same_padding(height, kernel[0], stride[0])
    left, right = same_padding(width, kernel[1], stride[1])
    return F.pad(x, (left, right, top, bottom), value=value)


def average_pool_same(x: Tensor, kernel: Pair, stride: Pair) -> Tensor:
    """Average over the pixels that are there: SAME padding neither adds nor counts."""
    ones = torch.ones_like(x[:1, :1])
    sums, counts = (
        F.avg_pool2d(pad_same(y, kernel, stride), kernel, stride, divisor_override=1)
        for y in (x, ones)
    )
    return sums / counts


def resize_bilinear(x: Tensor, height: int, width: int) -> Tensor:
    """Resize (N, C, h, w) to (N, C, height, width) as TF1's ResizeBilinear.

    Neither aligned corners nor half-pixel centres: source = destination * in / out. So the first
    row and column are copied, and the picture sits up and to the left of where
    ``F.interpolate`` puts it. Columns before rows, in the order that TensorFlow rounds in.
    """
    left, right, along = _taps(x.shape[-1], width, x)
    x = torch.lerp(x[..., left], x[..., right], along)
    above, below, down = _taps(x.shape[-2], height, x)
    return torch.lerp(x[..., above, :], x[..., below, :], down[:, None])


def _taps(size: int, out: int, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return each destination's two source places and how far it lies from the first (0..1).

    On the device, and the last in the type, of ``like``.
    """
    # The scale in float32, as TensorFlow has it: float64 would move some taps' weights.
    scale = torch.tensor(size, dtype=torch.float32, device=like.device) / out
    source = torch.arange(out, dtype=torch.float32, device=like.device) * scale
    first = source.floor().long()
    return first, (first + 1).clamp(max=size - 1), (source - first).to(like.dtype)
