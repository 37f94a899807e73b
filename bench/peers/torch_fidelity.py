"""FID by torch-fidelity."""

from importlib.metadata import version
from pathlib import Path

from torch_fidelity import KEY_METRIC_FID, calculate_metrics

from bench.answer import answer
from bench.peers import TORCH_FIDELITY


def score(generated: Path, real: Path, weights: Path, device: str) -> dict[str, float]:
    """Return the FID, its caches off."""
    metrics = calculate_metrics(
        input1=str(generated),
        input2=str(real),
        fid=True,
        cuda=device == "cuda",
        feature_extractor_weights_path=str(weights / TORCH_FIDELITY),
        cache=False,
        verbose=False,
    )
    return {"fid": float(metrics[KEY_METRIC_FID])}


if __name__ == "__main__":
    answer(score, {"torch-fidelity": version("torch-fidelity")})
