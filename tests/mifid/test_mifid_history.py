"""`--history`: what a line holds, and that no line is lost, cut or put where it does harm."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from helpers import ROOT

from mifid import history
from mifid.__main__ import main
from mifid.errors import WorkError
from mifid.features import Features, save


@pytest.fixture
def sides(archive: Callable, drawn: Callable) -> list[str]:
    images, real = archive("images.zip", drawn(0, 4)), archive("real.zip", drawn(1, 5))
    return [str(images), "--real", str(real)]


@pytest.fixture
def saved(tmp_path: Path) -> list[str]:
    random = np.random.default_rng(0)
    for name in ("fake", "real"):
        values = random.random((60, 8)).astype(np.float32)
        names = tuple(f"n{row % 2}_{row}.png" for row in range(60))
        save(Features(values, "random", "g", names=names), tmp_path / f"{name}.npz")
    return [str(tmp_path / "fake.npz"), "--real", str(tmp_path / "real.npz")]


def read(path: Path) -> list[dict]:
    return [json.loads(line, parse_constant=pytest.fail) for line in path.read_text().splitlines()]


@pytest.mark.slow
def test_a_line_for_each_score(
    sides: list[str], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    path = tmp_path / "scores.jsonl"
    before = datetime.now().astimezone().replace(microsecond=0)
    for arguments in (["--json"], ["--limit", "3"]):
        assert main([*sides, *arguments, "--history", str(path)]) == 0
    printed = json.loads(capsys.readouterr().out.splitlines()[0])
    first, second = read(path)
    assert printed.items() <= first.items()
    assert before <= datetime.fromisoformat(first["time"]) <= datetime.now().astimezone()
    assert first["generated_path"] == sides[0]
    assert first["real_path"] == sides[2]
    assert first["graph_path"] is None
    content = Path(sides[0]).read_bytes()
    assert first["generated_sha256"] == hashlib.sha256(content).hexdigest()
    assert first["versions"].keys() == {"python", "torch", "numpy", "pillow", "machine"}
    assert first["versions"]["numpy"] == np.__version__
    assert (first["images"], second["images"]) == (4, 3)


def test_all_that_was_measured_is_in_it(saved: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    assert main([*saved, "--all", "--interval", "--breeds", "--history", str(path)]) == 0
    (line,) = read(path)
    wanted = {"mifid", "fid", "distance", "label", "margins", "interval", "kid", "precision"}
    assert wanted <= line.keys()
    assert len(line["breeds"]) == 2


@pytest.mark.slow
def test_the_hash_is_of_the_content(sides: list[str], saved: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "images"
    with ZipFile(sides[0]) as file:
        file.extractall(folder)
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "scores.jsonl"
    assert main([str(folder), *sides[1:], "--history", str(path)]) == 0
    assert main([str(tmp_path / "copy"), *sides[1:], "--history", str(path)]) == 0
    shutil.copy(folder / "00000.png", folder / "00001.png")
    assert main([str(folder), *sides[1:], "--history", str(path)]) == 0
    (folder / "00001.png").rename(folder / "9.png")
    assert main([str(folder), *sides[1:], "--history", str(path)]) == 0
    assert main([*saved, "--history", str(path)]) == 0
    whole, copy, changed, renamed, features = (line["generated_sha256"] for line in read(path))
    assert whole == copy
    assert len({whole, changed, renamed, features}) == 4
    assert features == hashlib.sha256(Path(saved[0]).read_bytes()).hexdigest()


def test_a_line_without_an_end_is_left_to_itself(saved: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    path.write_text('{"mifid": 1}\n{"mifid": 2, "fi')
    for _ in range(2):
        assert main([*saved, "--history", str(path)]) == 0
    lines = path.read_text().splitlines()
    assert lines[:2] == ['{"mifid": 1}', '{"mifid": 2, "fi']
    assert len(lines) == 4
    assert all(json.loads(line)["images"] == 60 for line in lines[2:])


def test_lines_written_at_once_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    with ThreadPoolExecutor(8) as pool:
        for number in range(200):
            pool.submit(history.append, path, {"text": str(number) * 5000}, {"number": number})
    lines = read(path)
    assert sorted(line["number"] for line in lines) == list(range(200))
    assert all(line["text"] == str(line["number"]) * 5000 for line in lines)


def test_another_writer_is_waited_for(tmp_path: Path) -> None:
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "scores.jsonl"
    with path.open("w") as other, ThreadPoolExecutor(1) as pool:
        fcntl.flock(other, fcntl.LOCK_EX)
        print('{"number": ', end="", file=other, flush=True)
        ours = pool.submit(history.append, path, {"number": 2}, {})
        with pytest.raises(FutureTimeout):
            ours.result(0.2)
        print("1}", file=other, flush=True)
        fcntl.flock(other, fcntl.LOCK_UN)
        ours.result(20)
    assert [line["number"] for line in read(path)] == [1, 2]


def test_a_part_of_a_line_is_said_and_mended(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    path = tmp_path / "scores.jsonl"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20, before[1]))  # as if the disk were full then
    try:
        with pytest.raises(WorkError, match="only a part"):
            history.append(path, {"number": 1}, {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    history.append(path, {"number": 2}, {})
    part, whole = path.read_text().splitlines()
    assert len(part) == 20
    assert json.loads(whole)["number"] == 2


def test_a_full_disk_costs_the_line_and_not_the_score(
    saved: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    with pytest.raises(WorkError, match="No space left"):
        history.append(full, {}, {})
    append = history.append
    monkeypatch.setattr(history, "append", lambda _, *rest: append(full, *rest))
    assert main([*saved, "--history", str(tmp_path / "scores.jsonl")]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("MiFID")
    assert "was not added (No space left" in err.splitlines()[-1]


@pytest.mark.parametrize("words", [["--json"], [], ["cache"]])
def test_an_output_that_is_full_costs_neither_the_line_nor_a_traceback(
    words: list[str], saved: list[str], tmp_path: Path
) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    target = tmp_path / "scores.jsonl"
    wanted = words if words == ["cache"] else [*saved, *words, "--history", str(target)]
    with full.open("w") as nowhere:
        done = subprocess.run(
            [sys.executable, "-m", "mifid", *wanted],
            cwd=ROOT,
            stdout=nowhere,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "mifid: [Errno 28] No space left on device"
    assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
    if words != ["cache"]:
        assert json.loads(target.read_text())["mifid"] > 0


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("nowhere/scores.jsonl", "no place for a history"),
        ("file.zip/scores.jsonl", "no place for a history"),
        ("folder", "is no file"),
        ("file.zip", "is no history of scores"),
    ],
)
def test_what_cannot_be_written_ends_before_the_work(
    path: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "file.zip").write_bytes(b"PK")
    # The pictures are missing: were they looked for first, the message would be of them.
    assert main(["none.zip", "--real", "none.zip", "--history", path]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
    assert (tmp_path / "file.zip").read_bytes() == b"PK"


def test_wrong_input_leaves_no_history(sides: list[str], tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    for images in ("none.zip", "none.npz", str(tmp_path)):
        assert main([images, *sides[1:], "--limit", "1", "--history", str(path)]) == 2
    assert not path.exists()
