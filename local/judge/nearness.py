"""How near generated pictures lie to training pictures, in the judge's features.

The metric's own distance (mifid/distance.py) needs its network. This one has the same form, 1 minus
the largest cosine, and another scale: the judge's features are centred, so that unlike pictures
have cosines around 0, and an opposite is no copy.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import normalize

from local.data.shards import Pictures, blocks
from local.judge.scoring import KernelJudge

ROWS, KNOWN_ROWS = 1024, 8192  # compared at once: 32 MB of cosines
PROBED = 1000  # training pictures that tell how near two of them may come to each other
CLOSEST = 0.01  # share of them that are nearer to another one than a copy has to be
SAME = 1e-3  # a distance under it is one and the same picture, twice in the data


@dataclass(frozen=True)
class Known:
    """Training pictures: their features (M, D) at length 1, on the judge's device.

    near: the distance under which a generated picture counts as a copy: 99 in 100 whole training
        pictures are further from every other one.
    """

    rows: Tensor
    near: float

    def distances(self, features: Tensor) -> Tensor:
        """Of generated pictures' features (N, D) to the nearest training picture: (N,), 0..2."""
        parts = normalize(features, dim=1).split(ROWS)
        return torch.cat([1 - _largest(part, self.rows) for part in parts]).double().cpu()


def known(judge: KernelJudge, *sets: Pictures) -> Known:
    """Training pictures as the judge sees them.

    Args:
        judge: that sees.
        sets: pictures (N, 3, P, P) uint8: the crops that the generator learned from, and last the
            whole pictures that the metric compares with, one of each.
    """
    seen = [torch.cat([_seen(judge, block) for block in blocks(one)]) for one in sets]
    # Whole pictures alone: crops of one dog, of which there may be several, are near each other.
    return Known(torch.cat(seen), _near(seen[-1]))


def _seen(judge: KernelJudge, pictures: Tensor) -> Tensor:
    """Features (N, D) at length 1 of pictures (N, 3, P, P) uint8."""
    return normalize(judge.features(pictures.permute(0, 2, 3, 1).cpu().numpy()), dim=1)


def _near(rows: Tensor) -> float:
    """The distance that CLOSEST of the rows (M, D) have to the nearest other, or less."""
    chosen = torch.arange(0, len(rows), max(1, len(rows) // PROBED), device=rows.device)
    found = []
    for part in chosen.split(ROWS // 4):
        cosines = rows[part] @ rows.T
        cosines[torch.arange(len(part), device=rows.device), part] = -1.0  # itself
        found.append(1 - cosines.amax(dim=1))
    distances = torch.cat(found).cpu()
    others = distances[distances > SAME]
    return float(others.quantile(CLOSEST)) if len(others) else SAME


def _largest(part: Tensor, rows: Tensor) -> Tensor:
    """The largest cosine of each row (N, D) with any of the others (M, D), all of length 1."""
    return torch.stack([(part @ block.T).amax(dim=1) for block in rows.split(KNOWN_ROWS)]).amax(0)
