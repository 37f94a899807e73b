"""Training's memory does not grow, and what `python -m bench hours` measures would show it."""

import json
import os
import subprocess
import sys

import pytest
from helpers import ROOT


@pytest.mark.slow
@pytest.mark.parametrize(("kept", "low", "high"), [(0, -1.0, 0.5), (100_000, 1.0, 5.0)])
def test_training_keeps_nothing_and_a_watcher_that_does_would_show(kept, low, high, tmp_path):
    """100,000 bytes a step are 3 MB an hour; in a process of its own, where no leak finds room."""
    record = tmp_path / "bench.jsonl"
    code = f"""
import torch
from bench import hours
from bench.__main__ import main
from submission import archive

archive.COUNT, hours.STEP_SECONDS = 20, 120.0  # thirty steps an hour
held, usual = [], hours._Memory.tick

def tick(memory, record):
    held.append(torch.ones({kept}, dtype=torch.uint8))
    usual(memory, record)

hours._Memory.tick = tick
raise SystemExit(main(["hours", "--hours", "10", "--out", {str(record)!r}]))
"""
    # One thread: several would wait for each other on a machine that is busy.
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=alone, check=True)
    assert low < json.loads(record.read_text())["megabytes_per_hour"] < high
