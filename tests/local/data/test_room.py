"""What is left of the memory, as Linux tells it."""

import os

import pytest
import torch

from local.data import room
from local.data.room import Room, gigabytes, host_memory

AVAILABLE = 8_000_000_000
MEMORY = f"MemTotal: 16000000 kB\nMemFree: 100 kB\nMemAvailable: {AVAILABLE // 1024} kB\n"
NEW = ("sys/fs/cgroup", "memory.max", "memory.current", "inactive_file")
OLD = (
    "sys/fs/cgroup/memory",
    "memory.limit_in_bytes",
    "memory.usage_in_bytes",
    "total_inactive_file",
)


@pytest.fixture
def system(tmp_path):
    """Writes a system's files: the groups of a process, and their limits by path."""

    def write(groups="", limits=(), version=NEW):
        (tmp_path / "proc" / "self").mkdir(parents=True)
        (tmp_path / "proc" / "meminfo").write_text(MEMORY)
        (tmp_path / "proc" / "self" / "cgroup").write_text(groups)
        top, most, used, idle = version
        for path, limit, use, file in limits:
            folder = tmp_path / top / path
            folder.mkdir(parents=True, exist_ok=True)
            (folder / most).write_text(f"{limit}\n")
            (folder / used).write_text(f"{use}\n")
            (folder / "memory.stat").write_text(f"anon 1\n{idle} {file}\nactive_file 7\n")
        return tmp_path

    return write


LIMITED = [("a/b", 3000, 2500, 100)]


@pytest.mark.parametrize(
    ("groups", "limits", "version", "left"),
    [
        pytest.param("", [], NEW, AVAILABLE, id="no groups"),
        pytest.param("0::/a/b\n", LIMITED, NEW, 600, id="version 2"),
        pytest.param("7:cpu:/x\n4:cpu,memory:/a/b\n0::/\n", LIMITED, OLD, 600, id="version 1"),
        pytest.param("0::/a/b\n", [("a/b", "max", 1, 0)], NEW, AVAILABLE, id="no limit"),
        pytest.param(
            "4:memory:/a\n", [("a", 2**63 - 4096, 9, 0)], OLD, AVAILABLE, id="no limit, 1"
        ),
        pytest.param(
            "0::/a/b\n", [("a/b", 9000, 10, 0), ("a", 5000, 1000, 0)], NEW, 4000, id="a parent's"
        ),
        pytest.param("4:memory:/docker/12\n", [("", 700, 100, 0)], OLD, 600, id="in a container"),
        pytest.param("0::/a/b\n", [("a/b", 3000, 4000, 10)], NEW, 0, id="nothing left"),
    ],
)
def test_the_least_that_machine_and_groups_leave_counts(groups, limits, version, left, system):
    found = host_memory(system(groups, limits, version))
    assert found == left // 1024 * 1024 if left == AVAILABLE else found == left


def test_without_such_files_it_is_all_memory(tmp_path):
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert host_memory(tmp_path) == pages
    assert 0 < host_memory() <= pages  # this machine's


def test_a_set_may_take_half_of_it_and_the_members_of_a_team_share(monkeypatch):
    monkeypatch.setattr(room, "host_memory", lambda: 1000)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (600, 9999))
    assert Room.of(torch.device("cpu")) == Room(500, 0)
    assert Room.of(torch.device("cuda", 1)) == Room(300, 500)
    assert Room.of(torch.device("cuda", 1), processes=4) == Room(300, 125)


def test_bytes_for_people():
    assert [gigabytes(n) for n in (49_152_000_000, 252_887_040, 30_720)] == [
        "49.2 GB",
        "253 MB",
        "31 KB",
    ]
