"""Teams of two processes, on the CPU."""

import os
import time

import pytest
import torch
from kernel_runs import TINY, run_kernel, run_python

from local.recipes import Recipe
from local.train.adversaries import Adversaries

TWO = """
import torch
from local.train import devices
devices.choose_all = lambda: 2 * [devices.Device(torch.device("cpu"), "CPU", torch.float32)]
"""

TRAINS = """
import json, os, torch
from pathlib import Path
from local.data.prepared import TrainingSet
from local.recipes import Recipe
from local.train.adversaries import Adversaries
from local.train.crew import Crew
from local.train.devices import Device

device = Device(torch.device("cpu"), "CPU", torch.float32)
recipe = Recipe(size=16, g_width=8, d_width=8, latent=8, batch=8)
pictures = torch.arange(40 * 3 * 16 * 16).mul(7).remainder(256).to(torch.uint8).view(40, 3, 16, 16)
data = TrainingSet(pictures, torch.zeros(40).long(), ["x"])
numbers = []
with Crew([device, device], recipe, data, Path.cwd(), lambda what: os._exit(9)) as team:
    adversaries = Adversaries(recipe, device, data, team)
    for n in range(6):
        numbers.append(adversaries.step(0.0, (0.0, float(n == 5))).tolist())
print(json.dumps(numbers))
"""


@pytest.mark.slow
def test_two_processes_have_the_losses_of_the_one_process_reference(tmp_path):
    ran = run_python(tmp_path, TRAINS)
    assert ran.code == 0, ran.err
    namespace = {}
    exec(TRAINS.partition("numbers = ")[0], namespace)  # the same recipe and pictures
    assert isinstance(namespace["recipe"], Recipe)
    reference = Adversaries(namespace["recipe"], namespace["device"], namespace["data"])
    reference.splits = 2  # a device's batch-norm statistics are those of its share
    for got in ran.result:
        expected = reference.step()
        torch.testing.assert_close(
            torch.tensor(got[: len(Adversaries.statistics)]), expected, atol=1e-4, rtol=0
        )


SIGNALS = """
import multiprocessing, os
def interrupt():
    for process in (*multiprocessing.active_children(), os):
        os.kill(process.pid if process is not os else os.getpid(), 2)
at_step(10, interrupt)
"""


@pytest.mark.slow
def test_a_team_makes_one_submission_and_ctrl_c_stops_it_in_order(tmp_path):
    ran = run_kernel(tmp_path, TWO + SIGNALS)
    assert (ran.code, ran.left) == (128 + 2, ["images.zip"]), ran.err
    assert ran.result["device"] == ran.images.comment["device"] == "2 x CPU"
    # the step in which it came, and the one that tells the other
    assert ran.result["steps"] == 11
    assert ran.images.comment["kimg"] == 11 * TINY.batch / 1000
    assert "Traceback" not in ran.err


KILL = """
import multiprocessing, time, torch
from local.train import crew
usual = crew.wait
def slow(*arguments):  # the exchange notices first
    ended = usual(*arguments)
    time.sleep(0.5)
    return ended
crew.wait = slow
def kill():
    for process in multiprocessing.active_children():
        process.kill()
    print("killed at", time.monotonic(), flush=True)
    if {hangs}:
        torch.distributed.all_reduce = lambda *_: time.sleep(100)
at_step(10, kill)
"""


@pytest.mark.slow
@pytest.mark.parametrize("hangs", [False, True], ids=["exchange fails", "exchange hangs"])
def test_a_member_that_dies_ends_the_run_within_seconds_with_the_submission_in_place(
    hangs, tmp_path
):
    ran = run_kernel(tmp_path, TWO + KILL.format(hangs=hangs))
    ended = time.monotonic()
    assert (ran.code, ran.left) == (0, ["images.zip"]), ran.err
    assert ran.result["stopped"] == "a process of the team is gone (exit code -9)"
    assert ran.images.comment["kimg"] == ran.result["kimg"] == TINY.batch / 1000
    killed = next(line for line in ran.out.splitlines() if line.startswith("killed at"))
    assert ended - float(killed.split()[-1]) < 5


DIE = """
import multiprocessing, os
from local.train import crew
def die():
    print(*[process.pid for process in multiprocessing.active_children()], flush=True)
    os.kill(os.getpid(), 9)
"""
WHILE = {
    "it exchanges": "at_step(10, die)",
    "it waits for the leader to join": "nth_call(crew, '_join', lambda n: die())",
}


@pytest.mark.slow
@pytest.mark.parametrize("when", WHILE)
def test_a_member_does_not_outlive_its_leader(when, tmp_path):
    ran = run_kernel(tmp_path, TWO + DIE + WHILE[when])
    assert ran.code == -9
    member = int(ran.out.splitlines()[-1])
    for _ in range(100):
        if not alive(member):
            break
        time.sleep(0.1)
    assert not alive(member)


def alive(process):
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_signal_while_the_team_forms_ends_all_at_once(tmp_path):
    before = """
import os
from local.train import crew
nth_call(crew, "_join", lambda n: os.kill(os.getpid(), 15))
"""
    ran = run_kernel(tmp_path, TWO + before)
    assert (ran.code, ran.left) == (128 + 15, [])
    assert ran.result["stopped"] == "by SIGTERM"


FULL = """
def full(*_):
    raise OSError("No space left on device")
crew.save_file = full
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fails", "says"),
    [
        pytest.param("crew.DATA = 'elsewhere'", "a process ended at once", id="member fails"),
        pytest.param(
            "crew.START_SECONDS = 0.0", "a process did not come up within 0 s", id="too slow"
        ),
        pytest.param(FULL, "No space left on device", id="scratch disk full"),
    ],
)
def test_where_no_team_comes_up_the_leader_goes_on_alone(fails, says, tmp_path):
    ran = run_kernel(tmp_path, TWO + f"from local.train import crew\n{fails}", until=3)
    assert (ran.code, ran.left) == (128 + 15, ["images.zip"]), ran.err
    assert ran.result["device"] == "CPU" and ran.result["steps"] == 3
    assert f"no team: {says}; going on with one device" in ran.err.splitlines()
