"""How a side of `python -m bench metric` is called, and how it answers: one line of JSON.

It needs the standard library alone, so that a side's memory and seconds are its own.
"""

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Score = Callable[[Path, Path, Path, str], dict[str, float]]


def answer(score: Score, versions: dict[str, str]) -> None:
    """Call ``score`` with the command's words and print its values, its seconds and ``versions``.

    The words are the generated pictures, the real ones, the network (a graph's file or the folder
    that ``bench.weights.export`` has written) and the device. The seconds leave out what the
    caller has imported before.
    """
    generated, real, network, device = sys.argv[1:]
    start = time.perf_counter()
    values = score(Path(generated), Path(real), Path(network), device)
    seconds = time.perf_counter() - start
    print(json.dumps(values | {"seconds": seconds, "versions": versions}))
