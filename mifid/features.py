"""Features of pictures: computed batch by batch, saved, and read back in place of the pictures."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import torch
from tqdm import tqdm

from mifid.device import full_precision
from mifid.errors import InputError, WorkError
from mifid.files import whole_file
from mifid.frechet import Moments
from mifid.network import Network
from mifid.pictures import Pictures, Side, evenly_spaced

UNKNOWN = "unknown"
SAVED_KEYS = ("features", "m", "s", "names", "network", "graph", "side", "skipped")


@dataclass(frozen=True)
class Features:
    """One side's features, and where they come from.

    values: (N, D), float32 as the networks here give them.
    network, graph: as in ``Network``; ``unknown`` in files that others wrote.
    side: under which side's rules the pictures were read.
    names: the N pictures' names within their folder or archive; empty when unknown.
    skipped: how many pictures could not be decoded, and so have no row.
    moments: of the values, where they were saved with them; None otherwise.
    """

    values: np.ndarray
    network: str = UNKNOWN
    graph: str = UNKNOWN
    side: Side | Literal["unknown"] = "unknown"
    names: tuple[str, ...] = ()
    skipped: int = 0
    moments: Moments | None = None

    def __len__(self) -> int:
        return len(self.values)

    def limited(self, limit: int | None) -> "Features":
        """Return ``limit`` rows, evenly spaced (all, for None or fewer rows)."""
        rows = evenly_spaced(len(self), limit)
        if len(rows) == len(self):
            return self
        names = tuple(self.names[row] for row in rows) if self.names else ()
        return Features(self.values[rows], self.network, self.graph, self.side, names, self.skipped)


def extract(
    pictures: Pictures, network: Network, device: torch.device, batch: int = 50
) -> Features:
    """Return the pictures' features; the batch size only changes the speed.

    Raises InputError when no picture could be decoded, or a generated one would be refused.
    """
    total = len(pictures)
    values = compute(pictures.batches(batch), network, device, total, f"{pictures.side} pictures")
    if not len(values):
        raise InputError(f"{pictures.path}: none of its {total} pictures can be decoded")
    skipped = set(pictures.skipped)
    names = tuple(entry.name for entry in pictures.entries if entry.name not in skipped)
    return Features(values, network.name, network.identity, pictures.side, names, len(skipped))


def compute(
    batches: Iterable[np.ndarray],
    network: Network,
    device: torch.device,
    total: int | None = None,
    title: str = "pictures",
) -> np.ndarray:
    """Return the features (N, D), float32, of batches (n, 64, 64, 3), uint8, RGB.

    Shows a bar when stderr is a terminal. Raises WorkError when a feature is not finite.
    """
    module = network.module.to(device)
    parts = [np.empty((0, network.features), np.float32)]
    with (
        torch.inference_mode(),
        full_precision(),
        tqdm(desc=title, total=total, unit="img", disable=None, leave=False) as bar,
    ):
        for batch in batches:
            pictures = torch.from_numpy(batch).to(device).float()
            parts.append(module(pictures).cpu().numpy())
            bar.update(len(batch))
    values = np.concatenate(parts)
    if not np.isfinite(values).all():
        raise WorkError(f"the network {network.graph} gives features that are not finite numbers")
    return values


def check_target(path: Path) -> None:
    """Raise InputError where ``save`` could not write: before the work, not after it."""
    if path.suffix != ".npz":
        raise InputError(f"{path}: saved features end in .npz; choose such a name")
    if not path.parent.is_dir() or path.is_dir():
        raise InputError(f"{path}: no place for a file; choose one in a folder that exists")


def save(features: Features, path: Path) -> None:
    """Write the features as ``.npz``, whole or not at all; ``load`` reads them back.

    Keys: ``features`` (N, D), ``names`` (N,), ``network``, ``graph``, ``side``, ``skipped``.
    """
    check_target(path)
    with whole_file(path) as file:
        np.savez(
            file,
            features=features.values,
            names=np.array(features.names),
            network=features.network,
            graph=features.graph,
            side=features.side,
            skipped=features.skipped,
        )


def load(path: Path) -> Features:
    """Read saved features: ``features`` is needed, whatever else is missing counts as unknown.

    Statistics in the form that goes with the published notebook, ``m`` (D,), ``s`` (D, D) and
    ``features``, are used as they are.

    Raises InputError when the file is damaged or holds no features.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in SAVED_KEYS if key in file}
    except FileNotFoundError as error:
        raise InputError(f"{path}: not found; write it with: python -m mifid features") from error
    except (OSError, ValueError, EOFError, BadZipFile, MemoryError, TypeError) as error:
        raise InputError(f"{path}: no saved features, or damaged ({error}); write again") from error
    values = found.get("features")
    if values is None:
        raise InputError(
            f"{path}: holds no array 'features' (statistics alone have no nearest pictures);"
            " write it with: python -m mifid features"
        )
    if values.ndim != 2 or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise InputError(f"{path}: 'features' is no (pictures, features) array of finite numbers")
    if not np.isfinite(values.astype(np.float64).var(axis=0)).all():
        raise InputError(f"{path}: 'features' has numbers too large for a covariance")
    texts = {key: str(found.get(key, UNKNOWN)) for key in ("network", "graph")}
    side = str(found.get("side", "unknown"))
    return Features(
        values,
        **texts,
        side="generated" if side == "generated" else "real" if side == "real" else "unknown",
        names=tuple(str(name) for name in np.ravel(found.get("names", ()))),
        skipped=int(np.sum(found.get("skipped", 0))),
        moments=_moments(path, found),
    )


def _moments(path: Path, found: dict[str, np.ndarray]) -> Moments | None:
    if "m" not in found or "s" not in found:
        return None
    count, dimensions = found["features"].shape
    mean, covariance = (found[key].astype(np.float64) for key in ("m", "s"))
    right = mean.shape == (dimensions,) and covariance.shape == (dimensions, dimensions)
    if not right or not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise InputError(f"{path}: 'm' and 's' do not belong to 'features'; leave them out")
    return Moments(mean, covariance, count)
