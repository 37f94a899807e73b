"""Runs a command as a process of its own and tells its seconds and its peak memory.

On Linux the peak that `wait4` reports for a process begins with the memory of whoever started it:
at `exec` the kernel adds the peak of the memory that is left behind, which is the starter's. A
program that holds torch would lend each child some 500 MB. So the command is started by this file,
run as a small program of its own; it needs the standard library alone.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Run:
    """What a command did.

    seconds: from its start to its end. processor_seconds: of all cores together, which other work
    on the machine changes little. peak_bytes: of resident memory, in the largest of its processes.
    code: its exit code, or minus the signal that ended it.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int
    code: int
    stdout: str
    stderr: str


def run_alone(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Run:
    """Run the command in the folder and wait for it; raises OSError where it cannot be started."""
    with tempfile.TemporaryDirectory() as place:
        report = Path(place, "report.json")
        starter = [sys.executable, "-I", "-S", __file__, str(report)]
        process = subprocess.Popen(
            [*starter, *command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
        try:
            stdout, stderr = process.communicate()
        except BaseException:  # Ctrl-C, say: what runs for minutes must not go on unseen
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        if not report.is_file():
            raise OSError(f"{command[0]} cannot be started: {stderr.strip()[-200:]}")
        return Run(**json.loads(report.read_text()), stdout=stdout, stderr=stderr)


def _start(report: Path, command: list[str]) -> None:
    start = time.perf_counter()
    child = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(child, 0)
    seconds = time.perf_counter() - start
    unit = 1 if sys.platform == "darwin" else 1024
    peak, code = usage.ru_maxrss * unit, os.waitstatus_to_exitcode(status)
    facts = {"seconds": seconds, "processor_seconds": usage.ru_utime + usage.ru_stime}
    report.write_text(json.dumps(facts | {"peak_bytes": peak, "code": code}))


if __name__ == "__main__":
    _start(Path(sys.argv[1]), sys.argv[2:])
