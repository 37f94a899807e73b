"""The two leaderboards: tensors of which network, how it is fed, and which threshold.

Reference: the competition's published notebook for the public one; the private one as released by
the organisers in 2021.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from mifid.operations import resize_bilinear

EPSILON = 1e-14  # is added to the distance that divides the FID; the notebook writes 10e-15


@dataclass(frozen=True)
class Profile:
    """How a leaderboard turns pictures into features, and what it counts as memorization.

    input, output: tensors of the graph. size: side to which pictures are resized before the graph
    (TF1's bilinear); None where the graph does it. scaled: whether 0..255 becomes -1..1 before the
    graph. threshold: distances under it count as memorization. half: the tensors between which
    half precision was measured to be enough (``backend`` says how); None where it was not measured.
    """

    name: str
    input: str
    output: str
    size: int | None
    scaled: bool
    threshold: float
    half: tuple[str, str] | None = None

    def prepare(self, pictures: Tensor) -> Tensor:
        """Turn (N, 64, 64, 3) float32 RGB 0..255 into what the input tensor takes, same axes."""
        if self.size is not None:
            planes = pictures.permute(0, 3, 1, 2)
            pictures = resize_bilinear(planes, self.size, self.size).permute(0, 2, 3, 1)
        return pictures / 255 * 2 - 1 if self.scaled else pictures


# Inception, 2015: behind the JPEG decoder, before the classifier; it resizes and scales by itself.
PUBLIC = Profile(
    "public", "ExpandDims:0", "pool_3:0", None, False, 0.1, half=("pool_1:0", "mixed_8/join:0")
)
# NASNet-A Large: 4,032 features.
PRIVATE = Profile("private", "input:0", "final_layer/Mean:0", 331, True, 0.25)
PROFILES = {profile.name: profile for profile in (PUBLIC, PRIVATE)}

# Earlier layers of Inception, by their number of features as pytorch-fid's --dims has them, and by
# name; their features are averaged over space.
LAYERS = {
    "64": "pool:0",
    "192": "pool_1:0",
    "768": "mixed_7/join:0",
    "1280": "mixed_8/join:0",
    "mixed_7": "mixed_7/join:0",
    "mixed_8": "mixed_8/join:0",
}


def tensor_of(layer: str) -> str:
    """Return the tensor of a layer's name, which may also be a node's or a tensor's own."""
    name = LAYERS.get(layer, layer)
    return name if ":" in name else f"{name}:0"


def over_space(values: Tensor) -> Tensor:
    """Average (N, C, H, W) over H and W; (N, C) stays as it is."""
    return torch.mean(values, (2, 3)) if values.ndim == 4 else values
