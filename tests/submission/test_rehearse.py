"""Whole rehearsals of miniature kernels: what passes, and everything that must be caught."""

import hashlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import asdict

import pytest

from local.errors import InputError
from submission import isolation, rehearsal_report
from submission.rehearse import rehearse

COUNT = 5


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


@pytest.mark.slow
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
        time.sleep(0.5)  # memory is looked at several times a second
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
    assert "train" in text
    assert report.staged == {}
    assert report.kernel_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.isolation["network"] in text


OVERRUN = "still running at the limit: killed, as on Kaggle"
CAUGHT = {
    "overruns": ("write(5)\nprint('so far', flush=True)\ntime.sleep(60)", OVERRUN),
    "extra file": ("finish(); Path('log.txt').touch()", "log.txt"),
    "extra folders": ("finish(); [os.mkdir(n) for n in 'abcde']", "a, b, c and 2 more"),
    "one picture short": ("finish(count=4)", "images.zip: 4 pictures, 5"),
    "no archive": ("print(json.dumps({'images': 5}))", "images.zip: no such file"),
    "no last line": ("finish(); print('done')", "last line"),
    "no lines": ("write(5)", "last line"),
    "exit code": ("finish(); sys.exit(3)", "exit code 3"),
    "a signal": ("finish(); os.kill(os.getpid(), 11)", "signal 11"),
    "an error": ("finish(); sys.exit('first\\nlast words')", "exit code 1: last words"),
    "a module of the checkout": (
        "import submission.archive; finish()",
        "exit code 1: ModuleNotFoundError: No module named 'submission'",
    ),
    "another of the checkout": (
        "import build_kernel; finish()",
        "exit code 1: ModuleNotFoundError: No module named 'build_kernel'",
    ),
    "a package that only this machine has": (
        "import psutil; finish()",
        "exit code 1: ModuleNotFoundError: No module named 'psutil'",
    ),
    "one more, by name": (
        "import importlib; importlib.import_module('pytest'); finish()",
        "exit code 1: ModuleNotFoundError: No module named 'pytest'",
    ),
    "needs the network": (
        "import urllib.request\nurllib.request.urlopen('http://192.0.2.1/weights', timeout=9)",
        "exit code 1: urllib.error.URLError",
    ),
    "phases that are no numbers": (
        "write(5); print(json.dumps({'images': 5, 'seconds': {'train': 'long'}}))",
        "last line",
    ),
    "writes to its source": ("open(__file__, 'w'); finish()", ""),
}


@pytest.mark.parametrize(("body", "failure"), CAUGHT.values(), ids=CAUGHT.keys())
def test_what_kaggle_would_not_accept_is_caught(kernel, data, body, failure):
    limit = 1.5 if failure == OVERRUN else 20
    report = rehearse(kernel(body), data, limit, count=COUNT)
    assert not report.ok
    assert any(failure in line for line in report.failures), report.failures
    assert failure in rehearsal_report.text(report)


def test_a_run_that_ended_before_its_time_is_caught_though_its_archive_is_valid(kernel, data):
    report = rehearse(kernel("finish(stopped='by losses that blew up')"), data, 20, count=COUNT)
    assert report.failures == ["ended before its time: by losses that blew up"]


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


@pytest.mark.slow
@pytest.mark.parametrize("session", ["False", "True"], ids=["same session", "session of its own"])
@pytest.mark.parametrize("ending", ["finish()", "time.sleep(60)"], ids=["ends", "overruns"])
def test_no_process_survives(kernel, data, lives, session, ending):
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


TWO_PROCESSES = """
    import subprocess
    mine = bytearray(100 * 2**20)
    child = "import time; its = bytearray(100 * 2**20); time.sleep({})"
    subprocess.run([sys.executable, "-c", child])
    finish()
"""


@pytest.mark.slow
def test_memory_is_that_of_all_processes(kernel, data):
    report = rehearse(kernel(TWO_PROCESSES.format(1)), data, 20, count=COUNT)
    assert report.ok
    assert 200 * 2**20 < report.peak_memory < 400 * 2**20


def test_too_much_memory_ends_the_kernel_as_on_kaggle(kernel, data):
    report = rehearse(kernel(TWO_PROCESSES.format(60)), data, 50, memory=0.19, count=COUNT)
    assert report.failures[0].startswith("over 0.19 GiB of memory at 0:")
    assert report.total_seconds < 40
    assert report.memory_limit == 0.19


def test_processors_are_limited_for_all_processes(kernel, data):
    path = kernel("""
        import subprocess
        code = "import os; print(len(os.sched_getaffinity(0)))"
        print("alone on", len(os.sched_getaffinity(0)), flush=True)
        subprocess.run([sys.executable, "-c", code])
        finish()
    """)
    report = rehearse(path, data, 20, processors=1, count=COUNT)
    assert report.failures == []
    assert report.log[:2] == ["alone on 1", "1"]
    assert report.isolation["processors"].startswith("1")


def test_an_interrupted_rehearsal_leaves_nothing(kernel, data, lives, tmp_path):
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
    with pytest.raises(InputError, match=r"build_kernel\.py"):
        rehearse(tmp_path / "gone.py", data, 20)
    for limit in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="limit"):
            rehearse(kernel("finish()"), data, limit)
        with pytest.raises(InputError, match="memory limit"):
            rehearse(kernel("finish()"), data, 20, memory=limit)
    with pytest.raises(InputError, match="1000000 processors"):
        rehearse(kernel("finish()"), data, 20, processors=1_000_000)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty"):
        rehearse(kernel("finish()"), tmp_path / "empty", 20)
