"""The other end of `launcher.py`: takes what to run from the notebook, and ends with it.

`build_kernel.py` copies this file into `script.py`, which the notebook writes and runs.
"""

import json
import os
import signal
import sys
from threading import Thread
from typing import Any


def receive() -> tuple[dict[str, Any], float]:
    """Returns BUILD and STARTED, which come in one line of standard input."""
    build, started = json.loads(sys.stdin.readline())
    Thread(target=end_with_notebook, daemon=True).start()
    return build, started


def end_with_notebook() -> None:
    """Asks this process to end when the notebook is gone, even killed: nothing else would."""
    # Not by sys.stdin, whose lock a waiting thread would keep from the interpreter at its end.
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
