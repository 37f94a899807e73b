"""Features of pictures: computed batch by batch, saved, and read back in place of the pictures."""

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal
from zipfile import BadZipFile

import numpy as np
import torch
from tqdm import tqdm

from mifid.device import full_precision
from mifid.errors import InputError, WorkError
from mifid.files import check_place, whole_file
from mifid.frechet import Moments, different_rows
from mifid.network import Network
from mifid.pictures import Pictures, Side, evenly_spaced, some

UNKNOWN = "unknown"
ARRAYS = ("features", "m", "s")
FACTS = ("names", "network", "graph", "side", "skipped", "notes", "precision")
DAMAGES = (
    OSError,
    ValueError,
    TypeError,
    EOFError,
    MemoryError,
    RuntimeError,
    BadZipFile,
    zlib.error,
)  # what numpy and zipfile raise for a file that is none of theirs, cut, encrypted or garbled
LARGEST = 1e70  # of a feature: the product of two covariances of such ones is still a number


@dataclass(frozen=True)
class Features:
    """One side's features, and where they come from.

    values: (N, D), float32 as the networks here give them.
    network, graph: as in ``Network``; ``unknown`` in files that others wrote.
    side: under which side's rules the pictures were read.
    names: the N pictures' names within their folder or archive; empty when unknown.
    skipped: how many pictures could not be decoded, and so have no row.
    notes: what is to be minded about the pictures, a sentence each (``Pictures.notes``).
    moments: of the values, where they were saved with them; None otherwise.
    precision: in which they were computed, as in ``Network``.
    """

    values: np.ndarray
    network: str = UNKNOWN
    graph: str = UNKNOWN
    side: Side | Literal["unknown"] = "unknown"
    names: tuple[str, ...] = ()
    skipped: int = 0
    moments: Moments | None = None
    notes: tuple[str, ...] = ()
    precision: str = "exact"

    def __len__(self) -> int:
        return len(self.values)

    def limited(self, limit: int | None) -> "Features":
        """Return ``limit`` rows, evenly spaced (all, for None or fewer rows)."""
        rows = evenly_spaced(len(self), limit)
        if len(rows) == len(self):
            return self
        names = tuple(self.names[row] for row in rows) if self.names else ()
        return replace(self, values=self.values[rows], names=names, moments=None)


def extract(pictures: Pictures, network: Network, batch: int | None = None) -> Features:
    """Return the pictures' features; the batch size only changes the speed (None: the network's).

    Raises InputError when no picture could be decoded, or a generated one would be refused.
    """
    total, title = len(pictures), f"{pictures.side} pictures"
    batches = pictures.batches(batch or network.batch)
    values = compute(batches, network, total, title, pictures.decoded)
    if not len(values):
        raise InputError(
            f"{pictures.path}: none of its {total} pictures can be decoded"
            f" ({some(pictures.skipped)}); are they whole?"
        )
    return Features(
        values,
        network.name,
        network.identity,
        pictures.side,
        names=tuple(pictures.decoded()),
        skipped=len(pictures.skipped),
        notes=pictures.notes(),
        precision=network.precision,
    )


def compute(
    batches: Iterable[np.ndarray],
    network: Network,
    total: int | None = None,
    title: str = "pictures",
    names: Callable[[], Sequence[str]] | None = None,
) -> np.ndarray:
    """Return the features (N, D), float32, of batches (n, 64, 64, 3), uint8, RGB.

    total: at least as many as there are pictures; they need not be counted then. Shows a bar when
    stderr is a terminal. Raises WorkError when a feature is not finite, with the first few of
    ``names()``, the N pictures', where they are given.
    """
    if total is None:
        batches = list(batches)
        total = sum(len(batch) for batch in batches)
    values = np.empty((total, network.features), np.float32)
    done = 0
    with (
        torch.inference_mode(),
        full_precision(),
        tqdm(desc=title, total=total, unit="img", disable=None, leave=False) as bar,
    ):
        for part in _run(batches, network):
            values[done : done + len(part)] = part
            done += len(part)
            bar.update(len(part))
    values = values[:done]
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1)).tolist()
    if wrong:
        known = names() if names else [str(1 + row) for row in range(len(values))]
        raise WorkError(
            f"the network {network.graph} gives features that are not finite numbers for"
            f" {len(wrong):,} of {len(values):,} pictures ({some([known[row] for row in wrong])})"
        )
    return values


def _run(batches: Iterable[np.ndarray], network: Network) -> Iterator[torch.Tensor]:
    """Yield each batch's features (n, D) on the CPU.

    A GPU gets the next batch before the last one's results are waited for.
    """
    device, ahead = network.device, int(network.device.type == "cuda")
    waiting: deque[torch.Tensor] = deque()
    for batch in batches:
        pictures = torch.from_numpy(batch)
        if ahead:
            pictures = pictures.pin_memory()
        waiting.append(network.module(pictures.to(device, non_blocking=True).float()))
        if len(waiting) > ahead:
            yield waiting.popleft().cpu()
    while waiting:
        yield waiting.popleft().cpu()


def check_target(path: Path) -> None:
    """Raise InputError where ``save`` could not write: before the work, not after it."""
    if path.suffix != ".npz":
        raise InputError(f"{path}: saved features end in .npz; choose such a name")
    check_place(path)


def save(features: Features, path: Path) -> None:
    """Write the features as ``.npz``, whole or not at all; ``load`` reads them back.

    Keys: ``features`` (N, D), ``names`` (N,), ``network``, ``graph``, ``side``, ``skipped``,
    ``notes``, ``precision``.
    """
    check_target(path)
    with whole_file(path, "features file") as file:
        np.savez(
            file,
            features=features.values,
            names=np.array(features.names),
            network=features.network,
            graph=features.graph,
            side=features.side,
            skipped=features.skipped,
            notes=np.array(features.notes, dtype=np.str_),
            precision=features.precision,
        )


def load(path: Path) -> Features:
    """Read saved features: ``features`` is needed, whatever else is missing counts as unknown.

    Statistics in the form that goes with the published notebook, ``m`` (D,), ``s`` (D, D) and
    ``features``, are used as they are.

    Raises InputError when the file is damaged or holds no features that have a score.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            found = {key: arrays[key] for key in ARRAYS + FACTS if key in arrays}
    except FileNotFoundError as error:
        raise InputError(f"{path}: not found; write it with: python -m mifid features") from error
    except DAMAGES as error:
        raise InputError(f"{path}: no saved features, or damaged ({error}); write again") from error
    values = found.get("features")
    if values is None:
        raise InputError(
            f"{path}: holds no array 'features' (statistics alone have no nearest pictures);"
            " write it with: python -m mifid features"
        )
    check_values(values, f"{path}: 'features'")
    texts = {key: str(found.get(key, UNKNOWN)) for key in ("network", "graph")}
    side = str(found.get("side", "unknown"))
    names, notes = _texts(found, "names"), _texts(found, "notes")
    skipped = _whole_number(found, "skipped")
    if skipped and "notes" not in found:  # saved by an earlier version
        notes = (f"{skipped:,} pictures could not be decoded: left out",)
    return Features(
        values,
        **texts,
        side="generated" if side == "generated" else "real" if side == "real" else "unknown",
        names=names if len(names) == len(values) else (),
        skipped=skipped,
        moments=_moments(path, found),
        notes=notes,
        precision=str(found.get("precision", "exact")),
    )


def check_values(values: np.ndarray, what: str) -> None:
    """Raise InputError for features that have no score; ``what`` is what the line calls them."""
    if values.ndim != 2 or values.dtype.kind != "f" or not values.shape[1]:
        raise InputError(
            f"{what} is no (pictures, features) array of finite numbers in floating point:"
            f" {values.dtype} of shape {values.shape}; extract them again"
        )
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        raise InputError(
            f"{what} is no array of finite numbers: NaN or infinity in {wrong.size:,} of"
            f" {len(values):,} rows, the first is row {wrong[0]}; extract them again"
        )
    if values.size and max(float(values.max()), -float(values.min())) > LARGEST:
        raise InputError(
            f"{what} has numbers over {LARGEST:g}, too large for a covariance; extract them again"
        )


def _texts(found: dict[str, np.ndarray], key: str) -> tuple[str, ...]:
    return tuple(str(text) for text in np.ravel(found.get(key, ())))


def _whole_number(found: dict[str, np.ndarray], key: str) -> int:
    value = found.get(key, np.array(0))
    return int(value) if value.shape == () and value.dtype.kind in "iu" else 0


def _moments(path: Path, found: dict[str, np.ndarray]) -> Moments | None:
    if "m" not in found or "s" not in found:
        return None
    dimensions = found["features"].shape[1]
    mean, covariance = found["m"], found["s"]
    right = (
        mean.shape == (dimensions,)
        and covariance.shape == (dimensions, dimensions)
        and {mean.dtype.kind, covariance.dtype.kind} == {"f"}
        and float(abs(mean).max()) <= LARGEST  # which NaN is not
        and float(abs(covariance).max()) <= LARGEST**2
    )
    if not right:
        raise InputError(f"{path}: 'm' and 's' do not belong to 'features'; leave them out")
    count = different_rows(found["features"])
    return Moments(mean.astype(np.float64), covariance.astype(np.float64), count)
