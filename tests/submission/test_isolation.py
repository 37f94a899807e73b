"""The launcher by itself."""

import json
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from submission import isolation


def launch(script: Path, networks: list[str], preface: str = "") -> tuple[dict[str, str], str]:
    """Runs a script through the launcher; returns what it reported and what was printed."""
    receive, send = socket.socketpair()
    order = {
        "run": [str(script)],
        "read_only": [],
        "networks": networks,
        "processors": 1,
        "own_disk": False,
        "report": send.fileno(),
    }
    code = f"import sys; sys.path.insert(0, {str(Path.cwd())!r})\n"
    code += f"from submission import isolation\n{preface}\nisolation.main({order!r})"
    with receive, send:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            pass_fds=[send.fileno()],
            capture_output=True,
            text=True,
            check=False,
        )
        return json.loads(receive.recv(65_536)), ran.stdout


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text("print('ran')\n")
    return path


def test_without_namespaces_sockets_are_blocked(script):
    refuse = "def refuse(as_user): raise PermissionError('not here')\n"
    words, printed = launch(
        script,
        list(isolation.NETWORKS),
        preface=refuse + "isolation.enter_namespaces = refuse",
    )
    assert "sockets blocked" in words["network"]
    assert "by permissions" in words["files"]
    assert printed == "ran\n"


def test_blocked_sockets_leave_what_stays_on_this_machine(script):
    script.write_text(
        textwrap.dedent("""
            import socket, sys, __main__
            left, right = socket.socketpair()
            left.sendall(b"unix")
            print(right.recv(4), bool(socket.getaddrinfo("localhost", 80)))
            for call in (
                lambda: socket.getaddrinfo("kaggle.com", 443),
                lambda: socket.gethostbyname("kaggle.com"),
                lambda: socket.socket().connect(("127.0.0.1", 9)),
                lambda: socket.socket(type=socket.SOCK_DGRAM).sendto(b"", ("192.0.2.1", 9)),
            ):
                try:
                    call()
                except OSError as error:
                    print(error.strerror)
            print(__name__, sys.argv == [__file__], __main__.__file__ == __file__)
        """)
    )
    _, printed = launch(script, [isolation.BLOCKED_SOCKETS])
    refused = "the rehearsal has no network"
    assert printed.splitlines() == ["b'unix' True", *[refused] * 4, "__main__ True True"]


def test_a_system_that_permits_nothing_is_an_error():
    with pytest.raises(OSError, match="permits none"):
        isolation.isolate([], [])


def test_a_missing_system_call_is_an_error():
    with pytest.raises(OSError, match="not known"):
        isolation.system_call("no_such_call")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties a process to its parent")
def test_an_abandoned_kernel_ends(tmp_path):
    script, pid = tmp_path / "script.py", tmp_path / "pid"
    script.write_text(
        f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    )
    code = (
        "import sys; from pathlib import Path; from submission import isolation;"
        "from submission.rehearsal_limits import Limits; from submission.rehearsal_run import run;"
        "from submission.rehearsal_staging import Staging;"
        f"run(Path({str(script)!r}), folder=Path({str(tmp_path)!r}), read_only=[],"
        "python=Path(sys.executable), environment={}, limits=Limits.of(60, None, None),"
        "staging=Staging(), networks=isolation.NETWORKS, echo=sys.stderr)"
    )
    rehearsal = subprocess.Popen([sys.executable, "-c", code])
    try:
        deadline = time.monotonic() + 20
        while not (pid.exists() and pid.read_text()) and time.monotonic() < deadline:
            time.sleep(0.05)
        running = psutil.Process(int(pid.read_text()))
    finally:
        rehearsal.kill()
        rehearsal.wait()
    gone, _ = psutil.wait_procs([running], timeout=2)
    assert gone or running.status() == psutil.STATUS_ZOMBIE
