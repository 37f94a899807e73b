"""FID and MiFID by torchmetrics."""

from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchmetrics.image.fid import FrechetInceptionDistance
from torchmetrics.image.mifid import MemorizationInformedFrechetInceptionDistance
from torchmetrics.wrappers import FeatureShare

from bench.answer import answer
from bench.peers import TORCH_FIDELITY

BATCH = 50
THRESHOLD = 0.1


def score(generated: Path, real: Path, weights: Path, device: str) -> dict[str, float]:
    """Return FID, distance and MiFID, the network being asked once for both metrics.

    MiFID's threshold is 1, so that what it returns is FID over the distance even where that is
    large; the usual threshold is then applied here. Its real and generated sides are its own.
    """
    torch.hub.set_dir(weights)  # the second metric takes no path, and fetches what is not there
    fid = FrechetInceptionDistance(
        feature_extractor_weights_path=str(weights / TORCH_FIDELITY),
        antialias=False,  # TensorFlow's resizing
    )
    mifid = MemorizationInformedFrechetInceptionDistance(cosine_distance_eps=1.0)
    both = FeatureShare({"fid": fid, "mifid": mifid}).to(device)
    for folder, is_real in ((real, True), (generated, False)):
        files = sorted(folder.iterdir())
        for start in range(0, len(files), BATCH):
            both.update(_pictures(files[start : start + BATCH]).to(device), real=is_real)
    values = {name: float(value) for name, value in both.compute().items()}
    distance = values["fid"] / values["mifid"]
    penalty = distance if distance < THRESHOLD else 1.0
    return {"fid": values["fid"], "distance": distance, "mifid": values["fid"] / penalty}


def _pictures(files: list[Path]) -> Tensor:
    """Return (N, 3, 64, 64) uint8."""
    pictures = np.stack([np.asarray(Image.open(file).convert("RGB")) for file in files])
    return torch.from_numpy(pictures).permute(0, 3, 1, 2).contiguous()


if __name__ == "__main__":
    answer(score, {"torchmetrics": version("torchmetrics")})
