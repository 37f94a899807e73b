"""The network that turns pictures into features, and what its scores may be called."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mifid import published
from mifid.errors import InputError
from mifid.graph import read_graph
from mifid.translate import translate

STAND_IN_SEED = 2019
STAND_IN_CHANNELS = (32, 64, 128, 256)


@dataclass(frozen=True)
class Network:
    """A feature network and its identity.

    name: ``published`` (the organisers' file), ``reconstructed`` (any other graph) or ``random``.
    graph: git's blob id of the file, 40 hex digits; for ``random`` its seed.
    module: (N, 64, 64, 3) float32 RGB 0..255 -> (N, features) float32; evaluates, never learns.
    """

    name: str
    graph: str
    module: nn.Module
    features: int
    input: str = published.INPUT_TENSOR
    output: str = published.OUTPUT_TENSOR
    threshold: float = published.THRESHOLD


def open_network(graph: str | Path | None = None) -> Network:
    """Open ``graph``, else ``$MIFID_GRAPH``, else the fetched graph, else a random network.

    Raises InputError when a file that was named is missing or no graph of this kind.
    """
    path = _find_graph(graph)
    if path is None:
        return random_network()
    parsed = read_graph(path)
    module = translate(parsed, published.INPUT_TENSOR, published.OUTPUT_TENSOR)
    name = "published" if parsed.git_id == published.GRAPH_ID else "reconstructed"
    try:
        features = _count_features(module)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: does not run on a 64x64 picture ({reason})") from error
    return Network(name, parsed.git_id, module, features)


def _find_graph(given: str | Path | None) -> Path | None:
    named = given or os.environ.get("MIFID_GRAPH")
    if named:
        return Path(named)
    cached = published.cached_graph()
    return cached if cached.is_file() else None


def _count_features(module: nn.Module) -> int:
    with torch.inference_mode():
        return int(module(torch.zeros(1, published.SIZE, published.SIZE, 3)).shape[1])


def random_network(seed: int = STAND_IN_SEED) -> Network:
    """Return a small random network, for trying things out where no graph is to be had.

    Its numbers mean nothing beyond "these pictures differ". For that the weights keep the signal's
    size from layer to layer (He et al. 2015) and there are no biases, which would be the same for
    all pictures.
    """
    return Network("random", f"random-{seed}", _RandomNetwork(seed), STAND_IN_CHANNELS[-1])


class _RandomNetwork(nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        random = np.random.default_rng(seed)
        layers: list[nn.Module] = []
        channels = 3
        for width in STAND_IN_CHANNELS:  # 32 x 32x32, 64 x 16x16, 128 x 8x8, 256 x 4x4
            layer = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
            weight = random.standard_normal(layer.weight.shape) * (2 / (channels * 9)) ** 0.5
            layer.load_state_dict({"weight": torch.from_numpy(weight)})
            layers += [layer, nn.ReLU()]
            channels = width
        self.layers = nn.Sequential(*layers)
        self.eval().requires_grad_(False).to(memory_format=torch.channels_last)

    def forward(self, pictures: Tensor) -> Tensor:
        x = (pictures.permute(0, 3, 1, 2) - 128) / 64
        return self.layers(x).mean((2, 3))  # (N, 256)
