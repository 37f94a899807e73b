"""Peak memory, as the system counted it for a process of its own."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers import ROOT

PEAK = """
from pathlib import Path
line = next(x for x in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in x)
print(int(line.split()[1]) * 1024)
"""
FULL = """
import numpy as np
from mifid.features import Features
from mifid.score import score_features
random = np.random.default_rng(0)
real, fake = (random.random((n, 2048), dtype=np.float32) for n in (20_580, 10_000))
assert score_features(Features(fake), Features(real)).images == 10_000
"""
PICTURES = """
import sys
from mifid.score import score
assert score(sys.argv[1], sys.argv[2], device="cpu").images
"""

needs_proc = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="needs Linux, which counts a process's peak"
)


def peak(program: str, *arguments: Path) -> int:
    """Bytes that a fresh interpreter held at most."""
    ran = subprocess.run(
        [sys.executable, "-c", program + PEAK, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    return int(ran.stdout)


@pytest.mark.slow
@needs_proc
def test_a_whole_submission_against_the_whole_real_set() -> None:
    assert peak(FULL) < 1.5e9


@pytest.mark.slow
@needs_proc
def test_memory_does_not_grow_with_the_number_of_pictures(
    archive: Callable, drawn: Callable
) -> None:
    small, large = (archive(f"{n}.zip", drawn(n, n)) for n in (50, 1500))
    assert large.stat().st_size > 10e6
    # 1,450 more pictures have 18 MB of pixels and 1.5 MB of features a side.
    assert peak(PICTURES, large, large) - peak(PICTURES, small, small) < 30e6
