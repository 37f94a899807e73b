"""The judge's network: a small classifier of pictures of 64x64."""

import torch
from torch import Tensor, nn

SIZE = 64  # pixels a side, as the metric takes pictures
WIDTHS = (32, 64, 64, 128)  # channels of each stage
SEEN = 1  # the first stage whose planes are averaged into features


class Classifier(nn.Module):
    """Pictures (N, 3, 64, 64) in -1..1 to logits (N, classes).

    What is averaged over the picture is taken from the last three stages, not from the last alone:
    a class is told by shape, but blur, noise and checkerboards show in the texture, and they must
    show in the features.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (3, *WIDTHS)
        # 32 x 32x32, 64 x 16x16, 64 x 8x8, 128 x 4x4
        self.stages = nn.ModuleList(_stage(a, b) for a, b in zip(inputs, WIDTHS, strict=False))
        dimensions = sum(WIDTHS[SEEN:])
        # No dropout: it draws from the process's own random numbers, which are the run's.
        self.to_logits = nn.Sequential(nn.BatchNorm1d(dimensions), nn.Linear(dimensions, classes))

    def features(self, pictures: Tensor) -> Tensor:
        """(N, 256): 64 + 64 + 128 channels, averaged over their planes."""
        x, seen = pictures, []
        for stage in self.stages:
            x = stage(x)
            seen.append(x.mean(dim=(2, 3)))
        return torch.cat(seen[SEEN:], dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        return self.to_logits(self.features(pictures))


def _stage(inputs: int, outputs: int) -> nn.Module:
    """(N, inputs, 2S, 2S) to (N, outputs, S, S): two convolutions, each with norm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
