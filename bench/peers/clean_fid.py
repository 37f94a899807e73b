"""FID by clean-fid."""

from importlib.metadata import version
from pathlib import Path

import torch
from cleanfid import fid
from cleanfid.inception_torchscript import InceptionV3W

from bench.answer import answer


def score(generated: Path, real: Path, weights: Path, device: str) -> dict[str, float]:
    """Return the FID in the mode that leaves the resizing to the network, as TensorFlow has it.

    Its own builder would look for the network in /tmp, where everybody's lies.
    """
    network = InceptionV3W(str(weights), download=False, resize_inside=True).to(device).eval()
    value = fid.compute_fid(
        str(generated),
        str(real),
        mode="legacy_tensorflow",
        custom_feat_extractor=network,
        device=torch.device(device),
        verbose=False,
    )
    return {"fid": float(value)}


if __name__ == "__main__":
    answer(score, {"clean-fid": version("clean-fid")})
