"""`python -m submission rehearse` as a command: words, output, signals."""

import hashlib
import json
import os
import signal
import subprocess
import sys
import time

import pytest
from helpers import ROOT

from submission.__main__ import main


@pytest.fixture
def words(kernel, data):
    """The command's words for a kernel with this body."""

    def make(body, *more):
        path = str(kernel(body))
        return ["rehearse", "--kernel", path, "--data", str(data), *map(str, more)]

    return make


def test_settings_and_options_stand_in_any_order(words, capsys):
    for more in (["images=5", "--limit", 30], ["--limit", 30, "images=5"]):
        assert main(words("finish()", *more)) == 0
        assert "passed, staged with images 5" in capsys.readouterr().out.splitlines()[-1]


def test_the_report_as_json(words, kernel, capsys):
    limits = ["--limit", 300, "--cpus", 1, "--memory", 2]
    staged = ["--speed", 10, "--inject", "broken-picture", "images=5"]
    assert main(words("finish()", "--json", *limits, *staged)) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["ok"]
    assert report["kernel_sha256"] == hashlib.sha256(kernel("finish()").read_bytes()).hexdigest()
    assert report["staged"] == {"speed": 10, "images": 5, "inject": ["broken-picture"]}
    assert report["memory_limit"] == 2
    assert [span["phase"] for span in report["timeline"]] == [
        "start",
        "train",
        "uncounted",
        "spare",
    ]
    spare = report["timeline"][-1]
    assert spare["seconds"] == pytest.approx(300 - report["total_seconds"])
    assert spare["share"] == pytest.approx(spare["seconds"] / 300)


@pytest.mark.slow
def test_kill_at_is_told_from_a_failure(words, capsys):
    body = "print('so far', flush=True)\ntime.sleep(60)"
    assert main(words(body, "--limit", 30, "--kill-at", 1)) == 1
    assert capsys.readouterr().out.splitlines()[-1] == "failed: killed at 1 s: no images.zip yet"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--inject", "fire"], "no fault 'fire'"),
        (["pictures=5"], "'pictures=5' is not a setting of a rehearsal; there is images=N"),
        (["images=few"], "images=few: images must be a whole number"),
        (["images=0"], "images=0"),
        (["--cpus", "1000"], "1000 processors: give 1 to"),
        (["--kernel", "gone.py"], "gone.py: no such file; run `python build_kernel.py` first"),
        (["--out", "/"], "/ is a folder"),
    ],
)
def test_wrong_use_takes_one_line(words, capsys, more, message):
    assert main(words("finish()", "--limit", 20, *more)) == 2
    shown = capsys.readouterr()
    assert message in shown.err
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


def test_every_fault_is_in_the_help(capsys):
    with pytest.raises(SystemExit):
        main(["rehearse", "--help"])
    shown = capsys.readouterr().out
    assert "sigterm@S" in shown
    assert "out-of-memory@N" in shown
    assert "no-data " in shown


@pytest.mark.slow
def test_a_signal_ends_the_kernel_and_leaves_nothing(words, lives, tmp_path, temporary):
    pid = tmp_path / "pid"
    body = f"Path({str(pid)!r}).write_text(str(os.getpid()))\ntime.sleep(60)"
    command = [sys.executable, "-m", "submission", *words(body, "--limit", 50)]
    rehearsal = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (pid.exists() and pid.read_text()) and rehearsal.poll() is None:
        time.sleep(0.05)
    rehearsal.send_signal(signal.SIGTERM)
    out, err = rehearsal.communicate(timeout=20)
    assert rehearsal.returncode == 128 + signal.SIGTERM
    assert err.splitlines()[-1] == "submission: rehearsal ended by SIGTERM"
    assert out == ""
    assert not lives(int(pid.read_text()))
    assert list(temporary.iterdir()) == []
