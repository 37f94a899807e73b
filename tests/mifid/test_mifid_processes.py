"""Several processes that score together: threads stand in for them, but for the last tests."""

import json
import os
import pickle
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from helpers import ROOT

from mifid import cache, distance, npz, processes
from mifid.__main__ import main
from mifid.distance import nearest_real
from mifid.errors import InputError, WorkError
from mifid.features import Features, check_alike, extract, load, save
from mifid.frechet import moments
from mifid.network import Network
from mifid.pictures import open_pictures
from mifid.processes import Gone, Team
from mifid.score import add_up, both_sides, score, score_sums


class Exchange:
    """What is used of torch.distributed, between the threads of one process."""

    def __init__(self, size: int) -> None:
        self.size, self.closed = size, False
        self.given: list[list[bytes]] = [[] for _ in range(size)]  # what each has said, in order
        self.news = threading.Condition()
        self.place = threading.local()

    def all_gather_object(self, values: list, value: Any) -> None:
        with self.news:
            own = self.given[self.place.rank]
            own.append(pickle.dumps(value))  # as it would cross
            turn = len(own)
            self.news.notify_all()
            self.news.wait_for(lambda: self.closed or self.all_have_said(turn), timeout=60)
            if not self.all_have_said(turn):
                raise RuntimeError("connection closed by peer")
            values[:] = [pickle.loads(said[turn - 1]) for said in self.given]

    def all_have_said(self, turn: int) -> bool:
        return all(len(said) >= turn for said in self.given)

    def close(self) -> None:
        with self.news:
            self.closed = True
            self.news.notify_all()

    def all_reduce(self, total: torch.Tensor) -> None:
        parts: list[torch.Tensor] = []
        self.all_gather_object(parts, total)
        total.copy_(torch.stack(parts).sum(0))

    def broadcast_object_list(self, item: list, src: int) -> None:
        items: list[list] = []
        self.all_gather_object(items, item)
        item[:] = items[src]


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list]:
    """A function: size, work -> what work(team) gave or raised in each of so many processes."""

    def run(size: int, work: Callable[[Team], Any]) -> list:
        exchange = Exchange(size)
        monkeypatch.setattr(processes, "dist", exchange)

        def member(rank: int) -> Any:
            exchange.place.rank = rank
            try:
                return work(Team(rank, size))
            except BaseException as error:
                exchange.close()
                return error

        with ThreadPoolExecutor(size) as pool:
            return list(pool.map(member, range(size)))

    return run


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distance, "BLOCK", 4)
    monkeypatch.setattr(npz, "BLOCK", 3)


def rows(seed: int, count: int, dimensions: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, dimensions)).astype(np.float32)


def right(results: list) -> list:
    """The results, none of which is an error."""
    for error in results:
        if isinstance(error, BaseException):
            raise error
    return results


# ---- shares


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize(
    ("count", "unit"), [(0, 4), (1, 1), (2, 4), (7, 1), (9, 4), (43, 4), (100_001, 256)]
)
def test_shares_are_all_things_once_and_cut_between_batches(
    count: int, unit: int, size: int
) -> None:
    shares = [Team(rank, size).share(count, unit) for rank in range(size)]
    assert [i for share in shares for i in range(share.start, share.stop)] == list(range(count))
    assert all(share.start % unit == 0 or share.start == count for share in shares)
    counts = [share.stop - share.start for share in shares]
    assert max(counts) - min(counts) < 2 * unit


# ---- moments, in closed form


@pytest.mark.parametrize("cuts", [[7], [0], [1, 1], [19, 20]])  # uneven, empty, one row
def test_moments_of_shares_are_those_of_all(together: Callable, cuts: list[int]) -> None:
    count = 20
    steps = np.arange(1.0, count + 1)
    # Far from 0, where sums of squares would lose every digit of the variance.
    features = np.stack([1e9 + steps, 1e9 - 2 * steps], axis=1)
    shares = np.split(features, cuts)
    found = right(together(len(shares), lambda team: moments(shares[team.rank], team)))
    variance = count * (count + 1) / 12
    for one in found:
        np.testing.assert_allclose(one.mean, [1e9 + 10.5, 1e9 - 21], rtol=1e-15)
        np.testing.assert_allclose(
            one.covariance, variance * np.array([[1, -2], [-2, 4]]), rtol=1e-12
        )
        assert one.count == count


def test_rows_that_are_equal_in_different_processes_are_one(together: Callable) -> None:
    shares = [rows(0, 5), rows(0, 4)]
    assert {m.count for m in right(together(2, lambda t: moments(shares[t.rank], t)))} == {5}


def test_one_picture_in_all_has_no_covariance(together: Callable) -> None:
    shares = [rows(0, 1), rows(0, 0)]
    for error in together(2, lambda team: moments(shares[team.rank], team)):
        assert isinstance(error, InputError) and "needs at least 2" in str(error)


# ---- nearest pictures


@pytest.mark.parametrize(("cuts", "real_cuts"), [([10], [11]), ([0, 3], [9, 9]), ([22, 23], [1])])
def test_nearest_real_pictures_are_found_wherever_they_are(
    together: Callable, small_blocks: None, cuts: list[int], real_cuts: list[int]
) -> None:
    generated, real = rows(0, 24), rows(1, 30)
    generated[[2, 23]] = real[[0, 4]] = 0  # of sum 0: no part in it
    generated[5] = 3 * real[29]
    expected = nearest_real(generated, real)
    real_cuts = [*real_cuts, *[30] * (len(cuts) - len(real_cuts))]
    sides = np.split(generated, cuts), np.split(real, real_cuts)

    def search(team: Team) -> tuple[np.ndarray, np.ndarray]:
        return nearest_real(sides[0][team.rank], sides[1][team.rank], team)

    found = right(together(len(cuts) + 1, search))
    for index in (0, 1):
        np.testing.assert_array_equal(
            np.concatenate([one[index] for one in found]), expected[index]
        )


# ---- files of features


@pytest.mark.parametrize("size", [2, 3, 8])
@pytest.mark.parametrize("limit", [None, 7])
@pytest.mark.parametrize("by_column", [False, True])
def test_each_process_reads_its_share_of_a_file(
    together: Callable,
    small_blocks: None,
    tmp_path: Path,
    size: int,
    limit: int | None,
    by_column: bool,
) -> None:
    values = np.asarray(rows(0, 11), order="F" if by_column else "C")
    names = [f"{i}.png" for i in range(11)]
    np.savez_compressed(tmp_path / "a.npz", features=values, names=names)
    expected = Features(values, names=tuple(names)).limited(limit)
    found = right(together(size, lambda team: load(tmp_path / "a.npz", limit, team)))
    np.testing.assert_array_equal(np.concatenate([one.values for one in found]), expected.values)
    assert {(one.names, len(one)) for one in found} == {(expected.names, len(expected))}
    assert sum(len(one.values) for one in found) == len(expected)
    first, *others = right(together(size, lambda team: replaced(found, team).whole()))
    np.testing.assert_array_equal(first.values, expected.values)
    assert not any(len(one.values) for one in others)


def replaced(found: list[Features], team: Team) -> Features:
    """This process's part of what several have read."""
    return Features(found[team.rank].values, team=team, counts=found[team.rank].counts)


def test_a_file_that_is_damaged_is_refused_by_all(
    together: Callable, small_blocks: None, tmp_path: Path
) -> None:
    values = rows(0, 11)
    values[9, 3] = np.nan
    np.savez(tmp_path / "a.npz", features=values)
    for path, reason in ((tmp_path / "a.npz", "first is row 9"), (tmp_path / "b.npz", "not found")):
        errors = together(3, lambda team, path=path: load(path, team=team))
        assert all(isinstance(error, InputError) and reason in str(error) for error in errors)


def test_the_file_of_several_is_that_of_one_and_of_numpy(
    together: Callable, small_blocks: None, tmp_path: Path
) -> None:
    values, names = rows(0, 11), tuple("abcdefghijk")
    alone = Features(values, "random", "g", "generated", names, notes=("mind",))
    save(alone, tmp_path / "one.npz")
    shares = np.split(values, [4, 4])

    def write(team: Team) -> None:
        mine = Features(
            shares[team.rank], "random", "g", "generated", names, 0, None, ("mind",), "exact", team
        )
        save(Features(**vars(mine) | {"counts": (4, 0, 7)}), tmp_path / "three.npz")

    right(together(3, write))
    facts = {key: np.asarray(getattr(alone, key)) for key in ("names", "network", "graph", "side")}
    facts |= {key: np.asarray(getattr(alone, key)) for key in ("skipped", "notes", "precision")}
    np.savez(tmp_path / "numpy.npz", features=values, **facts)
    contents = {path.read_bytes() for path in tmp_path.glob("*.npz")}
    assert len(list(tmp_path.glob("*.npz"))) == 3 and len(contents) == 1


# ---- pictures


@pytest.fixture
def damaged(drawn: Callable, encoded: Callable, tmp_path: Path) -> Path:
    """Eleven real pictures, the third and the last of which cannot be decoded."""
    with ZipFile(tmp_path / "real.zip", "w") as file:
        for index, picture in enumerate(drawn(1, 11)):
            file.writestr(f"{index:02}.png", b"junk" if index in (2, 10) else encoded(picture))
    return tmp_path / "real.zip"


@pytest.mark.parametrize("size", [2, 3, 7])  # 11 in fours: uneven; one batch has one that is bad
def test_features_do_not_depend_on_who_computes_them(
    together: Callable, damaged: Path, stand_in: Network, size: int
) -> None:
    def compute(team: Team) -> Features:
        with open_pictures(damaged, "real") as pictures:
            return extract(pictures, stand_in, 4, team)

    (alone,) = right(together(1, compute))
    found = right(together(size, compute))
    np.testing.assert_array_equal(np.concatenate([one.values for one in found]), alone.values)
    assert {(one.names, one.notes, one.skipped, len(one)) for one in found} == {
        (alone.names, alone.notes, 2, 9)
    }


def test_real_features_are_kept_as_one_process_would(
    together: Callable, damaged: Path, stand_in: Network, capsys: pytest.CaptureFixture
) -> None:
    computed = []

    def keep(team: Team) -> Features:
        with open_pictures(damaged, "real") as pictures:

            def compute() -> Features:
                computed.append(team.rank)
                return extract(pictures, stand_in, 4, team)

            return cache.cached(pictures, stand_in, compute, team)

    (alone,) = right(together(1, keep))
    (file,) = cache.folder().glob("*.npz")
    content = file.read_bytes()
    file.unlink()
    right(together(3, keep))
    assert file.read_bytes() == content
    del computed[:]
    again = right(together(2, keep))
    assert not computed
    np.testing.assert_array_equal(np.concatenate([one.values for one in again]), alone.values)
    file.write_bytes(content[:900])
    right(together(2, keep))
    assert sorted(computed) == [0, 1] and "anew" in capsys.readouterr().err
    file.unlink()
    cache.folder().rmdir()
    cache.folder().write_text("a file where the folder should be")
    right(together(2, keep))
    assert "not kept" in capsys.readouterr().err


def test_all_processes_need_the_same_pictures_and_settings(
    together: Callable, damaged: Path, archive: Callable, drawn: Callable, stand_in: Network
) -> None:
    other = archive("other.zip", drawn(0, 11))

    def check(team: Team, batch: int | None = None) -> None:
        with open_pictures(other if team.rank == 1 and not batch else damaged, "real") as pictures:
            pictures.path = damaged  # the same place on two machines
            check_alike(team, stand_in, 4 + (batch or 0) * team.rank, pictures)

    for error in together(2, check):
        assert isinstance(error, InputError) and f"{damaged}: process 1 on" in str(error)
        assert "11 real pictures" in str(error) and "same files" in str(error)
    for error in together(2, lambda team: check(team, 1)):
        assert "(--batch): process 1" in str(error) and "finds 5, the first one 4" in str(error)


@pytest.mark.parametrize("kind", ["zip", "folder"])
def test_pictures_of_the_same_names_are_not_taken_for_the_same(
    kind: str, together: Callable, archive: Callable, drawn: Callable, stand_in: Network,
    tmp_path: Path,
) -> None:  # fmt: skip
    """As two submissions are, of which one machine has the older."""
    places = [archive(f"{seed}.zip", drawn(seed, 5)) for seed in (0, 1)]
    if kind == "folder":
        for place in places:
            shutil.unpack_archive(place, place.with_suffix(""))
        places = [place.with_suffix("") for place in places]

    def check(team: Team, of_second: int) -> None:
        with open_pictures(places[team.rank and of_second], "generated") as pictures:
            pictures.path = tmp_path / "images"
            check_alike(team, stand_in, None, pictures)

    right(together(2, lambda team: check(team, 0)))
    for error in together(2, lambda team: check(team, 1)):
        assert isinstance(error, InputError)
        assert "finds 5 generated pictures (content " in str(error)


# ---- the score


@pytest.mark.parametrize(("size", "count"), [(2, 40), (3, 40), (3, 31), (5, 3)])
def test_the_score_is_that_of_one_process(
    together: Callable, small_blocks: None, tmp_path: Path, size: int, count: int
) -> None:
    real = rows(1, 50)
    fake = rows(0, count) + 0.1
    fake[:2], fake[-1], real[-1] = real[3], 0, 0  # copies, and rows without a direction
    for name, values in (("fake", fake), ("real", real)):
        np.savez(tmp_path / f"{name}.npz", features=values, network="random", graph="g")
    sides = tmp_path / "fake.npz", tmp_path / "real.npz"
    for limit in (None, 30):
        expected = score(*sides, limit=limit)

        def compute(team: Team, limit: int | None = limit) -> Any:
            here, there = both_sides(*sides, limit=limit, team=team)
            return score_sums(here, there, add_up(here, there), limit=limit)

        for result in right(together(size, compute)):
            assert result.fid == pytest.approx(expected.fid, rel=1e-12)
            assert result.distance == expected.distance
            assert result.mifid == pytest.approx(expected.mifid, rel=1e-12)
            assert result.warnings == expected.warnings
            assert result.images == expected.images and result.label == expected.label


# ---- failures


def test_an_error_in_one_processs_blocks_is_raised_in_all(together: Callable) -> None:
    def blocks(rank: int) -> Iterator[int]:
        yield rank
        if rank == 1:
            raise WorkError("the disk is gone")

    results = together(3, lambda team: list(team.relay(blocks(team.rank))))
    assert [(type(error), str(error)) for error in results] == 3 * [(WorkError, "the disk is gone")]
    assert (
        right(together(3, lambda team: list(team.relay([team.rank] * team.rank))))
        == [[1, 2, 2]] * 3
    )


def test_the_first_to_fail_is_the_one_that_is_heard(capsys: pytest.CaptureFixture) -> None:
    store = torch.distributed.HashStore()
    members = [Team(rank, 3, store) for rank in range(3)]
    assert list(members[0].heeding("ab")) == ["a", "b"]
    assert members[1].fail(2, "a bad picture") == 2
    with pytest.raises(Gone):
        list(members[0].heeding("ab"))
    assert members[0].fail(1, "another process has ended") == 2
    assert capsys.readouterr().err == "a bad picture\n"


# ---- processes


TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node")


def environment(tmp_path: Path, **others: str) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(ROOT),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "OMP_NUM_THREADS": "1",
        **others,
    }


def launched(tmp_path: Path, program: list[str]) -> list[tuple[int, str, str]]:
    """Exit code, stdout and stderr of two processes, started as a cluster's own tools do it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    meeting = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    members = [
        subprocess.Popen(
            [sys.executable, *program],
            env=environment(tmp_path, RANK=str(rank), LOCAL_RANK=str(rank), **meeting),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(2)
    ]
    try:
        return [(member.returncode, *texts) for member in members if (texts := ended(member))]
    finally:
        for member in members:
            member.kill()


def ended(member: subprocess.Popen) -> tuple[str, str]:
    return member.communicate(timeout=300)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """As `environment` has it: with more, convolutions round differently (docs/scale.md)."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("size", [2, 3])
def test_several_processes_print_what_one_does(
    archive: Callable, drawn: Callable, tmp_path: Path, capsys: pytest.CaptureFixture, size: int
) -> None:
    fake, real = archive("fake.zip", drawn(0, 41)), archive("real.zip", drawn(1, 50))
    arguments = [str(fake), "--real", str(real), "--json", "--batch", "4", "--all", "--interval"]
    assert main(arguments) == 0
    expected = json.loads(capsys.readouterr().out)
    (file,) = cache.folder().glob("*.npz")
    content = file.read_bytes()
    file.unlink()
    ran = subprocess.run(
        [sys.executable, *TORCHRUN, str(size), "-m", "mifid", *arguments],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)  # one object, printed once
    assert found["warnings"] == expected["warnings"]
    for warning in expected["warnings"]:
        assert ran.stderr.count(warning) == 1
    assert "need all features in the first process: 0.0 GB" in ran.stderr
    numbers = [key for key, value in expected.items() if isinstance(value, float | int)]
    assert len(numbers) > 15
    for key in set(numbers) - {"seconds"}:
        assert found[key] == pytest.approx(expected[key], rel=1e-9), key
    for name in ("mifid", "fid", "distance"):
        assert found["interval"][name] == pytest.approx(expected["interval"][name], rel=1e-9)
    assert file.read_bytes() == content


@pytest.mark.slow
def test_a_picture_that_is_refused_in_one_process_ends_all_in_one_line(
    archive: Callable, drawn: Callable, tmp_path: Path
) -> None:
    fake, real = archive("fake.zip", drawn(0, 12)), archive("real.zip", drawn(1, 9))
    with ZipFile(fake, "a") as file:
        file.writestr("99999.png", b"junk")  # in the last share
    program = ["-m", "mifid", str(fake), "--real", str(real), "--batch", "2"]
    results = launched(tmp_path, program)
    assert [code for code, _, _ in results] == [2, 2]
    assert not any(out for _, out, _ in results)
    (line,) = "".join(err for _, _, err in results).splitlines()
    assert line.startswith(f"mifid: {fake}: 99999.png is no picture")


DIES = """
import os, sys
from mifid import __main__, score

def compute(*others):
    if os.environ["RANK"] == "1":
        os._exit(9)
    return extract(*others)

extract, score.extract = score.extract, compute
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_a_process_that_dies_ends_the_other(
    archive: Callable, drawn: Callable, tmp_path: Path
) -> None:
    sides = [str(archive(f"{n}.zip", drawn(n, 9))) for n in (0, 1)]
    (code, out, err), (killed, *_) = launched(tmp_path, ["-c", DIES, sides[0], "--real", sides[1]])
    assert (code, killed, out) == (1, 9, "")
    assert err == (
        "mifid: another process has ended before its time; is it out of memory, or was it killed?\n"
    )
