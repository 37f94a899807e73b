"""The built file itself, where that matters: in a rehearsal, and as a team that it spawns."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace

import psutil
import pytest
from helpers import ROOT

from build_kernel import bundle
from local import recipes
from submission import archive
from submission.rehearse import rehearse

RECIPE = replace(recipes.get("dcgan"), g_width=4, d_width=4, latent=8, batch=16)


def built(file):
    settings = {"recipe": asdict(RECIPE), "hours": 9.0}
    file.write_text(bundle(ROOT, "local.kernel", settings, "python build_kernel.py").text)
    return file


@pytest.mark.slow
def test_the_built_kernel_passes_a_rehearsal(make_dogs, tmp_path):
    out = tmp_path / "images.zip"
    kernel = built(tmp_path / "kernel.py")
    report = rehearse(kernel, make_dogs(30), limit=45, out=out, echo=io.StringIO())
    assert report.ok, report.failures
    assert report.archive["images"] == report.result["images"] == 10_000
    assert report.result["steps"] > 0 and report.result["kimg"] > 0
    assert report.result["stopped"] is None
    # the budget was used, and the deadline kept
    assert report.total_seconds < 45
    assert report.archive["comment"]["recipe"]["g_width"] == 4
    assert out.is_file()


def replaced(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.slow
def test_a_team_is_spawned_by_the_one_file(make_dogs, tmp_path):
    """As on two GPUs, for which it takes the CPU twice here; then a member dies."""
    kernel, folder = built(tmp_path / "kernel.py"), tmp_path / "out"
    text = replaced(kernel.read_text(), "or [_cpu()]\n\n\n", "or [_cpu(), _cpu()]\n\n\n")
    kernel.write_text(replaced(text, "\nCOUNT = 10_000 ", "\nCOUNT = 50 "))
    folder.mkdir()
    images = folder / "images.zip"
    process = subprocess.Popen(
        [sys.executable, "-I", str(kernel)],
        cwd=folder,
        env=os.environ
        | {"KAGGLE_INPUT": str(make_dogs(30)), "KERNEL_SECONDS": "300", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while process.poll() is None and not images.exists():
            time.sleep(0.1)
        others = psutil.Process(process.pid).children(recursive=True)
        member = next(other for other in others if "--multiprocessing-fork" in other.cmdline())
        member.send_signal(signal.SIGKILL)
        killed = time.monotonic()
        out, errors = process.communicate(timeout=60)
    finally:
        process.kill()
    assert time.monotonic() - killed < 10
    assert process.returncode == 0, errors
    result = json.loads(out.splitlines()[-1])
    assert result["device"].startswith("2 x CPU") and "is gone" in result["stopped"]
    assert archive.check(images, count=50).comment["device"] == result["device"]
    assert [path.name for path in folder.iterdir()] == ["images.zip"]
    assert psutil.wait_procs(others, timeout=10)[1] == []
