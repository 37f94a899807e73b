"""The judge's network: a small classifier of pictures of 64x64."""

from torch import Tensor, nn
from torch.nn.functional import normalize

SIZE = 64  # pixels a side, as the metric takes pictures
WIDTHS = (32, 64, 64, 128)  # channels of each stage


class Classifier(nn.Module):
    """Pictures (N, 3, 64, 64) in -1..1 to logits (N, classes)."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        inputs = (3, *WIDTHS)
        # 32 x 32x32, 64 x 16x16, 64 x 8x8, 128 x 4x4
        self.stages = nn.ModuleList(_stage(a, b) for a, b in zip(inputs, WIDTHS, strict=False))
        # No dropout: it draws from the process's own random numbers, which are the run's.
        self.to_logits = nn.Sequential(nn.BatchNorm1d(WIDTHS[-1]), nn.Linear(WIDTHS[-1], classes))

    def features(self, pictures: Tensor) -> Tensor:
        """(N, 128) of length 1.

        The last stage's alone, and their direction alone: so the judge ranks snapshots as the
        metric's network does. Earlier stages see colour and contrast, which are off by a lot in
        pictures that are otherwise good, and as a length they would decide (docs/judge.md).
        """
        return normalize(self._averaged(pictures).float(), dim=1)

    def forward(self, pictures: Tensor) -> Tensor:
        """See the class."""
        return self.to_logits(self._averaged(pictures))

    def _averaged(self, pictures: Tensor) -> Tensor:
        """The last stage's channels (N, 128), averaged over their planes."""
        x = pictures
        for stage in self.stages:
            x = stage(x)
        return x.mean(dim=(2, 3))


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
