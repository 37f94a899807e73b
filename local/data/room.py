"""How much room is left for a training set: in a device's memory, in the host's, on a disk.

A container lies about its host: what counts is its control group's limit, where that is less than
what the machine has left. https://docs.kernel.org/admin-guide/cgroup-v2.html
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

SHARE = 0.5  # of the memory that is left; the rest is for the training itself
ROOT = Path("/")  # below which Linux tells about itself
# Where a control group tells its limit, its use, and what of that can be dropped: version 2, and 1.
NEW = "sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"
OLD = (
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)


@dataclass(frozen=True)
class Room:
    """Bytes that a training set may take."""

    device: int
    host: int  # beside it; 0 where the host is the device

    @classmethod
    def of(cls, device: torch.device, processes: int = 1) -> "Room":
        """Half of the memory that is left, where so many processes share the host's."""
        host = int(SHARE * host_memory() / processes)
        if device.type != "cuda":
            return cls(host, 0)
        return cls(int(SHARE * torch.cuda.mem_get_info(device)[0]), host)


def host_memory(root: Path = ROOT) -> int:
    """Bytes of the host's memory that this process can still get.

    Args:
        root: of the system's files, for tests.
    """
    return max(0, min([_machine(root), *_groups(root)]))


def on_disk(folder: Path) -> int:
    """Bytes that are free for this user on a folder's disk."""
    return shutil.disk_usage(folder).free


def gigabytes(size: int) -> str:
    """Bytes for people: 49.2 GB, 253 MB, 31 KB."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 1e6 else f"{size / 1e3:.0f} KB"


def _machine(root: Path) -> int:
    try:
        told = (root / "proc" / "meminfo").read_text()
        return 1024 * _number(told, "MemAvailable:")
    except (OSError, LookupError, ValueError):  # no Linux: all that there is
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _groups(root: Path) -> Iterator[int]:
    """What is left below the limit of each control group that this process is in."""
    try:
        lines = (root / "proc" / "self" / "cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        mounted, *names = OLD if controllers else NEW
        top = root / mounted
        group = top / path.strip("/")
        # A container may see its own group as the top one, under a path that is the host's.
        for folder in (group, *group.parents):
            if folder.is_relative_to(top) and (left := _left(folder, *names)) is not None:
                yield left


def _left(folder: Path, limit: str, used: str, idle: str) -> int | None:
    """Bytes; None where nothing limits the group. Idle pages of files are dropped when needed."""
    try:
        most = int((folder / limit).read_text())  # "max": there is none
        told = (folder / "memory.stat").read_text()
        return most - int((folder / used).read_text()) + _number(told, idle)
    except (OSError, LookupError, ValueError):
        return None


def _number(told: str, name: str) -> int:
    """The number behind a name at the start of a line."""
    return int({words[0]: words[1] for line in told.splitlines() if (words := line.split())}[name])
