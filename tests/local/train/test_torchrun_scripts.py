"""The scripts that start torchrun on several machines, without machines and without torchrun."""

import os
import signal
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
from helpers import ROOT

HOSTS, SLURM = ROOT / "tools" / "train_hosts.sh", ROOT / "tools" / "train.slurm"
PATIENCE = 30  # seconds after which what a test waits for does not come
run = partial(subprocess.run, capture_output=True, text=True, check=False)


def script(file: Path, source: str) -> Path:
    file.write_text(f"#!/bin/sh\n{source}")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


@pytest.fixture
def ssh(tmp_path: Path) -> Path:
    """A machine of each name, which is this one; `nowhere` cannot be reached."""
    source = '[ "$1" != nowhere ] || exit 255\nHOST=$1 exec sh -c "$2"\n'
    return script(tmp_path / "ssh", source)


@contextmanager
def start(ssh: Path, python: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The script at work; it ends with the context at the latest."""
    options = ["--ssh", str(ssh), "--python", str(python), "--folder", str(ssh.parent)]
    with subprocess.Popen(
        [HOSTS, *options, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        try:
            yield started
        finally:
            if started.poll() is None:
                os.killpg(started.pid, signal.SIGKILL)


def wait_for(event: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not event():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_each_host_gets_the_same_command(ssh, tmp_path):
    source = """
[ "$1" != -c ] || { echo 5; exit; }
printf '%s\\n' "$TORCH_DISABLE_SHARE_RDZV_TCP_STORE" "$PWD" "$@" > "$HOST.txt"
[ "$HOST" = me@second ] && exit 3
exit 0
"""
    python = script(tmp_path / "pyth on", source)
    train = ["--out", "a run of 'mine' $HOME", "batch=64"]
    with start(
        ssh, python, "--least", "2", "--port", "29", "me@first,me@second", *train
    ) as started:
        out, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, out) == (3, "")
    assert err == "train_hosts: me@second ended with exit code 3\n"
    for host, is_host in (("first", 1), ("second", 0)):
        disabled, folder, *words = (tmp_path / f"me@{host}.txt").read_text().splitlines()
        assert (disabled, folder) == ("1", str(tmp_path))
        assert words[:2] == ["-m", "torch.distributed.run"]
        assert words[words.index("--nnodes") + 1] == "2:2"
        assert words[words.index("--nproc-per-node") + 1] == "5"
        assert words[words.index("--rdzv-endpoint") + 1] == "first:29"
        assert words[words.index("--local-addr") + 1] == host
        assert f"is_host={is_host}" in words
        assert words[-6:] == ["-m", "local", "train", *train]


WAITS = """
trap 'touch "$HOST.ended"; exit 7' TERM
touch "$HOST.started"
while :; do sleep 0.05; done
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_however_it_ends_all_end(number, ssh, tmp_path):
    python = script(tmp_path / "python", WAITS)
    with start(ssh, python, "--processes", "1", "a,b,c") as started:
        wait_for(lambda: len(list(tmp_path.glob("*.started"))) == 3)
        os.kill(started.pid, number)
        _, err = started.communicate(timeout=PATIENCE)
    wait_for(lambda: len(list(tmp_path.glob("*.ended"))) == 3)
    if number != signal.SIGKILL:
        told = [f"train_hosts: {host} ended with exit code 7" for host in "abc"]
        assert (started.returncode, err.splitlines()) == (7, told)


def test_a_host_that_cannot_be_reached_is_said(ssh, tmp_path):
    python = script(tmp_path / "python", "")
    with start(ssh, python, "--processes", "1", "here,nowhere") as started:
        _, err = started.communicate(timeout=PATIENCE)
    assert (started.returncode, err) == (255, "train_hosts: nowhere ended with exit code 255\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ([], "no hosts"),
        ([","], "no hosts"),
        (["--least", "3", "a,b"], "--least 3: there are 2 hosts"),
        (["--port", "x", "a"], "--port x: not a whole number"),
        (["--port"], "--port needs a value"),
        (["--recipe", "dcgan"], "no option --recipe before the hosts"),
    ],
)
def test_wrong_use_of_hosts_is_one_line(words, says):
    ran = run([HOSTS, *words])
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"train_hosts: {says}") and ran.stderr.count("\n") == 1


def slurm(folder: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs it as on the first machine of a job, with stand-ins for Slurm's programs."""
    script(folder / "scontrol", 'echo "$3" | tr , "\\n"\n')
    script(folder / "srun", 'printf "%s\\n" "$TORCH_DISABLE_SHARE_RDZV_TCP_STORE" "$@"\n')
    path = {"PATH": f"{folder}:{os.environ['PATH']}", "PYTHON": "sh"}
    return run([SLURM, *words], cwd=ROOT, env=path | environment)


def test_a_job_of_slurm_starts_one_torchrun_a_machine(tmp_path):
    job = {"SLURM_JOB_NODELIST": "n3,n4", "SLURM_JOB_NUM_NODES": "2", "SLURM_JOB_ID": "12345"}
    ran = slurm(tmp_path, "--out", "a run", "batch=8", **job, SLURM_GPUS_ON_NODE="4", RESTARTS="9")
    assert ran.returncode == 0, ran.stderr
    disabled, *words = ran.stdout.splitlines()
    assert disabled == "1" and words[words.index("sh") :][:3] == [
        "sh",
        "-m",
        "torch.distributed.run",
    ]
    options = {
        "--nnodes": "1:2",
        "--nproc-per-node": "4",
        "--max-restarts": "9",
        "--rdzv-endpoint": "n3:22345",
    }
    assert {name: words[words.index(name) + 1] for name in options} == options
    assert words[-6:] == ["-m", "local", "train", "--out", "a run", "batch=8"]


def test_a_job_of_slurm_with_one_core_for_all_is_told(tmp_path):
    job = {"SLURM_JOB_NODELIST": "n3", "SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_ID": "1"}
    for cores, told in (("1", "1 cores for 4 processes"), ("7", "7 cores for 4"), ("8", "")):
        ran = slurm(tmp_path, **job, SLURM_GPUS_ON_NODE="4", SLURM_CPUS_ON_NODE=cores)
        assert ran.returncode == 0 and "--cpu-bind=none" in ran.stdout.splitlines()
        assert ran.stderr.startswith(f"train.slurm: {told}" if told else "")
        assert ran.stderr.count("\n") == bool(told)


def test_wrong_use_of_the_job_is_one_line(tmp_path):
    job = {"SLURM_JOB_NODELIST": "n3", "SLURM_JOB_NUM_NODES": "1", "SLURM_JOB_ID": "1"}
    for environment, says in (
        ({}, "not in a job of Slurm; start it with sbatch"),
        (job | {"PYTHON": "no-such-python"}, "no no-such-python; make the environment"),
    ):
        ran = slurm(tmp_path, **environment)
        assert (ran.returncode, ran.stdout) == (2, "")
        assert ran.stderr.startswith(f"train.slurm: {says}") and ran.stderr.count("\n") == 1


@pytest.mark.parametrize("file", [HOSTS, SLURM])
def test_help_has_examples(file):
    ran = run([file, "--help"])
    assert ran.returncode == 0 and "--recipe biggan" in ran.stdout and "set -eu" not in ran.stdout
