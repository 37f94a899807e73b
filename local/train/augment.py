"""What happens to real pictures on the device, batch by batch."""

import torch
from torch import Tensor


def to_floats(pictures: Tensor) -> Tensor:
    """Pictures uint8 0..255 to float32 -1..1, any shape."""
    return pictures.float().div_(127.5).sub_(1)


def flip(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """Mirrors half of the pictures (N, 3, H, W), chosen by the generator on their device.

    Dogs look left as often as right, so it doubles the data and changes nothing else.
    """
    chosen = torch.rand(len(pictures), 1, 1, 1, generator=generator, device=pictures.device) < 0.5
    return torch.where(chosen, pictures.flip(3), pictures)
