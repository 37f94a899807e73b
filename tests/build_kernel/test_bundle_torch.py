"""Torch in a kernel: it starts workers and reads sources by itself, and there are no files."""

import ast
import shutil
import sysconfig
from pathlib import Path

import pytest

SPAWNS = {
    "local/work.py": """
import torch
from local.net import Net

def fill(rank, shared):
    shared[rank] = Net()(torch.full((1, 3, 8, 8), float(rank))).sum().detach()
""",
    "local/kernel.py": """
import torch
from local.net import Net
from local.work import fill

def main(build, started):
    shared = torch.zeros(2).share_memory_()
    torch.multiprocessing.spawn(fill, args=(shared,), nprocs=2)
    here = torch.zeros(2)
    for rank in range(2):
        fill(rank, here)
    print(torch.allclose(shared, here), bool(shared.abs().min() > 0))
    return 0
""",
}
NET = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv = nn.Conv2d(3, 4, 3)
        self.norm = nn.BatchNorm2d(4)

    def forward(self, x):
        return self.scale(torch.relu(self.norm(self.conv(x)))).mean((2, 3))

    def scale(self, x):
        return 2 * x + 1


class Broken(Net):
    def scale(self, x):
        torch._dynamo.graph_break()  # here
        return super().scale(x)
"""
COMPILES = {
    "local/kernel.py": """
import os
import torch
from local.net import Broken, Net

def main(build, started):
    backend = os.environ["BACKEND"]
    pictures = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    for kind in (Net, Broken):
        plain, net = kind(), kind()
        compiled = torch.compile(net, backend=backend, fullgraph=kind is Net)
        expected, logits = plain(pictures), compiled(pictures)
        expected.sum().backward()
        logits.sum().backward()
        torch.testing.assert_close(logits, expected)
        torch.testing.assert_close(net.conv.weight.grad, plain.conv.weight.grad)
        torch.testing.assert_close(net.norm.running_mean, plain.norm.running_mean)
    counts = torch._dynamo.utils.counters
    print([counts["stats"]["unique_graphs"], sum(counts["graph_break"].values())])
    torch.compiler.reset()
    torch.compile(Broken(), backend=backend, fullgraph=True)(pictures)  # must fail
    return 0
""",
}


@pytest.fixture
def inductor() -> None:
    headers = Path(sysconfig.get_path("include"), "Python.h")
    if not (shutil.which("g++") and headers.is_file()):
        pytest.skip("torch's own compiler needs g++ and Python.h, and they are not here")


@pytest.mark.slow
def test_workers_that_torch_spawns_import_carried_modules(project, bundle, run):
    ran = run(bundle(project({**SPAWNS, "local/net.py": NET})).text, seconds=300)
    assert (ran.code, ran.out) == (0, "True True\n"), ran.err


def compiles(project, bundle, run, backend, folder):
    """Compiles a carried network whole, then one with a break in it, whose line an error shows."""
    text = bundle(project({**COMPILES, "local/net.py": NET})).text
    ran = run(text, seconds=500, BACKEND=backend, TORCHINDUCTOR_CACHE_DIR=str(folder))
    graphs, breaks = ast.literal_eval(ran.out)
    assert graphs > 1 and breaks > 0, ran.err
    # Dynamo reads the source for its messages: the true line, though there is no such file.
    assert f'File "{ran.script}/local/net.py", line 22, in scale\n' in ran.err
    assert "torch._dynamo.graph_break()  # here" in ran.err
    assert ran.code == 1


@pytest.mark.slow
def test_a_carried_network_is_traced_by_torch_compile(project, bundle, run, tmp_path):
    compiles(project, bundle, run, "eager", tmp_path / "cache")


@pytest.mark.slow
@pytest.mark.usefixtures("inductor")
def test_a_carried_network_is_compiled_by_torch_compile(project, bundle, run, tmp_path):
    compiles(project, bundle, run, "inductor", tmp_path / "cache")
