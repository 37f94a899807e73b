"""Where the training set is while it is trained on, and the batches from there.

On the device where that has room; else in the host's memory; else on the disk, in the shards of the
cache. The last two fetch the next batch in a thread while this one is worked on, and one batch is
read for each step: memory does not grow with the set.

Which pictures a batch has depends on the seed and the batch's number alone (`Order`). So it has the
same ones wherever they come from, a batch that was fetched ahead needs no place in a snapshot, and
each member of a team reads its own share and nothing else.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from local.data.prepared import TrainingSet
from local.data.room import Room, gigabytes
from local.train.team import Team

DRAWN = 64  # batches whose rows are drawn at once
Batch = tuple[Tensor, Tensor]  # pictures (B, 3, P, P) uint8 and labels (B,) on the device


class Order:
    """The rows of each batch, drawn with replacement, on the host.

    Args:
        pictures: of the set.
        batch: rows of a batch.
        device: where the rows are wanted. They are drawn on the host wherever that is, so that
            every device has the same ones.
    """

    def __init__(self, pictures: int, batch: int, device: torch.device) -> None:
        self.pictures, self.batch, self.device = pictures, batch, device
        self._part: tuple[int, int] | None = None  # seed and number of what is drawn
        self._rows = torch.empty(0)

    def rows(self, seed: int, number: int) -> Tensor:
        """Rows (B,) of a batch, on the device, without a sync with it."""
        part = seed, number // DRAWN
        if part != self._part:
            # Neighbouring seeds give numbers that are alike; those of a sequence do not.
            mixed = np.random.SeedSequence(part).generate_state(1, np.uint64)
            random = torch.Generator().manual_seed(int(mixed[0]))
            drawn = torch.randint(self.pictures, (DRAWN, self.batch), generator=random)
            self._part, self._rows = part, moved(drawn, self.device)
        return self._rows[number % DRAWN]


class Feed(Protocol):
    """Where batches come from.

    Attributes:
        data: the set, where batches are read.
        place: of the pictures, for people; empty where they were there already.
    """

    data: TrainingSet
    place: str

    def batch(self, seed: int, number: int) -> Batch:
        """This member's share of the batch of that number, from 0."""


class Resident:
    """Batches of a set that is on the device.

    Args:
        data: on the device.
        batch: rows of the whole team's batch.
        team: whose member this is.
        place: of the pictures, for people.
    """

    def __init__(self, data: TrainingSet, batch: int, team: Team, place: str = "") -> None:
        self.data, self.team, self.place = data, team, place
        self.order = Order(len(data), batch, data.labels.device)

    def batch(self, seed: int, number: int) -> Batch:
        """This member's share of the batch of that number, from 0."""
        rows = self.team.share(self.order.rows(seed, number))
        return self.data.pictures[rows], self.data.labels[rows]


class Ahead:
    """Batches of a set that is not on the device; the next one is fetched ahead.

    Args:
        data: in memory or on a disk.
        device: where batches are wanted.
        batch: rows of the whole team's batch.
        team: whose member this is.
        place: of the pictures, for people.
    """

    def __init__(
        self, data: TrainingSet, device: torch.device, batch: int, team: Team, place: str
    ) -> None:
        self.data, self.device, self.team, self.place = data, device, team, place
        self.order = Order(len(data), batch, torch.device("cpu"))
        on_gpu = device.type == "cuda"
        settle = partial(torch.cuda.set_device, device) if on_gpu else None  # is each thread's own
        self._thread = ThreadPoolExecutor(1, "feed", settle)
        self._wanted: tuple[int, int] | None = None  # seed and number of what is fetched ahead
        self._fetched: Future[Batch]

    def batch(self, seed: int, number: int) -> Batch:
        """This member's share of the batch of that number, from 0."""
        if self._wanted != (seed, number):  # the first one, or a run that was set back
            self._fetch(seed, number)
        pictures, labels = self._fetched.result()
        self._fetch(seed, number + 1)
        return moved(pictures, self.device), moved(labels, self.device)

    def _fetch(self, seed: int, number: int) -> None:
        self._wanted = seed, number
        self._fetched = self._thread.submit(self._read, seed, number)

    def _read(self, seed: int, number: int) -> Batch:
        rows = self.team.share(self.order.rows(seed, number))
        pictures, labels = self.data.pictures[rows], self.data.labels[rows]
        return pinned(pictures, self.device), pinned(labels, self.device)


def feed(
    data: TrainingSet, device: torch.device, batch: int, team: Team, room: Room | None = None
) -> Feed:
    """The fastest way that there is room for.

    Args:
        data: in memory or on a disk.
        device: that trains.
        batch: rows of the whole team's batch.
        team: whose member this is.
        room: for the set; None: as it is measured.
    """
    pictures = data.pictures
    if isinstance(pictures, Tensor) and pictures.device == device:
        return Resident(data.on(device), batch, team)
    room = room or Room.of(device, team.here)
    if pictures.nbytes <= room.device:
        place = "in memory" if device.type == "cpu" else "on the device"
        return Resident(data.on(device), batch, team, place)
    why = f"as the device has {gigabytes(room.device)} to spare"
    if isinstance(pictures, Tensor):
        return Ahead(data, device, batch, team, f"in the host's memory, {why}")
    if pictures.nbytes <= room.host:
        loaded = data.on(torch.device("cpu"))
        return Ahead(loaded, device, batch, team, f"in the host's memory, {why}")
    if device.type == "cpu":
        why = f"as memory has {gigabytes(room.device)} to spare"
    else:
        why += f" and the host {gigabytes(room.host)}"
    return Ahead(data, device, batch, team, f"streamed from disk, {why}")


def pinned(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor on the host in memory that the device can fetch from while the host goes on."""
    return tensor.pin_memory() if device.type == "cuda" else tensor


def moved(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on the device, without waiting for either."""
    return pinned(tensor, device).to(device, non_blocking=True)
