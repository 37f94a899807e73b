"""How varied generated pictures are: of one breed, or of all."""

import numpy as np
import torch


def variety(fakes: np.ndarray, reals: np.ndarray) -> float:
    """Mean distance of two different fakes over that of two different reals, in features (N, D).

    1 as varied as the real ones; 0 one picture again and again; over 1 more varied than they are.
    NaN where a side has fewer than two rows, or the real ones do not differ.
    """
    sides = [_mean_distance(side) for side in (fakes, reals)]
    return sides[0] / sides[1] if sides[1] > 0 else float("nan")


def _mean_distance(rows: np.ndarray) -> float:
    if len(rows) < 2:
        return float("nan")
    return float(torch.pdist(torch.from_numpy(np.asarray(rows, np.float32))).double().mean())
