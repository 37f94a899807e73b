"""FID by pytorch-fid."""

import os
from importlib.metadata import version
from pathlib import Path

import torch
from pytorch_fid.fid_score import calculate_fid_given_paths

from bench.answer import answer


def score(generated: Path, real: Path, weights: Path, device: str) -> dict[str, float]:
    """Return the FID, with the batch and the workers that its command takes by default."""
    torch.hub.set_dir(weights)  # it fetches what is not there
    workers = min(8, os.cpu_count() or 1)
    paths = [str(generated), str(real)]
    return {"fid": float(calculate_fid_given_paths(paths, 50, device, 2048, workers))}


if __name__ == "__main__":
    answer(score, {"pytorch-fid": version("pytorch-fid")})
