"""Runs the modules written above in a process of its own, and shows its log as it grows.

`build_kernel.py` copies this file into the last cell of `kernel.ipynb`. A process of its own:
workers that torch spawns find the modules in files, a changed module is read anew, and at its end
the GPU's memory is free.
"""

import hashlib
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any


def launch(folder: Path, build: dict[str, Any], started: float, digests: dict[str, str]) -> None:
    """Runs `script.py` in the current folder.

    Args:
        folder: where the cells wrote the modules.
        build: BUILD; called dirty where a module is not what was built.
        started: STARTED, on a clock that all processes of a machine share.
        digests: sha256 of each module as it was built, by path.

    Raises:
        RuntimeError: a module's cell was not run, or the run left no valid archive.
    """
    if changed := changes(folder, digests):
        print(f"changed in this notebook: {', '.join(changed)}", flush=True)
        build = {**build, "dirty": True}
    process = subprocess.Popen(
        [sys.executable, "-uB", str(folder / "script.py")],
        stdin=subprocess.PIPE,  # open as long as this notebook lives: the process ends with it
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        start_new_session=True,  # or Ctrl-C would reach it once or twice, as the system likes
    )
    assert process.stdin
    assert process.stdout
    with process:
        print(json.dumps([build, started]), file=process.stdin, flush=True)
        while True:
            try:
                for line in process.stdout:
                    print(line, end="", flush=True)
                break
            except KeyboardInterrupt:  # the first one asks for a last archive
                process.send_signal(signal.SIGINT)
    if process.returncode:
        raise RuntimeError(
            f"the run ended with exit code {process.returncode}, its last lines say why; to run "
            "again, first run the cell that sets STARTED"
        )


def changes(folder: Path, digests: dict[str, str]) -> list[str]:
    """Lists the modules that are not what was built."""
    found = {path: (folder / path).read_bytes() for path in digests}
    changed = [path for path in found if hashlib.sha256(found[path]).hexdigest() != digests[path]]
    if missing := [path for path in changed if not found[path]]:
        raise RuntimeError(f"first run the cells of {', '.join(missing)}, or all cells")
    return changed
