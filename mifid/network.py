"""The network that turns pictures into features, and what its scores may be called."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from mifid import published
from mifid.backend import run_with
from mifid.device import CPU, choose_device, half_type
from mifid.errors import InputError
from mifid.graph import read_graph
from mifid.openvino_module import OpenVINOModule
from mifid.profiles import PUBLIC, Profile, over_space, tensor_of

PRECISIONS = ("exact", "fast")
STAND_IN_SEED = 2019
STAND_IN_CHANNELS = (32, 64, 128, 256)


@dataclass(frozen=True)
class Network:
    """A feature network and its identity.

    name: ``published`` (the organisers' file), ``reconstructed`` (another graph of that form),
        ``unverified`` (the private profile's: its id was never published) or ``random``.
    graph: git's blob id of the file, 40 hex digits; for ``random`` its seed.
    module: (N, 64, 64, 3) float32 RGB 0..255 -> (N, features) float32; evaluates, never learns.
    profile: the leaderboard whose rules it follows.
    layer: an earlier layer's tensor; empty for the profile's own output.
    device: where the module is. precision: ``exact`` (float32) or ``fast``.
    """

    name: str
    graph: str
    module: nn.Module
    features: int
    profile: Profile = PUBLIC
    layer: str = ""
    device: torch.device = CPU
    precision: str = "exact"

    @property
    def batch(self) -> int:
        """How many pictures at once are fast enough; on a CPU each takes 25 MB while it passes."""
        if self.device.type == "cuda":
            return 256
        in_openvino = any(isinstance(part, OpenVINOModule) for part in self.module.modules())
        return 4 if in_openvino else 16

    @property
    def identity(self) -> str:
        """Features may be compared when this is equal: the graph, and the layer in it."""
        return f"{self.graph}/{self.layer}" if self.layer else self.graph


def open_network(
    graph: str | Path | None = None,
    profile: Profile = PUBLIC,
    layer: str | None = None,
    backend: str = "auto",
    precision: str = "exact",
    device: str = "auto",
) -> Network:
    """Open ``graph``, else ``$MIFID_GRAPH``, else the fetched graph, else a random network.

    profile: whose tensors and preparation. layer: an earlier layer (see ``profiles.LAYERS``),
    averaged over space. backend: as in ``backend.run_with``.
    precision: ``exact``, or ``fast`` where the hardware and the profile allow it. device: ``auto``,
    ``cpu`` or ``cuda``.

    Raises InputError when a file that was named is missing, no graph of this kind, or lacks the
    layer; and when a private profile or a layer is asked for without a graph.
    """
    path = Path(graph) if graph else _find_public_graph() if profile is PUBLIC else None
    place = choose_device(device)
    if path is None:
        if profile is not PUBLIC or layer:
            raise InputError("--profile private and --layer need a graph; give --graph FILE")
        return random_network(device=place)
    parsed = read_graph(path)
    tensor = tensor_of(layer) if layer else profile.output
    half = _half(profile, place) if precision == "fast" else None
    example = profile.prepare(torch.zeros(2, published.SIZE, published.SIZE, 3, device=place))
    core = run_with(backend, parsed, (profile.input, tensor), example, half)
    module = _FeatureNetwork(profile, core)
    try:
        features = _count_features(module, place)
    except RuntimeError as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path}: does not run on a 64x64 picture ({reason})") from error
    return Network(
        name=_name_of(parsed.git_id, profile),
        graph=parsed.git_id,
        module=module,
        features=features,
        profile=profile,
        layer=tensor if layer else "",
        device=place,
        precision="fast" if half else "exact",
    )


def _half(profile: Profile, device: torch.device) -> tuple[tuple[str, str], torch.dtype] | None:
    """Return which stretch is rounded to what, or None, with a warning, on hardware without."""
    if profile.half is None:
        raise InputError(
            f"--precision fast was not measured for --profile {profile.name}; leave it out"
        )
    dtype = half_type(device)
    if dtype is None:
        print(
            "mifid: warning: this processor has no bfloat16 (AVX512_BF16 or AMX);"
            " --precision fast goes on in float32",
            file=sys.stderr,
        )
        return None
    return profile.half, dtype


class _FeatureNetwork(nn.Module):
    """A graph, fed as its profile says, its result averaged over space."""

    def __init__(self, profile: Profile, core: nn.Module) -> None:
        super().__init__()
        self.profile, self.core = profile, core
        self.eval()

    def forward(self, pictures: Tensor) -> Tensor:
        return over_space(self.core(self.profile.prepare(pictures)))


def _name_of(graph_id: str, profile: Profile) -> str:
    if profile is not PUBLIC:
        return "unverified"
    return "published" if graph_id == published.GRAPH_ID else "reconstructed"


def _find_public_graph() -> Path | None:
    if named := os.environ.get("MIFID_GRAPH"):
        return Path(named)
    cached = published.cached_graph()
    return cached if cached.is_file() else None


def _count_features(module: nn.Module, device: torch.device) -> int:
    picture = torch.zeros(1, published.SIZE, published.SIZE, 3, device=device)
    with torch.inference_mode():
        return int(module(picture).shape[1])


def random_network(seed: int = STAND_IN_SEED, device: torch.device = CPU) -> Network:
    """Return a small random network, for trying things out where no graph is to be had.

    Its numbers mean nothing beyond "these pictures differ". For that the weights keep the signal's
    size from layer to layer (He et al. 2015) and there are no biases, which would be the same for
    all pictures.
    """
    module = _RandomNetwork(seed).to(device)
    return Network("random", f"random-{seed}", module, STAND_IN_CHANNELS[-1], device=device)


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
