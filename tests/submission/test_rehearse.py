"""Whole rehearsals of miniature kernels: what passes, and everything that must be caught."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import psutil
import pytest
from PIL import Image

from local.errors import InputError
from submission import isolation, rehearsal_report
from submission.rehearse import RehearsalError, rehearse

COUNT = 5
WRITES_IMAGES = """
import io, json, os, random, sys, zipfile
from pathlib import Path
from PIL import Image

def write(count):
    chance = random.Random(0)
    with zipfile.ZipFile("images.zip", "w") as archive:
        for number in range(count):
            png = io.BytesIO()
            Image.frombytes("RGB", (64, 64), chance.randbytes(64 * 64 * 3)).save(png, "png")
            archive.writestr(f"{number}.png", png.getvalue())

def finish(count=5, **more):
    write(count)
    seconds = {"start": 0.25, "train": 1.5}
    print(json.dumps({"images": count, "seconds": seconds, **more}), flush=True)

data = Path(os.environ["KAGGLE_INPUT"])
"""


def permitted(network: str) -> bool:
    if network == isolation.BLOCKED_SOCKETS:
        return True
    as_user = network == isolation.USER_NAMESPACE
    code = f"from submission import isolation; isolation.enter_namespaces({as_user})"
    return (
        subprocess.run(
            [sys.executable, "-c", code], check=False, stderr=subprocess.DEVNULL
        ).returncode
        == 0
    )


NETWORKS = [
    pytest.param(
        network,
        marks=pytest.mark.skipif(
            not permitted(network), reason=f"this system permits no {network}"
        ),
    )
    for network in isolation.NETWORKS
]


def lives(pid: int) -> bool:
    """Whether a process runs; one that a slow init has not buried yet does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    """A place of its own for temporary folders, which must be empty in the end."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield
    assert list(folder.iterdir()) == []


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data" / "all-dogs"
    folder.mkdir(parents=True)
    for number in range(3):
        Image.new("RGB", (70, 70), (number, 0, 0)).save(folder / f"n02085620_{number}.jpg")
    return folder.parent


@pytest.fixture
def kernel(tmp_path: Path) -> Callable[[str], Path]:
    def make(body: str) -> Path:
        path = tmp_path / "kernel.py"
        path.write_text(WRITES_IMAGES + textwrap.dedent(body))
        return path

    return make


def test_a_good_kernel_passes(kernel, data, tmp_path, capsys):
    path = kernel("""
        assert sorted(os.environ.keys() - {"LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES"}) == sorted(
            ["PATH", "LANG", "HOME", "TMPDIR", "KAGGLE_INPUT", "KERNEL_SECONDS"]
        ) , os.environ
        assert os.environ["KERNEL_SECONDS"] == "20"
        assert Path(__file__).parts[-2:] == ("src", "script.py")
        assert sys.flags.isolated and sys.argv == [__file__]
        assert os.listdir() == os.listdir(os.environ["HOME"]) == []
        competition = data / "generative-dog-images"
        print(len(list((competition / "all-dogs" / "all-dogs").glob("*.jpg"))), "pictures")
        Path(os.environ["TMPDIR"], "scratch").write_text("free to use")
        print("a warning", file=sys.stderr)
        finish(kimg=7)
    """)
    out = tmp_path / "results" / "images.zip"
    report = rehearse(path, data, 20, out=out, count=COUNT)
    assert report.failures == []
    assert report.ok
    assert report.pictures == 3
    assert report.result["kimg"] == 7
    assert report.seconds == {"start": 0.25, "train": 1.5}
    assert 0 < report.total_seconds < 20
    assert report.peak_memory > 2**20
    assert report.archive is not None
    assert report.archive["images"] == COUNT
    assert report.out == str(out)
    assert [path.name for path in out.parent.iterdir()] == ["images.zip"]
    assert "3 pictures" in report.log
    shown = capsys.readouterr()
    assert "3 pictures" in shown.err
    assert "a warning" in shown.err
    assert shown.out == ""
    assert json.loads(json.dumps(asdict(report)))["isolation"] == report.isolation
    text = rehearsal_report.text(report)
    assert text.splitlines()[-1].startswith("passed")
    assert "time: train" in text
    assert report.isolation["network"] in text


CAUGHT = {
    "overruns": ("write(5)\nimport time\ntime.sleep(60)", "at the limit"),
    "extra file": ("finish(); Path('log.txt').touch()", "log.txt"),
    "extra folders": ("finish(); [os.mkdir(n) for n in 'abcde']", "a, b, c and 2 more"),
    "one picture short": ("finish(count=4)", "images.zip: 4 pictures, 5"),
    "no archive": ("print(json.dumps({'images': 5}))", "images.zip: no such file"),
    "no last line": ("finish(); print('done')", "last line"),
    "no lines": ("write(5)", "last line"),
    "exit code": ("finish(); sys.exit(3)", "exit code 3"),
    "a signal": ("finish(); os.kill(os.getpid(), 11)", "signal 11"),
    "a module of the checkout": ("import submission.archive; finish()", "exit code 1"),
    "another of the checkout": ("import build_kernel; finish()", "exit code 1"),
    "writes to its source": ("open(__file__, 'w'); finish()", ""),
}


@pytest.mark.parametrize(("body", "failure"), CAUGHT.values(), ids=CAUGHT.keys())
def test_what_kaggle_would_not_accept_is_caught(kernel, data, body, failure):
    report = rehearse(kernel(body), data, 1.5, count=COUNT)
    assert not report.ok
    assert any(failure in line for line in report.failures), report.failures
    assert failure in rehearsal_report.text(report)


def test_a_picture_short_of_ten_thousand_is_caught(kernel, data):
    report = rehearse(kernel("finish(9_999)"), data, 60)
    assert report.failures == ["images.zip: 9,999 pictures, 10,000 are asked for"]


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(
    "change",
    [
        "next(data.rglob('*.jpg')).write_bytes(b'')",
        "next(data.rglob('*.jpg')).unlink()",
        "(data / 'cache').mkdir()",
    ],
    ids=["rewrites", "removes", "adds"],
)
def test_the_input_stays_as_it_was_or_the_change_is_caught(kernel, data, network, change):
    before = {path: path.read_bytes() for path in data.rglob("*.jpg")}
    report = rehearse(kernel(f"{change}\nfinish()"), data, 20, count=COUNT, networks=(network,))
    assert not report.ok
    assert {path: path.read_bytes() for path in data.rglob("*.jpg")} == before
    if "mounted read-only" in report.isolation["files"]:
        assert any("Read-only file system" in line for line in report.log)
    elif os.geteuid() == 0:  # permissions do not bind root
        assert any("changed what it was given" in line for line in report.failures)


@pytest.mark.parametrize("network", NETWORKS)
def test_there_is_no_network(kernel, data, network):
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = server.getsockname()
        path = kernel(f"""
            import socket
            for address in ({address}, ("192.0.2.1", 80), ("kaggle.com", 80)):
                try:
                    socket.create_connection(address, timeout=3)
                    sys.exit(f"reached {{address}}")
                except OSError as error:
                    print("refused", error)
            finish()
        """)
        report = rehearse(path, data, 20, count=COUNT, networks=(network,))
    assert report.failures == []
    assert len([line for line in report.log if line.startswith("refused")]) == 3


@pytest.mark.parametrize("network", NETWORKS[:2])
def test_loopback_is_up_in_a_namespace(kernel, data, network):
    path = kernel("""
        import socket
        with socket.create_server(("127.0.0.1", 0)) as server:
            socket.create_connection(server.getsockname(), timeout=3).close()
        finish()
    """)
    assert rehearse(path, data, 20, count=COUNT, networks=(network,)).failures == []


@pytest.mark.parametrize("session", ["False", "True"], ids=["same session", "session of its own"])
@pytest.mark.parametrize("ending", ["finish()", "time.sleep(60)"], ids=["ends", "overruns"])
def test_no_process_survives(kernel, data, session, ending):
    path = kernel(f"""
        import subprocess, time
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(61)"], start_new_session={session}
        )
        print("child", child.pid, flush=True)
        time.sleep(0.5)
        {ending}
    """)
    report = rehearse(path, data, 1.5, count=COUNT)
    child = next(int(line.split()[1]) for line in report.log if line.startswith("child"))
    assert not lives(child)
    expected = "1 of its processes" if ending == "finish()" else "at the limit"
    assert expected in report.failures[0]


def test_memory_is_that_of_all_processes(kernel, data):
    path = kernel("""
        import subprocess
        subprocess.run(
            [sys.executable, "-c", "import time; x = bytearray(200 * 2**20); time.sleep(1)"]
        )
        finish()
    """)
    report = rehearse(path, data, 20, count=COUNT)
    assert report.ok
    assert 200 * 2**20 < report.peak_memory < 400 * 2**20


def test_an_interrupted_rehearsal_leaves_nothing(kernel, data, tmp_path):
    pid = tmp_path / "pid"
    path = kernel(f"import time\nPath({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)")

    def interrupt() -> None:
        while not (pid.exists() and pid.read_text()):
            time.sleep(0.05)
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        rehearse(path, data, 30, count=COUNT)
    assert not lives(int(pid.read_text()))


def test_an_invalid_archive_is_not_left(kernel, data, tmp_path):
    out = tmp_path / "out.zip"
    out.write_text("older")
    report = rehearse(kernel("finish(4)"), data, 20, out=out, count=COUNT)
    assert report.out is None
    assert out.read_text() == "older"


def test_a_log_that_nobody_reads_does_not_stop_the_kernel(kernel, data):
    class Closing(io.StringIO):
        def write(self, text: str) -> int:
            if "x" in text:
                raise BrokenPipeError
            return len(text)

    path = kernel("print('x' * 300_000)\nfinish()")
    assert rehearse(path, data, 20, count=COUNT, echo=Closing()).ok


def test_bad_input_is_told_at_once(kernel, data, tmp_path):
    with pytest.raises(RehearsalError, match=r"build_kernel\.py"):
        rehearse(tmp_path / "gone.py", data, 20)
    for limit in (0, -1, float("nan"), float("inf")):
        with pytest.raises(RehearsalError, match="limit"):
            rehearse(kernel("finish()"), data, limit)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        rehearse(kernel("finish()"), tmp_path / "empty", 20)
