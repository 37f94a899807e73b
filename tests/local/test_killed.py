"""SIGKILL at any moment: a valid archive or none yet, and a run that goes on as if never killed.

The points at which it strikes are chosen among all file operations and writes of a run.
"""

import random

import kill_points
import pytest
from kernel_runs import COUNT, Forked, fork

from submission import archive

KILLED = -9
KINDS = {  # how many points of a kind
    "write archive": 20,
    "write weights": 6,
    "write state": 4,
    "open": 8,
    "os.link": 3,
    "os.rename to images.zip": 4,
    "os.rename to step": 4,
    "os.mkdir": 3,
    "os.remove": 6,
    "os.rmdir": 4,
}


@pytest.fixture(scope="module")
def alive(tmp_path_factory):
    """A run that was never killed."""
    return run(tmp_path_factory.mktemp("alive"))


def run(folder, kill_at=None, nameless=True) -> Forked:
    return fork(folder / "out", kill_points.run, kill_at, nameless)


def chosen(points, most=10**9):
    """Some points of each kind, always the same, in order."""
    draw, found = random.Random(0), []
    for kind, count in KINDS.items():
        places = [i for i, point in enumerate(points) if point.startswith(kind)]
        found += draw.sample(places, min(count, most, len(places)))
    return sorted(found)


def first_in_place(points):
    """The point at which the first archive is whole and has its name."""
    return points.index("os.rename to images.zip")


def check(ran, point, points):
    """What a killed run has left."""
    left = set(ran.left)
    partial = {name for name in left if name.startswith(".images.zip.")}
    if point > first_in_place(points):
        assert "images.zip" in left
    if "images.zip" in left:
        archive.check(ran.folder / "images.zip", COUNT)
    assert left - partial <= {"images.zip"}
    return partial


@pytest.mark.slow
def test_a_run_killed_at_any_point_leaves_a_valid_archive_or_none(alive, tmp_path):
    points = alive.result["points"]
    strikes = chosen(points)
    assert len(strikes) >= 50
    for point in strikes:
        ran = run(tmp_path / str(point), point)
        assert ran.code == KILLED, (point, points[point])
        partial = check(ran, point, points)
        if partial:  # there is one call between the file's getting a name and its taking the place
            assert points[point] == "os.rename to images.zip"
            archive.check(ran.folder / partial.pop(), COUNT)


@pytest.mark.slow
def test_a_run_that_was_killed_goes_on_as_if_nothing_had_been(alive, tmp_path):
    points = alive.result["points"]
    assert alive.code == 0 and alive.left == ["images.zip"]
    for point in chosen(points, most=1):
        folder = tmp_path / str(point)
        assert run(folder, point).code == KILLED
        resumed = run(folder)
        assert (resumed.code, resumed.left) == (0, ["images.zip"]), points[point]
        taken = [p.partition("step-")[2] for p in points[:point] if "to step-" in p]
        assert resumed.result["began"] == int(taken[-1] if taken else 0)
        assert resumed.result["weights"] == alive.result["weights"], points[point]
        again = (resumed.folder / "images.zip").read_bytes()
        assert again == (alive.folder / "images.zip").read_bytes()


@pytest.mark.slow
def test_where_no_file_is_without_a_name_the_archive_is_whole_all_the_same(tmp_path):
    points = run(tmp_path / "alive", nameless=False).result["points"]
    assert "os.link" not in points
    for point in chosen(points, most=2):
        ran = run(tmp_path / str(point), point, nameless=False)
        assert ran.code == KILLED
        check(ran, point, points)
