"""The commands as a user types them: results, exit codes, one clear line for bad input."""

import hashlib
import json
import signal

import pytest
import torch
from kernel_runs import run_python

from local import judging, project
from local.__main__ import main
from local.commands import train
from local.data import default
from local.lock import exclusive
from local.train import devices
from local.train.devices import Device
from submission import archive

SMALL = ["size=16", "crop=box", "g_width=8", "d_width=8", "latent=8", "batch=8"]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    for module in (project, train, default, judging):
        monkeypatch.setattr(module, "CACHE", tmp_path / "cache")
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def trained(make_dogs, tmp_path):
    run = tmp_path / "run"
    words = ["train", "--data", str(make_dogs()), "--steps", "3", "--out", str(run)]
    assert main([*words, "--images", "20", *SMALL]) == 0
    return run


def test_a_run_leaves_everything_that_it_promises(trained, capsys):
    names = {p.name for p in trained.iterdir()}
    assert names == {
        "recipe.json",
        "data.json",
        "log.jsonl",
        "tensorboard",
        "samples",
        "snapshots",
        "images.zip",
    }
    assert json.loads((trained / "recipe.json").read_text())["batch"] == 8
    summary = archive.check(trained / "images.zip", count=20)
    assert summary.comment["kimg"] == 0.024
    assert summary.comment["recipe"]["name"] == "best-dcgan"
    assert summary.comment.keys() == {"commit", "recipe", "seed", "kimg", "minutes", "device"}
    assert list((trained / "tensorboard").glob("events.out.tfevents.*"))


def test_settings_may_stand_anywhere(make_dogs, tmp_path):
    words = ["train", *SMALL[:2], "--steps", "1", *SMALL[2:], "--data", str(make_dogs())]
    assert main([*words, "--images", "4", "--out", str(tmp_path / "run")]) == 0


def test_the_same_folder_goes_on_and_other_settings_are_refused(trained, tmp_path, capsys):
    words = ["train", "--data", str(tmp_path / "dogs"), "--out", str(trained), "--images", "20"]
    assert main([*words, "--steps", "5", *SMALL]) == 0
    assert "resuming at 0.0 kimg" in capsys.readouterr().err
    assert archive.check(trained / "images.zip", 20).comment["kimg"] == 0.04
    before = (trained / "recipe.json").read_bytes()
    assert main([*words, "--steps", "9", *SMALL[:-1], "batch=4"]) == 2
    assert "batch=8 not 4" in capsys.readouterr().err
    assert (trained / "recipe.json").read_bytes() == before
    (tmp_path / "dogs" / "all-dogs" / "n00000001_0.jpg").unlink()
    assert main([*words, "--steps", "9", *SMALL]) == 2
    assert "other data (pictures=6 not 5" in capsys.readouterr().err


def test_sampling_is_repeatable_and_follows_its_seed(trained, tmp_path, capsys):
    def sampled(name, *more):
        out = tmp_path / name
        assert main(["sample", str(trained), "--count", "12", "--out", str(out), *more]) == 0
        assert capsys.readouterr().out.strip().endswith(str(out))
        archive.check(out, count=12)
        return hashlib.sha256(out.read_bytes()).hexdigest()

    assert sampled("a.zip") == sampled("b.zip")
    assert len({sampled("a.zip"), sampled("c.zip", "--seed", "1")}) == 2
    cut = {sampled(f"{limit}.zip", "--truncation", limit) for limit in ("0.5", "1.5")}
    assert len({sampled("a.zip"), *cut}) == 3


BAD = {
    "no data": (["train", "--data", "nowhere"], "nowhere: no such folder"),
    "recipe": (["train", "--recipe", "stylegan"], "there are: best-dcgan, dcgan"),
    "setting": (["train", "bach=3"], "did you mean batch"),
    "device": (["train", "--device", "cuda:77"], "not usable"),
    "odd device": (["train", "--device", "abacus"], "not usable"),
    "no run": (["sample", "nowhere"], "no run there"),
    "negative seed": (["draw", "--out", "new", "--seed", "-1"], "from 0 to"),
    "seed alone": (["draw", "--seed", "3"], "--out"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_two(case, capsys):
    words, says = BAD[case]
    try:
        assert main(words) == 2
    except SystemExit as error:  # argparse's own
        assert error.code == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


def test_bad_requests_of_a_run(trained, tmp_path, capsys):
    for more in (["--breed", "Chihuahua"], ["--out", str(tmp_path / "no" / "x.zip")]):
        assert main(["sample", str(trained), *more]) == 2
    (trained / "recipe.json").write_text("{")
    assert main(["sample", str(trained)]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) >= 3


@pytest.mark.parametrize(
    "words", [["train", "--steps", "0"], ["train", "--minutes", "nan"], [], ["no"]]
)
def test_wrong_use_is_two(words, capsys):
    try:
        code = main(words)
    except SystemExit as error:  # argparse's own
        code = error.code
    assert code == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    "words", [[], ["train"], ["sample"], ["draw"], ["walk"], ["export"], ["app"], ["report"]]
)
def test_help_has_examples(words, capsys):
    try:
        assert main([*words, "--help"]) == 0
    except SystemExit as error:
        assert error.code == 0
    text = capsys.readouterr().out
    assert "python -m local" in text
    assert not words or "examples:" in text


INTERRUPTED = """
import os
from pathlib import Path
from kernel_runs import at_step
from local.__main__ import main
from local.commands import train
train.CACHE = Path("cache")
at_step(5, lambda: os.kill(os.getpid(), {number}))
raise SystemExit(main({words}))
"""


@pytest.mark.parametrize(
    "number", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)]
)
def test_an_interrupt_leaves_a_snapshot_and_the_same_command_goes_on(number, make_dogs, tmp_path):
    run = tmp_path / "run"
    words = ["train", "--data", str(make_dogs()), "--out", str(run), "--images", "4", *SMALL]
    ran = run_python(
        tmp_path, INTERRUPTED.format(number=int(number), words=[*words, "--minutes", "30"])
    )
    assert ran.code == 130
    assert "Traceback" not in ran.err
    assert "stopped at 0.0 kimg; the same command goes on from there" in ran.err
    assert (run / "snapshots" / "step-000000005").is_dir()
    assert main([*words, "--steps", "7"]) == 0
    assert (run / "snapshots" / "step-000000007").is_dir()


def test_a_folder_in_which_a_run_is_at_work_is_refused(trained, tmp_path, capsys):
    words = ["train", "--data", str(tmp_path / "dogs"), "--out", str(trained), *SMALL]
    with exclusive(trained):
        assert main([*words, "--steps", "9"]) == 2
    assert "another run is at work there" in capsys.readouterr().err


def test_a_damaged_snapshot_is_not_sampled_but_the_one_before(trained, tmp_path, capsys):
    newest = trained / "snapshots" / "step-000000003"
    (newest / "average.safetensors").write_bytes(b"")
    out = tmp_path / "few.zip"
    assert main(["sample", str(trained), "--count", "4", "--out", str(out)]) == 0
    assert f"{newest}: snapshot damaged" in capsys.readouterr().err
    assert archive.check(out, 4).comment["kimg"] < 0.024


def test_a_run_that_gave_up_leaves_its_pictures_and_fails(make_dogs, tmp_path, monkeypatch, capsys):
    usual = train.train
    monkeypatch.setattr(train, "train", lambda *words, **named: usual(*words, **named) and False)
    words = ["train", "--data", str(make_dogs()), "--steps", "2", "--out", str(tmp_path / "run")]
    assert main([*words, "--images", "4", *SMALL]) == 1
    assert archive.check(tmp_path / "run" / "images.zip", count=4).images == 4
    assert "blew up again and again" in capsys.readouterr().err


@pytest.mark.parametrize(
    "settings", [["epochs=0", "steps=3"], ["epochs=4"], ["epochs=8", "d_steps=2"]]
)
def test_without_a_budget_a_run_ends_at_its_recipe_s_horizon(settings, make_dogs, tmp_path):
    """Of six pictures, in batches of eight."""
    run = tmp_path / "run"
    words = ["train", "--data", str(make_dogs()), "--out", str(run), "--images", "4", *SMALL]
    assert main([*words, *settings]) == 0
    assert max(p.name for p in (run / "snapshots").iterdir()) == "step-000000003"


def test_quick_scores_are_logged_and_the_best_weights_can_be_sampled(make_dogs, tmp_path, capsys):
    run, few = tmp_path / "run", tmp_path / "few.zip"
    words = ["train", "--data", str(make_dogs()), "--test", str(make_dogs(8, "test"))]
    words += ["--out", str(run), "--images", "4", *SMALL, "quick_every=2", "quick_images=4"]
    assert main([*words, "--steps", "5"]) == 0
    assert "quick scores: 8 real pictures, network random" in capsys.readouterr().err
    log = [json.loads(line) for line in (run / "log.jsonl").open()]
    scores = {line["step"]: line["quick_fid"] for line in log if "quick_fid" in line}
    assert list(scores) == [2, 4]
    best = json.loads((run / "best" / "score.json").read_text())
    assert best["quick_fid"] == scores[best["step"]] == min(scores.values())
    assert main(["sample", str(run / "best"), "--count", "4", "--out", str(few)]) == 0
    assert archive.check(few, 4).comment["kimg"] == best["step"] * 8 / 1000


@pytest.mark.parametrize("option", ["--graph", "--test"])
def test_what_only_scores_need_is_refused_where_there_are_none(option, make_dogs, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", "--data", str(make_dogs()), "--out", str(run), "--steps", "1", *SMALL]
    assert main([*words, option, "nowhere"]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert option in last and "set quick_every=" in last
    assert not run.exists()  # or who follows the line is told that a run of other settings is there


def test_a_conditional_run_shows_its_breeds_and_draws_any_of_them(make_dogs, tmp_path, capsys):
    run, few = tmp_path / "run", tmp_path / "few.zip"
    words = ["train", "--recipe", "cgan", "--data", str(make_dogs()), "--out", str(run)]
    narrow = ["size=32", "g_width=4", "d_width=4", "batch=4"]
    assert main([*words, "--steps", "1", "--images", "4", *narrow]) == 0
    found = json.loads((run / "breeds.json").read_text())
    assert found["network"] == "random"
    assert {breed["name"] for breed in found["breeds"]} == {"Red_dog", "Blue_dog"}
    assert (run / "breeds.png").is_file()
    words = ["sample", str(run), "--count", "4", "--out", str(few), "--breed"]
    assert main([*words, "Red_dog"]) == 0
    assert archive.check(few, 4).comment["breed"] == "Red_dog"
    capsys.readouterr()
    assert main([*words, "Green_dog"]) == 2
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1 and "no breed 'Green_dog'" in said
    assert "Red_dog" in said.partition("there are: ")[2] and "Blue_dog" in said


def test_uniform_latents_are_cut_within_their_range_only(make_dogs, tmp_path, capsys):
    run = tmp_path / "run"
    words = ["train", "--data", str(make_dogs()), "--out", str(run), "--steps", "1"]
    assert main([*words, "--images", "4", *SMALL, "latents=uniform"]) == 0
    words = ["sample", str(run), "--count", "4", "--out", str(tmp_path / "few.zip"), "--truncation"]
    assert main([*words, "0.99"]) == 0
    capsys.readouterr()
    for limit in ("1", "1.5"):
        assert main([*words, limit]) == 2
        told = f"truncation={limit}: uniform latents lie between -1 and 1"
        err = capsys.readouterr().err
        assert err == f"local sample: {told}; take less than 1, or 0 for none\n"


@pytest.mark.parametrize(("steps", "compiled"), [(1, []), (2, ["Generator", "Discriminator"])])
def test_a_run_is_compiled_where_its_own_horizon_is_long_enough(
    steps, compiled, make_dogs, tmp_path, monkeypatch
):
    done, able = [], Device(torch.device("cpu"), "CPU", torch.float32, compiles=True)
    monkeypatch.setattr(devices, "choose", lambda wanted: able)
    monkeypatch.setattr(devices, "COMPILES_FROM_STEPS", 2)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda net: done.append(type(net).__name__))
    words = ["train", "--data", str(make_dogs()), "--out", str(tmp_path / "run"), "--images", "4"]
    with torch._dynamo.config.patch(suppress_errors=False):  # which compiling turns on
        assert main([*words, *SMALL, "epochs=0", f"steps={steps}"]) == 0
    assert done == compiled
