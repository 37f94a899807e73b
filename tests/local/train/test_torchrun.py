"""Training that torchrun starts: several processes, on what stands for several machines."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from helpers import ROOT, noise
from kernel_runs import Forked, run_python
from safetensors.torch import load_file
from torch.distributed import TCPStore

from local import recipes
from local.__main__ import main
from local.data.prepared import prepare_for
from local.errors import InputError
from local.train import devices
from local.train.build import trainer
from local.train.cluster import Cluster
from local.train.place import Place
from submission import archive

TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8"]
IMAGES = 24
PATIENCE = 400  # seconds after which what a test waits for does not come


@pytest.fixture
def data(tmp_path: Path) -> Path:
    pictures = tmp_path / "data" / "all-dogs"
    pictures.mkdir(parents=True)
    for i in range(24):
        noise(20, 16, i).save(pictures / f"n0000000{i % 2}_{i}.jpg")
    return pictures.parent


def words(data: Path, run: Path, *more: str) -> list[str]:
    fixed = ["--device", "cpu", "--images", str(IMAGES), "--data", str(data), "--out", str(run)]
    return ["train", *fixed, *TINY, *more]


# What torchrun leaves to its processes, without torchrun: they are forked, and start in no time.


class Launch:
    """What stands for torchrun, and for its store, which outlives the processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)

    def __call__(
        self, name: str, commands: list[list[str]], before: dict[int, str] | None = None
    ) -> list[Forked]:
        """Runs a command a process, each as one of a machine of its own.

        Args:
            name: of this launch.
            commands: of `python -m local`.
            before: Python that runs first in the process of that rank.
        """
        each = [[command] for command in commands]
        return self.in_a_row(name, each, before or {})

    def in_a_row(
        self, name: str, commands: list[list[list[str]]], before: dict[int, str]
    ) -> list[Forked]:
        """The same, of several commands a process, one after another.

        A line of a command's exit code stands after what it says on stderr; that of the process is
        that of the last.
        """

        def start(rank: int) -> Forked:
            environment = {
                "RANK": rank,
                "WORLD_SIZE": len(commands),
                "LOCAL_RANK": 0,
                "LOCAL_WORLD_SIZE": 1,
                "GROUP_WORLD_SIZE": len(commands),
                "MASTER_ADDR": "127.0.0.1",
                "MASTER_PORT": self.store.port,
                "TORCHELASTIC_RUN_ID": "test",
                "TORCHELASTIC_USE_AGENT_STORE": True,
                "DOGS_CACHE": self.folder / "cache",
            }
            texts = {key: str(value) for key, value in environment.items()}
            source = f"""
import os, sys, time
os.environ |= {texts}
from local.__main__ import main
from local.train import lifesigns
from kernel_runs import at_step, nth_call
lifesigns.BEAT, lifesigns.SILENCE = 0.2, 20.0
{before.get(rank, "")}
for command in {commands[rank]}:
    try:
        code = main(command)
    except SystemExit as end:
        code = end.code
    print("exit", code, file=sys.stderr)
sys.exit(code)
"""
            return run_python(self.folder / name / str(rank), source)

        with ThreadPoolExecutor(len(commands)) as pool:
            return list(pool.map(start, range(len(commands))))


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    return Launch(tmp_path)


def kept(run: Path, steps: int) -> dict[str, dict[str, torch.Tensor]]:
    folder = run / "snapshots" / f"step-{steps:09}"
    return {n: load_file(folder / f"{n}.safetensors") for n in ("generator", "discriminator")}


def reference(data: Path, steps: int, splits: int) -> dict[str, dict[str, torch.Tensor]]:
    """Weights of one process that works through each batch in splits."""
    recipe = recipes.override(recipes.get(recipes.DEFAULT), TINY)
    model = trainer(recipe, devices.choose("cpu"), prepare_for(recipe, data))
    model.splits = splits
    for step in range(steps):
        model.step(max(step - 1, 0) / steps)  # a team knows its leader's progress a step later
    parts = {name: model.networks()[name] for name in ("generator", "discriminator")}
    return {name: dict(part.named_parameters()) for name, part in parts.items()}


def check_equal(run: Path, data: Path, steps: int) -> None:
    weights = kept(run, steps)
    for name, expected in reference(data, steps, splits=2).items():
        for key, tensor in expected.items():
            torch.testing.assert_close(weights[name][key], tensor.detach(), atol=1e-4, rtol=0)


@pytest.mark.slow
def test_processes_started_again_go_on_in_any_number(launch, data, tmp_path):
    """The store still holds the addresses of those before, as torchrun's does."""
    run = tmp_path / "run"
    first = launch("first", 2 * [words(data, run, "--steps", "4")])
    assert [one.code for one in first] == [0, 0], first[0].err
    # A line of gloo's own, which torch 2.10 has on stdout, and later ones do not.
    said = [
        [line for line in one.out.splitlines() if not line.startswith("[Gloo] ")] for one in first
    ]
    assert said == [[str(run / "images.zip")], []]
    assert "on 2 x CPU" in first[0].err and first[1].err == "exit 0\n"  # the leader speaks
    archive.check(run / "images.zip", IMAGES)
    check_equal(run, data, 4)
    assert first[0].err.count("no machine can join or replace another: ") == 1
    few = words(data, tmp_path / "few", "batch=2")
    three = launch.in_a_row("three", 3 * [[few, words(data, run, "--steps", "8")]], {})
    assert [one.code for one in three] == [0, 0, 0], three[0].err
    assert sum(one.err.count("batch=2 cannot be shared by 3 processes") for one in three) == 1
    assert "resuming at 0.0 kimg" in three[0].err and "on 3 x CPU" in three[0].err
    assert main(words(data, run, "--steps", "9")) == 0  # one alone, and without torchrun
    assert sorted(path.name for path in (run / "snapshots").iterdir())[-1] == "step-000000009"


@pytest.mark.slow
def test_what_is_wrong_is_said_once(launch, data, tmp_path):
    good = words(data, tmp_path / "run", "--steps", "2")
    others = tmp_path / "others" / "all-dogs"
    others.mkdir(parents=True)
    noise(20, 16, 99).save(others / "n00000000_1.jpg")
    nowhere = words(tmp_path / "nowhere", tmp_path / "run", "--steps", "2")
    elsewhere = words(others.parent, tmp_path / "run", "--steps", "2")
    wrong = [
        (nowhere, nowhere, "nowhere"),
        (good, nowhere, f"(on {socket.gethostname()})"),
        ([*good, "batch=x"], [*good, "batch=x"], "batch"),
        (good, [*good, "g_lr=0.5"], "other settings than the first (g_lr=0.5 not "),
        (good, [*good, "--steps", "3"], "other budget than the first (steps=3 not 2)"),
        (good, elsewhere, "other data than the first (pictures=2 not 48"),
        ([*good, "--device", "cuda:1"], [*good, "--device", "cuda:1"], "say auto or cpu"),
        (["train", "--aug-sheet", "a.png"], ["train", "--aug-sheet", "a.png"], "without torchrun"),
        (["sweep"], ["sweep"], "start the same command on each machine, with one --storage"),
        (["compare"], ["compare"], "start it without torchrun"),
    ]
    firsts, seconds, _ = zip(*wrong, strict=True)
    ran = launch.in_a_row("launch", [list(firsts), list(seconds)], {})
    parts = [one.err.split("exit 2\n") for one in ran]
    assert [len(part) for part in parts] == 2 * [len(wrong) + 1], (ran[0].err, ran[1].err)
    for (*_, told), *both in zip(wrong, *parts, strict=False):
        lines = [line for said in both for line in said.splitlines()]
        lines = [line for line in lines if not line.startswith(("data: ", "no machine can join "))]
        assert len(lines) == 1 and lines[0].startswith("local ") and told in lines[0], lines
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_folder_that_not_all_see_is_said(launch, data, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    ran = launch(
        "launch",
        [words(data, tmp_path / "run", "--steps", "2"), words(data, elsewhere, "--steps", "2")],
    )
    assert [one.code for one in ran] == [0, 0]
    told = f"{socket.gethostname()} does not see {tmp_path / 'run'}, and could not go on"
    assert sum(told in line for line in ran[0].err.splitlines()) == 1
    assert not elsewhere.exists()


HANGS = """
def hang():  # as a machine that is cut off: it neither answers nor ends
    lifesigns.LifeSigns._beat = lambda *_: None
    time.sleep(8)
    os._exit(7)
at_step(3, hang)
"""
DIES = "at_step(3, lambda: os._exit(7))"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("before", "silence", "says"),
    [
        pytest.param(HANGS, 3, "process 0 of 2 ends: process 1 gives no sign of life", id="hangs"),
        pytest.param(DIES, 60, "local train: an exchange of the team broke off", id="dies"),
    ],
)
def test_a_member_that_is_gone_ends_the_others(before, silence, says, launch, data, tmp_path):
    words_ = words(data, tmp_path / "run", "--steps", "1000")
    ran = launch("launch", 2 * [words_], {0: f"lifesigns.SILENCE = {silence}", 1: before})
    assert [one.code for one in ran] == [1, 7]
    told = [line for line in ran[0].err.splitlines() if line.startswith(("local ", "process "))]
    assert len(told) == 1 and told[0].startswith(says), ran[0].err
    assert "Traceback" not in ran[0].err


ORPHANED = "at_step(3, lambda: setattr(os, 'getppid', lambda: 1))"


@pytest.mark.slow
def test_a_process_does_not_outlive_torchrun(launch, data, tmp_path):
    """Which would start another one in the same folder."""
    (ran,) = launch("launch", [words(data, tmp_path / "run", "--minutes", "60")], {0: ORPHANED})
    assert ran.code == 1 and "process 0 of 1 ends: torchrun is gone" in ran.err.splitlines()


def test_each_process_of_a_machine_has_a_gpu_of_its_own(monkeypatch):
    chosen: list[str] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(devices, "choose", chosen.append)
    processes = [Cluster(Place(n, 3, n, 3, launched=True)) for n in range(3)]
    for process in processes[:2]:
        process.device("auto")
    processes[2].device("cpu")
    Cluster(Place()).device("cuda:1")  # without torchrun
    assert chosen == ["cuda:0", "cuda:1", "cpu", "cuda:1"]
    with pytest.raises(InputError, match="3 processes, 2 GPUs: have one process a GPU"):
        processes[2].device("auto")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    processes[2].device("auto")
    assert chosen[-1] == "cpu"


@pytest.mark.slow
def test_ctrl_c_is_the_leaders(launch, data, tmp_path):
    """torchrun hands it to all; those that do not lead end with the leader."""
    run = tmp_path / "run"
    both = "at_step(3, lambda: os.kill(os.getpid(), 2))"
    ran = launch("launch", 2 * [words(data, run, "--steps", "1000")], {0: both, 1: both})
    assert [one.code for one in ran] == [130, 0], ran[0].err
    assert "the same command goes on from there" in ran[0].err
    # the step in which it came, and the one that tells the other
    assert (run / "snapshots" / "step-000000004").is_dir()
    assert not (run / "images.zip").exists()


# torchrun itself.


@contextmanager
def agent(folder: Path, name: str, options: list[str], command: list[str]) -> Iterator["Agent"]:
    environment = os.environ | {
        "OMP_NUM_THREADS": "1",
        "DOGS_CACHE": str(folder / "cache"),
        "TMPDIR": str(folder),  # torchrun leaves a folder there
        "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1",
    }
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "1", *options]
    with (folder / f"{name}.txt").open("w") as log:
        started = subprocess.Popen(
            [*torchrun, "-m", "local", *command],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield Agent(started, folder / f"{name}.txt")
        finally:
            if started.poll() is None:
                Agent(started, folder / f"{name}.txt").kill()


class Agent:
    """torchrun on a machine, and its processes."""

    def __init__(self, started: subprocess.Popen[bytes], log: Path) -> None:
        self.started, self.log = started, log

    @property
    def said(self) -> str:
        return self.log.read_text()

    def kill(self) -> None:
        """What a power failure does."""
        number = self.started.pid
        workers = Path(f"/proc/{number}/task/{number}/children").read_text().split()
        for process in (number, *map(int, workers)):
            os.kill(process, signal.SIGKILL)
        self.started.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def meeting(nodes: str, port: int, host: bool, last_call: int = 15) -> list[str]:
    conf = f"is_host={int(host)},last_call_timeout={last_call},keep_alive_interval=1"
    where = ["--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{port}"]
    options = ["--nnodes", nodes, "--max-restarts", "2", "--local-addr", "127.0.0.1"]
    return [*options, *where, "--rdzv-id", "test", "--rdzv-conf", conf]


def wait_for(event: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE
    while not event():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.slow
def test_two_machines_have_the_weights_of_one_process_with_two_splits(data, tmp_path):
    run, port = tmp_path / "run", free_port()
    command = words(data, run, "--steps", "6")
    with (
        agent(tmp_path, "first", meeting("2", port, True), command) as first,
        agent(tmp_path, "second", meeting("2", port, False), command) as second,
    ):
        assert first.started.wait(PATIENCE) == 0, first.said
        assert second.started.wait(PATIENCE) == 0, second.said
    both = first.said + second.said
    assert both.count("on 2 x CPU") == 1 and both.count(str(run / "images.zip")) == 1
    archive.check(run / "images.zip", IMAGES)
    check_equal(run, data, 6)


@pytest.mark.slow
def test_where_the_leading_machine_dies_the_other_finishes_the_run(data, tmp_path):
    run, port = tmp_path / "run", free_port()
    command = words(data, run, "--steps", "300", "snapshots=20")

    def snapshots() -> list[str]:
        return sorted(path.name for path in (run / "snapshots").glob("step-*[1-9]*"))

    # The one that was started first leads: torchrun counts by address and process.
    with (
        agent(tmp_path, "leads", meeting("1:2", port, False), command) as leads,
        agent(tmp_path, "other", meeting("1:2", port, True), command) as other,
    ):
        wait_for(snapshots)
        leads.kill()
        there = snapshots()
        assert other.started.wait(PATIENCE) == 0, other.said
    assert "no machine can join" not in leads.said
    assert "on 2 x CPU" in leads.said and "resuming at" not in leads.said
    resumed = next(line for line in other.said.splitlines() if line.startswith("resuming at"))
    assert resumed in [f"resuming at {8 * int(name[5:]) / 1000:.1f} kimg" for name in there]
    assert "on CPU" in other.said and "Traceback (most recent call last)" not in other.said
    assert snapshots()[-1] == "step-000000300"
    archive.check(run / "images.zip", IMAGES)
