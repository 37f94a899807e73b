"""Features of pictures: computed batch by batch, saved, and read back in place of the pictures."""

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from tqdm import tqdm

from mifid import npz, stored
from mifid.device import full_precision
from mifid.errors import InputError, WorkError
from mifid.files import check_place, whole_file
from mifid.frechet import Moments, different_rows
from mifid.network import Network
from mifid.pictures import Pictures, Side, evenly_spaced, some
from mifid.processes import ALONE, Team

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Features:
    """One side's features, and where they come from.

    values: (N, D), float32 as the networks here give them; where several processes hold the
        features, this one's share of the N rows.
    network, graph: as in ``Network``; ``unknown`` in files that others wrote.
    side: under which side's rules the pictures were read.
    names: the N pictures' names within their folder or archive; empty when unknown.
    skipped: how many pictures could not be decoded, and so have no row.
    notes: what is to be minded about the pictures, a sentence each (``Pictures.notes``).
    moments: of the values, where they were saved with them; None otherwise.
    precision: in which they were computed, as in ``Network``.
    team, counts: the processes that hold the rows, in the order of their ranks, and how many each.
        Everything but the values is about all rows.
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
    team: Team = ALONE
    counts: tuple[int, ...] = ()

    def __len__(self) -> int:
        return sum(self.counts) if self.team.size > 1 else len(self.values)

    @property
    def first(self) -> int:
        """Which of the N rows is the first one here."""
        return sum(self.counts[: self.team.rank])

    def whole(self) -> "Features":
        """Return all rows on the first process of the team, and none on the others."""
        if self.team.size == 1:
            return self
        rows = len(self) if self.team.leads else 0
        values, start = np.empty((rows, self.values.shape[1]), self.values.dtype), 0
        for block in self.team.relay(npz.blocks_of(self.values)):
            if self.team.leads:
                values[start : start + len(block)] = block
            start += len(block)
        return replace(self, values=values, team=ALONE, counts=())

    def limited(self, limit: int | None) -> "Features":
        """Return ``limit`` rows, evenly spaced (all, for None or fewer rows)."""
        rows = evenly_spaced(len(self), limit)
        if len(rows) == len(self):
            return self
        names = tuple(self.names[row] for row in rows) if self.names else ()
        return replace(self, values=self.values[rows], names=names, moments=None)


def extract(
    pictures: Pictures, network: Network, batch: int | None = None, team: Team = ALONE
) -> Features:
    """Return the pictures' features; the batch size only changes the speed (None: the network's).

    Of a ``team`` each process gets those of its share. The batches are the ones that one process
    would have made, and so are the features, which depend on them by a rounding error.

    Raises InputError when no picture could be decoded, or a generated one would be refused.
    """
    size = batch or network.batch
    mine = pictures.part(team.share(len(pictures), size))
    title = f"{pictures.side} pictures"
    if team.size > 1:
        title += f" (1 of {team.size} processes)"  # the first one's bar is the only one
    batches = team.heeding(mine.batches(size))
    values = compute(batches, network, len(mine), title, mine.decoded)
    for skipped, odd in team.gather((mine.skipped, mine.odd)):
        pictures.add(skipped, odd)
    counts = tuple(team.gather(len(values)))
    if not sum(counts):
        raise InputError(
            f"{pictures.path}: none of its {len(pictures)} pictures can be decoded"
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
        team=team,
        counts=counts,
    )


def check_alike(
    team: Team, network: Network | None, batch: int | None, *sides: "Features | Pictures"
) -> None:
    """Raise InputError where a process of the team has other pictures or another network."""
    facts = {}
    for side in sides:
        if isinstance(side, Pictures):
            digest = hashlib.sha256()
            for entry in side.entries:
                digest.update(json.dumps([entry.name, entry.stamp()]).encode())
            found = f"{len(side):,} {side.side} pictures (content {digest.hexdigest()[:8]})"
            facts[str(side.path)] = found
    if network:
        facts["the network"] = f"{network.name} {network.identity[:12]} ({network.precision})"
        facts["pictures at once (--batch)"] = str(batch or network.batch)
    team.agree(facts)


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
    blocks = features.team.relay(npz.blocks_of(features.values))
    try:
        if features.team.leads:
            _write(features, blocks, path)
    finally:
        deque(blocks, maxlen=0)  # the others give theirs, whether they could be written or not


def _write(features: Features, blocks: Iterable[np.ndarray], path: Path) -> None:
    check_target(path)
    facts = {
        "names": np.array(features.names),
        "network": features.network,
        "graph": features.graph,
        "side": features.side,
        "skipped": features.skipped,
        "notes": np.array(features.notes, dtype=np.str_),
        "precision": features.precision,
    }
    shape = (len(features), features.values.shape[1])
    with whole_file(path, "features file") as file:
        npz.write(file, stored.KEY, shape, features.values.dtype, blocks, facts)


def load(path: Path, limit: int | None = None, team: Team = ALONE) -> Features:
    """Read saved features: ``features`` is needed, whatever else is missing counts as unknown.

    Statistics in the form that goes with the published notebook, ``m`` (D,), ``s`` (D, D) and
    ``features``, are used as they are.

    limit: as in ``Features.limited``. team: the first process reads, each keeps its share.

    Raises InputError when the file is damaged or holds no features that have a score.
    """
    blocks = team.relay(stored.read(path) if team.leads else ())
    found, (total, dimensions), dtype = next(blocks)
    wanted = np.array(evenly_spaced(total, limit), np.int64)
    rows = wanted[team.share(len(wanted))]
    values, start = np.empty((len(rows), dimensions), dtype), 0
    for block in blocks:
        mine = slice(*np.searchsorted(rows, (start, start + len(block))))
        values[mine] = block[rows[mine] - start]
        start += len(block)
    texts = {key: str(found.get(key, UNKNOWN)) for key in ("network", "graph")}
    side = str(found.get("side", "unknown"))
    names, notes = stored.texts(found, "names"), stored.texts(found, "notes")
    skipped = stored.whole_number(found, "skipped")
    if skipped and "notes" not in found:  # saved by an earlier version
        notes = (f"{skipped:,} pictures could not be decoded: left out",)
    statistics, moments = stored.statistics(path, found, dimensions), None
    if statistics and len(wanted) == total:
        moments = Moments(*statistics, different_rows(values, team))
    return Features(
        values,
        **texts,
        side="generated" if side == "generated" else "real" if side == "real" else "unknown",
        names=tuple(names[row] for row in wanted) if len(names) == total else (),
        skipped=skipped,
        moments=moments,
        notes=notes,
        precision=str(found.get("precision", "exact")),
        team=team,
        counts=tuple(team.gather(len(rows))),
    )
