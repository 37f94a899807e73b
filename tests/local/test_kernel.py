"""The kernel's entry: what it leaves and says, whatever happens to it."""

import signal
from dataclasses import asdict, replace

import pytest
from kernel_runs import COUNT, TINY, run_kernel

from local import runs
from local.__main__ import main
from local.lock import exclusive
from submission import archive

TERMINATED = 128 + signal.SIGTERM


def one_line(text):
    assert len(text.strip().splitlines()) == 1, text
    return text


def test_a_run_leaves_its_archive_and_a_line_about_itself(tmp_path):
    ran = run_kernel(tmp_path, seconds=3)
    assert (ran.code, ran.left) == (0, ["images.zip"])
    result, comment = ran.result, ran.images.comment
    assert result["images"] == ran.images.images == COUNT
    assert result["stopped"] is None and result["submittable"]
    assert result["steps"] * TINY.batch == result["kimg"] * 1000 > 0
    assert result["total_seconds"] < 3
    assert result["seconds"].keys() == {"start", "data", "judge", "probe", "train", "write"}
    assert sum(result["seconds"].values()) == pytest.approx(result["total_seconds"], abs=0.1)
    for fact in ("commit", "recipe", "seed", "kimg", "device"):
        assert comment[fact] == result[fact]
    assert comment["recipe"] == asdict(TINY)
    # the archive is written in the last phase; training took nearly all the time
    assert comment["seconds"].keys() == result["seconds"].keys()
    assert comment["seconds"]["train"] == result["seconds"]["train"] > 1


def test_the_deadline_counts_from_the_first_line(tmp_path):
    ran = run_kernel(tmp_path, seconds=1000, ago=998)
    assert ran.code == 0
    assert 998 < ran.result["total_seconds"] < 1000
    assert ran.result["seconds"]["start"] >= 998


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_run_between_two_steps_with_a_last_archive(number, tmp_path):
    ran = run_kernel(
        tmp_path, f"import os; at_step(5, lambda: os.kill(os.getpid(), {int(number)}))"
    )
    assert ran.code == 128 + number
    assert ran.result["stopped"] == f"by {number.name}"
    assert ran.result["steps"] == 5 and ran.images.comment["kimg"] == 5 * TINY.batch / 1000
    assert ran.left == ["images.zip"] and "Traceback" not in ran.err


def test_a_signal_before_the_training_ends_the_run_at_once(tmp_path):
    ran = run_kernel(
        tmp_path, "import os; nth_call(kernel, 'prepare_for', lambda n: os.kill(os.getpid(), 15))"
    )
    assert (ran.code, ran.left) == (TERMINATED, [])
    assert ran.result["stopped"] == "by SIGTERM" and ran.result["images"] == 0
    assert "Traceback" not in ran.err


@pytest.mark.slow
def test_a_signal_during_the_last_archive_waits_for_it(tmp_path):
    before = "import os; nth_call(kernel._Kernel, '_write', lambda n: os.kill(os.getpid(), 15))"
    ran = run_kernel(tmp_path, before, seconds=2)
    assert (ran.code, ran.left) == (TERMINATED, ["images.zip"])
    assert ran.result["stopped"] == "by SIGTERM"
    assert ran.images.comment["kimg"] == ran.result["kimg"] == ran.result["steps"] * 8 / 1000


LAST_OFFER = """
import os
def offered(n):
    if n == 1:
        at_step(10, lambda: os.kill(os.getpid(), 2))
    else:
        os.kill(os.getpid(), 15)
nth_call(kernel.SafeSubmission, "offer", offered)
"""


def test_a_second_signal_ends_even_the_last_archive_and_the_one_before_stays(tmp_path):
    ran = run_kernel(tmp_path, LAST_OFFER)
    assert ran.code == 128 + 2  # the first one's
    assert ran.result["stopped"] == "by SIGINT"
    assert ran.result["kimg"] == ran.images.comment["kimg"] < ran.result["steps"] * 8 / 1000
    assert ran.left == ["images.zip"] and "Traceback" not in ran.err


def test_an_error_ends_the_training_not_the_run(tmp_path):
    ran = run_kernel(tmp_path, "at_step(20, lambda: 1 / 0)")
    assert (ran.code, ran.left) == (0, ["images.zip"])
    assert ran.result["stopped"] == "by an error: division by zero"
    assert ran.images.comment["kimg"] == 19 * TINY.batch / 1000
    assert "ZeroDivisionError" in ran.err
    # the same pictures as of a run that was stopped there
    stopped = run_kernel(tmp_path / "stopped", until=19)
    pictures = [archive.pixels(of.folder / "images.zip", COUNT) for of in (ran, stopped)]
    assert (pictures[0] == pictures[1]).all()


def test_an_error_in_the_first_step_leaves_nothing_and_fails(tmp_path):
    ran = run_kernel(tmp_path, "at_step(1, lambda: 1 / 0)")
    assert (ran.code, ran.left) == (1, [])
    assert ran.result["images"] == 0 and not ran.result["submittable"]


JUDGED = """
from local.judge import kernel as hiring, learning, plan, scoring, selection
budget = kernel.Budget
kernel.Budget = lambda **limits: budget(**limits, steps=6)
kernel.budget = lambda whole: 20.0
learning.EPOCHS, learning.FEWEST, hiring.FEWEST_EPOCHS = 1, 8, 1
scoring.GROUPS = 4
for module in (plan, selection, safe):
    module.SCORED = COUNT
plan.PROBE, plan.TAUGHT = 8, 1
"""


def test_the_kernels_own_judge_chooses_what_is_handed_in(tmp_path):
    ran = run_kernel(tmp_path, JUDGED)
    assert (ran.code, ran.left, ran.result["stopped"]) == (0, ["images.zip"], None)
    assert ran.result["choices"].keys() == {"truncation", "selection", "left_out"}
    assert len(ran.result["score"]) == 2
    assert {"judge", "choose"} <= ran.result["seconds"].keys()
    assert ran.images.comment["kimg"] == ran.result["kimg"] <= 6 * TINY.batch / 1000


def test_a_judge_of_few_lessons_picks_no_pictures(tmp_path):
    ran = run_kernel(tmp_path, f"{JUDGED}plan.TAUGHT = 2")
    assert (ran.code, ran.left) == (0, ["images.zip"])
    assert ran.result["choices"]["left_out"] == ["selection"]


def test_a_run_that_is_stopped_chooses_nothing(tmp_path):
    ran = run_kernel(tmp_path, JUDGED, until=3)
    assert (ran.code, ran.left) == (TERMINATED, ["images.zip"])
    assert ran.result["score"] and ran.result["choices"] == {}


def test_a_judge_that_learned_too_little_judges_nothing(tmp_path):
    ran = run_kernel(tmp_path, f"{JUDGED}hiring.FEWEST_EPOCHS = 5")
    assert (ran.code, ran.left, ran.result["score"]) == (0, ["images.zip"], None)
    line = "kernel: no judge of its own: 1.0 epochs of lessons are too few; 5 are needed"
    assert line in ran.err.splitlines()


@pytest.mark.parametrize(
    ("fault", "line", "scored"),
    [
        ("learn", "kernel: no judge of its own: division by zero", False),
        ("plan", "kernel: the judge chose nothing: division by zero", True),
    ],
)
def test_a_judge_that_fails_costs_its_choices_and_not_the_run(fault, line, scored, tmp_path):
    ran = run_kernel(tmp_path, f"{JUDGED}hiring.{fault} = lambda *_: 1 / 0")
    assert (ran.code, ran.left, ran.result["stopped"]) == (0, ["images.zip"], None)
    assert bool(ran.result["score"]) == scored and ran.result["choices"] == {}
    assert line in ran.err.splitlines()


@pytest.mark.slow
def test_whatever_stalls_the_kernel_ends_before_its_deadline(tmp_path):
    ran = run_kernel(tmp_path, "import time; at_step(10, lambda: time.sleep(100))", seconds=4)
    assert (ran.code, ran.left) == (0, ["images.zip"])
    assert ran.result["stopped"] == "at the deadline"
    assert ran.result["total_seconds"] < 4
    assert ran.images.comment["kimg"] == ran.result["kimg"] < 9 * TINY.batch / 1000


STALLED_WRITE = """
import tempfile, time, os
from submission import archive
def slow(n):
    if n > 1:
        time.sleep(100)
nth_call(archive, "png", lambda n: time.sleep(100) if n > {after} else None)
del os.O_TMPFILE
"""


@pytest.mark.slow
@pytest.mark.parametrize("after", [0, COUNT + 5])
def test_a_stalled_write_leaves_no_half_file(tmp_path, after):
    """On a file system that knows no nameless files."""
    probe = "kernel.SafeSubmission.estimate = lambda *_: None"
    ran = run_kernel(tmp_path, STALLED_WRITE.format(after=after) + probe, seconds=4)
    assert ran.result["stopped"] == "at the deadline"
    if after:
        assert (ran.code, ran.left) == (0, ["images.zip"]) and ran.images
    else:
        assert (ran.code, ran.left) == (1, [])


ONCE = """
import torch
from dataclasses import replace
from local.train.losses import LOSSES
nth = 12
def strike(side, happens):
    usual, calls = getattr(LOSSES["bce"], side), iter(range(1, 10**9))
    loss = lambda *logits: happens(next(calls), usual(*logits))
    LOSSES["bce"] = replace(LOSSES["bce"], **{side: loss})
def raising(n, loss):
    if n == nth:
        raise torch.OutOfMemoryError("CUDA out of memory")
    return loss
"""


@pytest.mark.parametrize("side", ["discriminator", "generator"])
def test_memory_that_runs_out_halves_the_batch_and_the_run_goes_on(side, tmp_path):
    ran = run_kernel(tmp_path, ONCE + f"strike({side!r}, raising)", until=20)
    assert ran.code == TERMINATED and ran.result["steps"] == 20
    assert "memory is full: batches in 2 splits from now on" in ran.err.splitlines()
    assert ran.images.comment["kimg"] == ran.result["kimg"] == 20 * TINY.batch / 1000


def test_a_loss_that_is_nan_takes_the_run_back(tmp_path):
    nan = "strike('discriminator', lambda n, loss: loss * float('nan') if n == nth else loss)"
    ran = run_kernel(tmp_path, ONCE + nan, until=20)
    assert ran.code == TERMINATED and ran.result["steps"] == 1 + 8
    said = "losses blew up at step 12: back to step 1; learning rates are 0.5 times the recipe's"
    assert said in ran.err.splitlines()
    assert ran.images.comment["kimg"] == ran.result["kimg"] == 9 * TINY.batch / 1000


def test_a_loss_that_stays_nan_ends_the_run_with_what_it_had(tmp_path):
    nan = "strike('discriminator', lambda n, loss: loss * float('nan') if n >= nth else loss)"
    ran = run_kernel(tmp_path, ONCE + nan)
    assert (ran.code, ran.left) == (0, ["images.zip"]) and ran.images
    assert ran.result["stopped"] == "by losses that blew up"
    assert ran.err.count("losses blew up at") == 4


FULL = """
import errno
from submission import archive
def full(n):
    if n in {calls}:
        raise OSError(errno.ENOSPC, "No space left on device")
"""


def test_a_full_disk_leaves_the_archive_before(tmp_path):
    # the first call is the estimate, the second one the first submission
    before = FULL.format(calls="range(3, 999)") + "nth_call(archive, 'encode', full)"
    ran = run_kernel(tmp_path, before, until=20)
    assert (ran.code, ran.left) == (TERMINATED, ["images.zip"])
    assert ran.images.comment["kimg"] == ran.result["kimg"] == TINY.batch / 1000
    assert ran.result["steps"] == 20
    assert "not taken: cannot be written (No space left on device); that of 0.0 kimg" in ran.err


@pytest.mark.slow
def test_a_disk_that_was_always_full_fails_with_a_line(tmp_path):
    before = FULL.format(calls="range(2, 999)") + "nth_call(archive, 'encode', full)"
    ran = run_kernel(tmp_path, before, seconds=2)
    assert (ran.code, ran.left) == (1, [])
    assert "there is none yet" in ran.err and "no valid images.zip" in ran.err
    assert ran.result["images"] == 0


def test_a_full_scratch_disk_costs_snapshots_only(tmp_path):
    before = FULL.format(calls="range(999)") + "nth_call(kernel.snapshots, 'save', full)"
    ran = run_kernel(tmp_path, before, until=20)
    assert (ran.code, ran.left) == (TERMINATED, ["images.zip"])
    assert "no snapshot: [Errno 28] No space left" in ran.err
    assert ran.images.comment["kimg"] == ran.result["kimg"] == 20 * TINY.batch / 1000


COMPILES = """
import torch
from local.train import devices
devices.choose_all = lambda: [devices.Device(torch.device("cpu"), "x", torch.float32, True)]
torch.nn.Module.compile = lambda network: print("compiled", type(network).__name__)
"""


def test_networks_are_compiled_where_there_is_time_for_it(tmp_path):
    ran = run_kernel(tmp_path, COMPILES, until=2, seconds=9 * 3600)
    assert [line for line in ran.out.splitlines() if line.startswith("compiled")] == [
        "compiled Generator",
        "compiled Discriminator",
    ]
    assert ran.images  # of the average generator, which is not
    assert "compiled" not in run_kernel(tmp_path, COMPILES, until=2, seconds=300).out


DEAD_GPU = """
import torch
from unittest.mock import patch
from local.train import devices
def fail():
    raise RuntimeError("CUDA error: no kernel image is available")
def choose(usual=devices.choose_all):
    there = patch.multiple(torch.cuda, is_available=lambda: True, device_count=lambda: 1)
    with there, patch.object(torch.cuda, "_lazy_init", fail):
        return usual()
devices.choose_all = choose
"""


def test_a_gpu_without_code_for_it_is_left_out_loudly_before_anything_else(tmp_path):
    ran = run_kernel(tmp_path, DEAD_GPU, until=3)
    assert ran.code == TERMINATED and ran.images
    said = "GPU 0 is present but not usable (CUDA error: no kernel image is available)"
    assert f"{said}; going on without it" in ran.err.splitlines()
    assert "CPU" in ran.result["device"]
    ran = run_kernel(tmp_path, DEAD_GPU + "nth_call(kernel, 'prepare_for', lambda n: 1 / 0)")
    assert said in ran.err


def test_a_broken_picture_is_left_out(tmp_path):
    run_kernel(tmp_path, "kernel.main = lambda *_: 0")  # lays out the pictures
    picture = next((tmp_path / "input").rglob("*.jpg"))
    picture.write_bytes(picture.read_bytes()[:300])
    ran = run_kernel(tmp_path, until=3)
    assert ran.code == TERMINATED and ran.images
    assert "data 8 pictures -> 7 crops (1 not decoded" in ran.out


def test_a_second_kernel_in_one_folder_is_told_and_touches_nothing(tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / ".images.zip.1.partial").touch()  # of the first one
    with exclusive(folder):
        ran = run_kernel(tmp_path, until=3)
        assert (ran.code, ran.left) == (2, [".images.zip.1.partial"])
        assert "another run is at work" in one_line(ran.err)
    # the lock ends with who held it, and what that one left is not submitted
    ran = run_kernel(tmp_path, until=3)
    assert (ran.code, ran.left) == (TERMINATED, ["images.zip"])


def test_a_kept_run_can_be_sampled_and_not_submitted(tmp_path, capsys):
    for recipe in (replace(TINY, latent=4), TINY):  # the second time another run's is there
        ran = run_kernel(tmp_path, until=3, keep_run=True, recipe=asdict(recipe))
        assert (ran.code, ran.left) == (TERMINATED, ["images.zip", "not-submittable"])
        assert ran.result["submittable"] is False and "cannot be submitted" in ran.err
        assert "Traceback" not in ran.err
    run, images = ran.folder / "not-submittable", tmp_path / "again.zip"
    assert runs.load_recipe(run) == TINY
    assert main(["sample", str(run), "--count", str(COUNT), "--out", str(images)]) == 0
    again = archive.check(images, COUNT)
    assert again.comment["kimg"] == ran.result["kimg"]
    there = archive.pixels(ran.folder / "images.zip", COUNT).astype(int)
    assert abs(archive.pixels(images, COUNT) - there).max() <= 1


@pytest.mark.parametrize("seconds", ["soon", "0", "-3", "nan"])
def test_a_limit_that_is_none_is_refused(seconds, tmp_path):
    ran = run_kernel(tmp_path, seconds=seconds)
    assert (ran.code, ran.left) == (2, [])
    assert f"KERNEL_SECONDS={seconds}" in one_line(ran.err)


@pytest.mark.parametrize("there", [True, False])
def test_missing_data_is_said_at_once_with_what_to_do(there, tmp_path):
    (tmp_path / "input" / "all-dogs").mkdir(parents=True)
    if not there:
        (tmp_path / "input" / "all-dogs").rmdir()
    before = "import os; os.environ['KAGGLE_INPUT'] = os.environ['KAGGLE_INPUT']"
    ran = run_kernel(tmp_path, before if there else before + " + '/nowhere'")
    assert (ran.code, ran.left) == (2, [])
    assert "no " in one_line(ran.err) and "add the competition" in ran.err


def test_a_recipe_of_another_version_is_refused(tmp_path):
    recipe = asdict(TINY)
    del recipe["ema"]
    ran = run_kernel(tmp_path, recipe=recipe)
    assert (ran.code, ran.left) == (2, [])
    assert "another version" in one_line(ran.err)


def test_quick_scores_are_not_taken_and_it_says_so(tmp_path):
    ran = run_kernel(tmp_path, until=3, recipe=asdict(replace(TINY, quick_every=1)))
    assert ran.code == TERMINATED and ran.images
    assert "kernel: no quick scores here: no network to judge by" in ran.err.splitlines()
    assert "quick_fid" not in ran.out
