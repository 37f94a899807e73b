"""`watch` follows a session at a calm pace, through a lost network, to the end."""

import hashlib
import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from kaggle_server import KEY, Fault, KaggleServer, Lost

import build_kernel
from submission import client, kernels, ledger, pace, watch
from submission.__main__ import main
from submission.kernels import Session
from submission.ledger import VERSION, Ledger

KERNEL = "me/slug-one"


@pytest.fixture(autouse=True)
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    return Ledger()


Script = Callable[[Iterable[str | Exception]], list[float]]


@pytest.fixture
def script(kaggle_home: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Lets Kaggle's answers be these states and errors; returns what will have been waited."""

    def make(answers: Iterable[str | Exception]) -> list[float]:
        coming, waits = iter(answers), []

        def session(_: str) -> Session:
            answer = next(coming)
            if isinstance(answer, Exception):
                raise answer
            return Session(answer, "")

        monkeypatch.setattr(kernels, "session", session)
        monkeypatch.setattr(kernels, "latest", lambda _: kernels.Latest(3, ""))
        monkeypatch.setattr(kernels, "log", lambda _: [f"line {number}" for number in range(30)])
        monkeypatch.setattr(watch.LiveLog, "look", lambda _: None)
        monkeypatch.setattr(client, "pause", waits.append)
        return waits

    return make


@pytest.mark.parametrize(
    ("state", "code", "ok"),
    [
        ("COMPLETE", 0, None),  # `pull` says whether what it left is good
        ("ERROR", 1, False),
        ("CANCEL_ACKNOWLEDGED", 1, False),
    ],
)
def test_every_end(
    script: Script,
    book: Ledger,
    capsys: pytest.CaptureFixture[str],
    state: str,
    code: int,
    ok: bool | None,
) -> None:
    older = book.add(VERSION, kernel=KERNEL, version=2, state="COMPLETE")
    number = book.add(VERSION, kernel=KERNEL, version=3, state="QUEUED")
    script(["QUEUED", "NEW_SCRIPT", "CANCEL_REQUESTED", state])
    assert main(["watch", KERNEL, "--json"]) == code
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["kernel"], result["version"], result["state"]) == (KERNEL, 3, state)
    assert 0 <= result["seconds"] < 60
    assert result["log"] == ([] if code == 0 else [f"line {number}" for number in range(20, 30)])
    row = book.row(number)
    assert (row.state, row.ok) == (state, ok)
    assert book.row(older).state == "COMPLETE"
    assert [line.split()[0] for line in printed.err.splitlines()[:3]] == [
        "QUEUED",
        "NEW_SCRIPT",
        "CANCEL_REQUESTED",  # so that Kaggle may still bring it to any end
    ]


def test_the_pace_is_calm(script: Script) -> None:
    waits = script(["QUEUED"] * 5 + ["RUNNING"] * 3 + ["COMPLETE"])
    assert main(["watch", KERNEL]) == 0
    assert waits[:5] == pytest.approx([30, 37.5, 46.875, 58.59375, 60])
    assert waits[5:] == pytest.approx([30, 37.5, 46.875])


def test_a_lost_network_is_said_and_survived(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    lost = client.Unreachable("no connection to Kaggle")
    slow = client.Unreachable("too often", 429, 700)
    waits = script(["RUNNING", lost, lost, lost, lost, slow, "RUNNING", "COMPLETE"])
    assert main(["watch", KERNEL]) == 0
    assert waits == pytest.approx([30, 60, 120, 240, 300, 700, 60])
    printed = capsys.readouterr()
    assert printed.err.count("no connection to Kaggle; the session on Kaggle goes on") == 4
    assert printed.out.startswith(f"{KERNEL} version 3: COMPLETE\n")


@pytest.mark.parametrize(
    ("seconds", "waited", "told"), [(20, [20], "0:20"), (100, [30, 37.5, 32.5], "1:40")]
)
def test_a_status_that_never_ends_does(
    script: Script,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    seconds: int,
    waited: list[float],
    told: str,
) -> None:
    waits = script(itertools.repeat("RUNNING"))
    monkeypatch.setattr(pace, "clock", lambda: sum(waits))
    assert main(["watch", KERNEL, "--timeout", str(seconds)]) == 1
    assert waits == waited
    *looks, last = capsys.readouterr().err.splitlines()
    assert len(looks) == len(waited) + 1  # the last one at the very end
    assert last.startswith(f"submission: {KERNEL} is still RUNNING after {told}: watch it again")


def test_what_cannot_be_mended_by_waiting_ends_it(
    script: Script, capsys: pytest.CaptureFixture[str]
) -> None:
    script(["RUNNING", client.Refused("not known", 404)])
    assert main(["watch", KERNEL]) == 2
    *_, last = capsys.readouterr().err.splitlines()
    assert last == "submission: not known"
    assert main(["watch", "slug-one"]) == 2
    assert "name it owner/slug" in capsys.readouterr().err


def test_a_kernel_that_kaggle_does_not_show(
    script: Script,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    script(["QUEUED"])
    monkeypatch.setattr(kernels, "latest", lambda _: None)
    assert main(["watch", KERNEL]) == 2
    assert f"Kaggle shows you no kernel {KERNEL}: check owner" in capsys.readouterr().err
    with pytest.raises(client.Unreachable, match="does not show version 1 yet"):
        watch.find(tmp_path, KERNEL, pushed=1)


def test_without_a_name_it_is_the_built_kernel(
    script: Script,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("submission.commands.kernel.ROOT", tmp_path)
    assert main(["watch"]) == 2
    assert "kernel-metadata.json" in capsys.readouterr().err
    (tmp_path / "kernel").mkdir()
    for owner, code in (("me", 0), (build_kernel.NO_OWNER, 2)):
        script(["COMPLETE"])
        text = build_kernel.metadata(owner, "slug one", "kernel.py")
        build_kernel.write(tmp_path / "kernel" / "kernel-metadata.json", text)
        assert main(["watch"]) == code
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{KERNEL} version 3: COMPLETE")
    assert "names no owner: python build_kernel.py --owner USER" in printed.err


def test_a_signal_ends_the_watch_and_the_client_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed: list[str] = []
    monkeypatch.setattr(watch.LiveLog, "close", lambda live: closed.append(live.kernel))
    monkeypatch.setattr(watch, "find", lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(SystemExit) as ended:
        main(["watch", KERNEL])
    assert ended.value.code == 128 + signal.SIGTERM
    assert closed == [KERNEL]
    told = "submission: watch (the session on Kaggle goes on) ended by SIGTERM"
    assert capsys.readouterr().err.splitlines()[-1] == told


def test_a_line_says_how_long(
    tmp_path: Path, book: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time left is known while the built kernel is the one that was pushed."""
    build = {"command": "python build_kernel.py", "recipe": {"name": "small"}, "hours": 2.0}
    text = f"BUILD = {build_kernel.literal(build)}\n\nSHA256 = {{\n}}\n"
    build_kernel.write(tmp_path / "kernel" / "kernel.py", text)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    monkeypatch.setattr(kernels, "latest", lambda _: kernels.Latest(3, ""))
    monkeypatch.setattr(watch, "since", lambda row: 3600.0 if row else None)
    book.add(VERSION, kernel=KERNEL, version=3, source_sha256=sha256)
    found = watch.find(tmp_path, KERNEL)
    running = Session("RUNNING", "")
    assert watch.line(running, found, "kimg 1.0") == (
        "RUNNING    1:00:00 since the push  about 1:00:00 left  kimg 1.0"
    )
    assert watch.line(Session("QUEUED", ""), found, "") == "QUEUED     1:00:00 since the push"
    book.add(VERSION, kernel=KERNEL, version=3, source_sha256="0" * 64)
    found = watch.find(tmp_path, KERNEL)
    assert watch.line(running, found, "") == "RUNNING    1:00:00 since the push"
    elsewhere = watch.find(tmp_path, "me/other")
    assert watch.line(running, elsewhere, "") == "RUNNING"


# --- The real client ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_session_that_fails(
    kaggle: KaggleServer, book: Ledger, capfd: pytest.CaptureFixture[str]
) -> None:
    """Through every way in which Kaggle may not answer, to its message and the log's end."""
    number = book.add(VERSION, kernel=KERNEL, version=1)
    kaggle.kernels[KERNEL] = ["source"]
    kaggle.on("GetKernel", Lost(), None)
    kaggle.on(
        "GetKernelSessionStatus",
        {"status": "QUEUED"},
        {"status": "RUNNING"},
        Fault(429, "slow", {"Retry-After": "77"}),
        Fault(503, explained=False),
    )
    kaggle.state, kaggle.failure = "ERROR", "Your notebook ran out of memory."
    kaggle.log = ["recipe: small", "Traceback", "MemoryError"]
    assert main(["watch", KERNEL]) == 1
    printed = capfd.readouterr()
    assert f"{KERNEL} version 1: ERROR" in printed.out
    assert "Kaggle says: Your notebook ran out of memory." in printed.out
    assert printed.err.endswith("  recipe: small\n  Traceback\n  MemoryError\n")
    assert printed.err.count("and so does this watch") == 3
    assert kaggle.waits == pytest.approx([60, 30, 30, 77, 154])
    assert (book.row(number).state, book.row(number).ok) == ("ERROR", False)
    assert KEY not in printed.out + printed.err
    assert KEY.encode() not in ledger.FILE.read_bytes()


@pytest.mark.slow
def test_the_live_log(kaggle: KaggleServer) -> None:
    kaggle.kernels[KERNEL] = ["source"]
    kaggle.state, kaggle.log = "RUNNING", ["recipe: small", "kimg 1.0"]
    live = watch.LiveLog(KERNEL)
    try:
        for line in ("kimg 1.0", f"kimg 2.0 {KEY}"):
            if line not in kaggle.log:
                kaggle.log.append(line)
            deadline = time.monotonic() + 60
            while not live.last.startswith(line[:8]) and time.monotonic() < deadline:
                live.look()
                time.sleep(0.02)
            assert live.last.startswith(line[:8])
        assert live.last == "kimg 2.0 [hidden]"
    finally:
        live.close()
    assert len([each for each in kaggle.received if each.method == "logs"]) == 1


@pytest.mark.slow
def test_a_live_log_that_gives_nothing_is_given_up(kaggle: KaggleServer) -> None:
    kaggle.always("logs", Fault(404, explained=False))
    live = watch.LiveLog(KERNEL)
    deadline = time.monotonic() + 120
    while live._failed < watch.ATTEMPTS and time.monotonic() < deadline:
        live.look()
        time.sleep(0.02)
    live.look()
    live.close()
    assert live.last == ""
    assert len([each for each in kaggle.received if each.method == "logs"]) == watch.ATTEMPTS
