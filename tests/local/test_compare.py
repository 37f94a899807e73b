"""Recipes side by side: the same training as `train`, the same scores as `python -m mifid`."""

import csv
import io
import json
import re
import signal
from dataclasses import replace
from pathlib import Path
from statistics import median

import numpy as np
import pytest
import torch
from helpers import noise, voc
from kernel_runs import run_python
from PIL import Image
from safetensors.torch import load_file

from local import judging, project, recipes
from local.__main__ import main
from local.commands import compare, train
from local.compare import comparison
from local.compare.remarks import remarks
from local.compare.request import chosen
from local.compare.row import Row, of_training
from local.compare.table import COLUMNS
from local.data import default
from local.data.classes import Classes
from local.train.adversaries import Adversaries
from local.train.reconstruction import Reconstruction
from local.train.snapshots import Snapshot
from local.trained import Trained
from mifid.kid import kernel_distance
from mifid.network import random_network
from mifid.score import both_sides, score
from submission import archive

TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8"]
NAMES = ["basic-gan", "autoencoder", "ralsgan"]
ONE = ["best-dcgan", "--steps", "2", "--images", "8", *TINY]
# Batch norm's statistics, an autoencoder's density, and spectral norm's vectors.
NOT_TRAINED = re.compile(r"running_|num_batches|^mean$|^directions$|\._[uv]$")
FILES = {"compare.md", "compare.csv", "compare.json", "compare.png"}


def caches(patch: pytest.MonkeyPatch, folder: Path) -> None:
    for module in (project, train, default, judging, comparison):
        patch.setattr(module, "CACHE", folder / "cache")
    patch.delenv("MIFID_GRAPH", raising=False)
    patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))


@pytest.fixture(autouse=True)
def own_caches(monkeypatch, tmp_path):
    caches(monkeypatch, tmp_path)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("data") / "dogs"
    (root / "all-dogs").mkdir(parents=True)
    for i in range(12):
        noise(50, 40, i).save(root / "all-dogs" / f"n0000000{i % 2}_{i}.png")
        annotation = root / "Annotation" / f"n0000000{i % 2}-dog"
        annotation.mkdir(parents=True, exist_ok=True)
        (annotation / f"n0000000{i % 2}_{i}").write_text(voc([(5, 5, 40, 38)]))
    return root


@pytest.fixture(scope="module")
def compared(data, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("compared")
    words = ["compare", *NAMES, "--data", str(data), "--steps", "3", "--images", "10", *TINY]
    with pytest.MonkeyPatch.context() as patch:
        caches(patch, folder)
        assert main([*words, "--real-limit", "9", "--seed", "5", "--out", str(folder / "out")]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def table(compared) -> dict:
    return json.loads((compared / "compare.json").read_text())


@pytest.fixture(scope="module")
def rows(table) -> dict:
    return {row["recipe"]: row for row in table["rows"]}


def test_every_recipe_is_a_run_and_the_table_lies_beside_them(compared, table):
    assert {path.name for path in compared.iterdir()} == {*NAMES, *FILES}
    for name in NAMES:
        left = {path.name for path in (compared / name).iterdir()}
        assert {"recipe.json", "data.json", "log.jsonl", "samples", "snapshots"} <= left
        settings = json.loads((compared / name / "recipe.json").read_text())
        assert (settings["seed"], settings["batch"]) == (5, 8)
    assert [row["recipe"] for row in table["rows"]] == NAMES
    assert (table["images"], table["real_images"], table["network"]) == (10, 9, "random")
    assert (table["budget"], table["seed"]) == ("3 steps", 5)


def test_a_row_says_what_the_run_logged(compared, rows):
    for name in NAMES:
        log = [json.loads(line) for line in (compared / name / "log.jsonl").open()]
        row = rows[name]
        assert row["images_per_second"] == median(tick["images_per_second"] for tick in log)
        assert row["kimg"] == 0.024
        assert row["seconds"] > 0
        for statistic in ("loss", "loss_g", "loss_d", "accuracy_real", "diversity"):
            assert row[statistic] == log[-1].get(statistic)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_what_is_trained_of_the_networks(name, compared, rows):
    snapshot = compared / name / "snapshots" / "step-000000003"
    partner = "encoder" if name == "autoencoder" else "discriminator"
    for field, network in (("g_parameters", "generator"), ("d_parameters", partner)):
        tensors = load_file(snapshot / f"{network}.safetensors")
        trained = {key: value for key, value in tensors.items() if not NOT_TRAINED.search(key)}
        assert rows[name][field] == sum(value.numel() for value in trained.values())


def test_every_real_picture_that_was_shown_counts(compared):
    recipe = replace(recipes.get("csagan-wgan"), size=32, g_width=4, d_width=4)  # five a step of G
    classes, snapshot = Classes(("a", "b"), (1, 1)), Snapshot(compared, 2, 7.0)
    shown = of_training(compared / "basic-gan", Trained(recipe, classes, None, snapshot))
    assert (shown["kimg"], shown["seconds"]) == (2 * 5 * 64 / 1000, 7)
    assert shown["loss_d"] is None  # the log's tick is of a later step


def test_an_autoencoder_has_one_loss_and_no_opponent(rows):
    row = rows["autoencoder"]
    assert 0 < row["loss"] < 4
    adversarial = ("loss_g", "loss_d", "accuracy_real", "accuracy_fake", "diversity")
    assert [row[name] for name in adversarial] == [None] * 5
    assert rows["ralsgan"]["loss"] is None and rows["ralsgan"]["loss_g"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_metric_on_the_run_s_samples(
    name, compared, data, rows, tmp_path, monkeypatch
):
    images = tmp_path / "images.zip"
    words = ["sample", str(compared / name), "--count", "10", "--seed", "5", "--out", str(images)]
    assert main(words) == 0
    fake, real = both_sides(images, data / "all-dogs")
    # The same nine of twelve, in the order of their names.
    names = sorted(path.name for path in (data / "all-dogs").iterdir())
    nine = {names[i * 12 // 9] for i in range(9)}
    chosen = [i for i, name in enumerate(real.names) if Path(name).name in nine]
    real = replace(real, values=real.values[chosen], names=())
    result = score(fake, real)
    row = rows[name]
    assert row["fid"] == pytest.approx(result.fid, rel=1e-5)
    assert row["mifid"] == pytest.approx(result.mifid, rel=1e-5)
    assert row["distance"] == pytest.approx(result.distance, rel=1e-5)
    kid = kernel_distance(fake.values, real.values).mean
    assert row["kid"] == pytest.approx(kid, rel=1e-4, abs=1e-8)
    distances = [torch.pdist(torch.from_numpy(side)).mean() for side in (fake.values, real.values)]
    assert row["variety"] == pytest.approx(float(distances[0] / distances[1]), rel=1e-4)
    assert row["label"] == "not comparable" and row["comparable"] is False


def test_training_is_that_of_the_train_command(compared, data, tmp_path):
    words = ["train", "--recipe", "ralsgan", "--data", str(data), "--steps", "3", "--images", "4"]
    assert main([*words, "--out", str(tmp_path / "run"), *TINY, "seed=5"]) == 0
    trained, mine = (
        (run / "snapshots" / "step-000000003" / "average.safetensors").read_bytes()
        for run in (tmp_path / "run", compared / "ralsgan")
    )
    assert trained == mine


def test_the_markdown_has_a_cell_for_every_figure_and_says_what_it_is(compared, rows):
    text = (compared / "compare.md").read_text()
    head, rule, *body = [line for line in text.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in (head, *body)]
    assert cells[0] == [heading for heading, _ in COLUMNS.values()]
    assert {len(line) for line in cells} == {len(COLUMNS)}
    assert rule.count("---") == len(COLUMNS)
    basic = dict(zip(cells[0], cells[1], strict=True))
    assert basic["recipe"] == "basic-gan" and basic["label"] == "not comparable"
    assert float(basic["FID"]) == pytest.approx(rows["basic-gan"]["fid"], rel=1e-3)
    assert basic["loss"] == ""
    assert "10 generated pictures of each against 9 real ones, network random" in text
    assert "none of them is a leaderboard's figure" in text
    assert (
        "Losses of different kinds are not comparable: bce (basic-gan); mse (autoencoder)" in text
    )
    assert "Resized to 64x64 before they are judged: basic-gan (16), autoencoder (16)" in text


def test_the_csv_has_the_same_figures_and_nothing_for_what_is_not_there(compared, rows):
    lines = list(csv.DictReader(io.StringIO((compared / "compare.csv").read_text())))
    assert [line["recipe"] for line in lines] == NAMES
    for line in lines:
        assert float(line["fid"]) == rows[line["recipe"]]["fid"]
    assert lines[1]["loss_g"] == "" and lines[1]["error"] == ""


def test_the_picture_has_a_row_of_samples_for_each_recipe(compared, tmp_path):
    picture = np.asarray(Image.open(compared / "compare.png"))
    assert (picture[:100, :190] < 128).any()  # its name
    images = tmp_path / "few.zip"
    words = ["sample", str(compared / "autoencoder"), "--count", "10", "--seed", "5"]
    assert main([*words, "--out", str(images)]) == 0
    samples = np.asarray(archive.pixels(images, 10))
    for column in (0, 9):
        x = 200 + column * 132
        shown = picture[2 * 132 : 2 * 132 + 128, x : x + 128]  # below real and basic-gan
        assert np.array_equal(shown[::2, ::2], samples[column])
        assert np.array_equal(shown[1::2, 1::2], samples[column])


def stamp(folder: Path) -> dict[str, int]:
    """When each run's newest snapshot was written."""
    return {
        str(path): path.stat().st_mtime_ns for path in sorted(folder.glob("*/snapshots/*/state.pt"))
    }


def test_what_is_done_is_not_done_again_and_more_goes_on(data, tmp_path, capsys, monkeypatch):
    words = ["compare", *ONE, "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    first, before = capsys.readouterr().out, stamp(tmp_path / "out")
    with monkeypatch.context() as patch:
        patch.setattr(Adversaries, "step", None)  # neither trained
        patch.setattr("local.compare.judge.fake_side", None)  # nor judged
        assert main([*words, "--json"]) == 0
    again = capsys.readouterr().out
    assert stamp(tmp_path / "out") == before
    assert json.loads(again) == json.loads((tmp_path / "out" / "compare.json").read_text())
    assert (tmp_path / "out" / "compare.md").read_text() == first
    words[words.index("--steps") + 1] = "4"
    assert main([*words, "--images", "6"]) == 0
    assert "best-dcgan | " in capsys.readouterr().out
    assert (tmp_path / "out" / "best-dcgan" / "snapshots" / "step-000000004").is_dir()


@pytest.mark.slow
def test_time_that_is_spent_is_not_spent_again(data, tmp_path, monkeypatch):
    words = ["compare", "best-dcgan", "--images", "4", *TINY, "--data", str(data)]
    words += ["--minutes", "0.01", "--out", str(tmp_path / "out")]
    assert main(words) == 0
    before = stamp(tmp_path / "out")
    # It ended where one more step would not fit, with time to spare.
    for about in (tmp_path / "out").glob("best-dcgan/snapshots/*/about.json"):
        about.write_text(json.dumps(json.loads(about.read_text()) | {"seconds": 0.0}))
    monkeypatch.setattr(Adversaries, "step", None)
    assert main(words) == 0
    assert stamp(tmp_path / "out") == before
    assert json.loads((tmp_path / "out" / "compare.json").read_text())["budget"] == "0.01 minutes"


@pytest.mark.slow
@pytest.mark.parametrize("budget", [["--steps", "1"], ["--minutes", "1"]])
def test_a_budget_may_only_grow(budget, data, tmp_path, capsys):
    words = ["compare", *ONE, "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    capsys.readouterr()
    del words[words.index("--steps") : words.index("--steps") + 2]
    assert main([*words, *budget]) == 2
    captured = capsys.readouterr()
    assert "had a budget of 2 steps" in captured.err and "name another --out" in captured.err
    assert len(captured.err.strip().splitlines()) == 1 and captured.out == ""


STOPPED = """
import os
from pathlib import Path
from kernel_runs import at_step
from local import judging
from local.__main__ import main
from local.compare import comparison
judging.CACHE = comparison.CACHE = Path("cache")
at_step(5, lambda: os.kill(os.getpid(), {number}))
raise SystemExit(main({words}))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_keeps_what_there_is_and_the_same_command_goes_on(number, data, tmp_path):
    names, out = ["best-dcgan", "autoencoder"], tmp_path / "out"
    words = ["compare", *names, "--data", str(data), "--out", str(out), "--images", "8", *TINY]
    words += ["--steps", "3"]
    ran = run_python(tmp_path, STOPPED.format(number=int(number), words=words))
    assert ran.code == 130
    assert "Traceback" not in ran.err and "the same command goes on" in ran.err
    assert ran.out == ""
    kept = json.loads((out / "compare.json").read_text())["rows"]
    assert [row["recipe"] for row in kept] == names[:1]
    assert (out / "autoencoder" / "snapshots" / "step-000000002").is_dir()
    before = stamp(out / "best-dcgan")
    assert main(words) == 0
    assert stamp(out / "best-dcgan") == before
    whole = json.loads((out / "compare.json").read_text())["rows"]
    assert [row["recipe"] for row in whole] == names
    assert whole[0] == kept[0]


def no_memory(*_):
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")


def blown_up(self, shared):
    return torch.cat([torch.full((1,), torch.nan), shared])


def odd(*_):
    raise KeyError("a | b")


FAILURES = {
    "memory": (no_memory, "memory is full; a smaller batch= needs less"),
    "losses": (blown_up, "its losses blew up again and again"),
    "anything": (odd, "'a | b'"),
}


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, marks=[] if case == "losses" else pytest.mark.slow) for case in FAILURES],
)
def test_one_failure_is_a_row_and_the_others_go_on(case, data, tmp_path, capsys, monkeypatch):
    fails, says = FAILURES[case]
    words = ["compare", "autoencoder", *ONE, "--data", str(data), "--out", str(tmp_path / "out")]
    with monkeypatch.context() as patch:
        patch.setattr(Reconstruction, "_learn", fails)
        assert main(words) == 1
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err and f"autoencoder failed: {says}" in captured.err
    (line,) = [line for line in captured.out.splitlines() if line.startswith("| autoencoder")]
    assert f"failed: {says}".replace("|", "\\|") in line
    failed, well = json.loads((tmp_path / "out" / "compare.json").read_text())["rows"]
    assert failed["error"].startswith(says) and failed["fid"] is None
    assert well["error"] is None and well["fid"] is not None
    assert main(words) == 0  # what failed is tried again
    assert "failed" not in capsys.readouterr().out


def test_scores_of_pictures_without_a_score_are_a_failure_too(data, tmp_path, monkeypatch):
    network = random_network()
    with torch.no_grad():
        real = judging.real_side(data, network)
        monkeypatch.setattr(compare, "real_side", lambda *_: real)
        next(network.module.parameters()).fill_(torch.nan)
    monkeypatch.setattr(compare, "open_network", lambda *_, **__: network)
    words = ["compare", *ONE, "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(words) == 1
    (row,) = json.loads((tmp_path / "out" / "compare.json").read_text())["rows"]
    assert "not finite" in row["error"]


def test_a_graph_s_label_stands_in_its_row(data, tmp_path, monkeypatch, capsys):
    network = replace(random_network(), name="reconstructed", graph="12345")
    monkeypatch.setattr(compare, "open_network", lambda *_, **__: network)
    words = ["compare", *ONE, "--data", str(data), "--out", str(tmp_path / "out")]
    assert main(words) == 0
    text = capsys.readouterr().out
    (line,) = [line for line in text.splitlines() if line.startswith("| best-dcgan")]
    assert line.endswith("| FID (reconstructed) |")
    assert "network reconstructed 12345." in text


@pytest.mark.slow
def test_a_damaged_score_is_computed_anew(data, tmp_path):
    out = tmp_path / "out"
    words = ["compare", *ONE, "--data", str(data), "--out", str(out)]
    assert main(words) == 0
    file = out / "best-dcgan" / "score.json"
    whole = file.read_text()
    for damage in ("", "{}", '{"of": 1, "scores": []}', whole.replace('"fid"', '"fed"')):
        file.write_text(damage)
        assert main(words) == 0
        assert file.read_text() == whole


BAD = {
    "no recipe": (["size=16"], "no recipe named; there are: best-dcgan"),
    "unknown recipe": (["stylegan"], "no recipe 'stylegan'; there are: best-dcgan"),
    "unknown setting": (
        ["all", "bach=3"],
        "local compare: no setting 'bach' (did you mean batch?)",
    ),
    "some have it not": (
        ["best-dcgan", "autoencoder", "noise=0.1"],
        "cannot have it (autoencoder: noise=0.1: network=autoencoder has no such setting",
    ),
    "size of some": (["best-dcgan", "dcgan-cifar", "size=28"], "dcgan-cifar: size=28"),
    "seed": (["best-dcgan", "seed=3"], "write --seed"),
    "epochs": (["best-dcgan", "epochs=3"], "epochs=3: has no effect here; --minutes or --steps"),
    "horizon": (["best-dcgan", "epochs=0", "steps=9"], "epochs=0: has no effect here"),
    "quick scores": (["dcgan-cifar", "quick_every=9"], "quick_every=9: has no effect here"),
    "no data": (["best-dcgan", "--data", "nowhere"], "nowhere: no such folder"),
    "no graph": (["best-dcgan", "--graph", "nowhere.pb"], "nowhere.pb"),
    "a file": (["best-dcgan", "--out", __file__], "no folder to fill"),
    "two budgets": (["best-dcgan", "--minutes", "3"], "not allowed with"),
    "one picture": (["best-dcgan", "--images", "1"], "at least 2"),
    "one real picture": (["best-dcgan", "--real-limit", "1"], "at least 2"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_before_anything_is_trained(
    case, data, tmp_path, capsys, monkeypatch
):
    words, says = BAD[case]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(comparison.training, "spend", None)
    try:
        code = main(["compare", "--data", str(data), "--steps", "2", *words])
    except SystemExit as error:  # argparse's own
        code = error.code
    assert code == 2
    captured = capsys.readouterr()
    assert says in captured.err and captured.out == ""
    assert len(captured.err.strip().splitlines()) == 1


def test_a_budget_is_needed(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "best-dcgan"])
    assert ended.value.code == 2
    assert "--minutes --steps is required" in capsys.readouterr().err


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--help"])
    assert ended.value.code == 0
    assert "examples:\n  python -m local compare" in capsys.readouterr().out


def test_a_folder_with_another_run_in_it_is_refused_before_the_first_one_trains(
    data, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "out"
    words = ["compare", *ONE, "--data", str(data), "--out", str(out)]
    assert main(words) == 0
    capsys.readouterr()
    monkeypatch.setattr(comparison.training, "spend", None)
    assert main(["compare", "ralsgan", *ONE, "beta1=0.1", *words[-4:]]) == 2
    assert (
        "best-dcgan holds a run with other settings (beta1=0.5 not 0.1)" in capsys.readouterr().err
    )


def test_all_is_every_recipe():
    assert [recipe.name for recipe in chosen(["all"], 0)] == list(recipes.PRESETS)
    tiny = chosen(["all", "size=32", "batch=4"], 7)
    assert {(recipe.size, recipe.batch, recipe.seed) for recipe in tiny} == {(32, 4, 7)}
    assert [recipe.name for recipe in chosen(["dcgan", "cgan", "dcgan"], 0)] == ["dcgan", "cgan"]


def test_remarks_say_what_is_not_comparable():
    several = [recipes.get(name) for name in ("best-dcgan", "dcgan-cifar", "csagan-wgan")]
    common, own = "2,000 generated pictures", "the generator has collapsed"
    rows = [Row(recipe.name, comparable=False, warnings=(common,)) for recipe in several]
    rows[1] = replace(rows[1], warnings=(common, own), kimg=0.0)
    found = remarks(several, rows)
    assert f"{common}." in found and f"dcgan-cifar: {own}." in found
    text = "\n".join(found)
    assert "Not one step fitted into the budget of dcgan-cifar:" in text
    assert "bce (best-dcgan, dcgan-cifar); wgan (csagan-wgan)" in text
    assert "Resized to 64x64 before they are judged: dcgan-cifar (32)." in text
    crops = "box+tight+centre+squash (best-dcgan); box (csagan-wgan)."
    assert crops in text  # and dcgan-cifar sees whole pictures
    assert "(csagan-wgan), on the side of the other pictures' mean" in text
    assert "decoder" not in text


def test_remarks_are_about_the_rows_that_have_figures():
    several = [recipes.get(name) for name in ("best-dcgan", "autoencoder")]
    rows = [Row("best-dcgan", comparable=False), Row("autoencoder", error="memory is full")]
    assert not any("autoencoder" in line for line in remarks(several, rows))
    assert remarks(several, [replace(row, error="no") for row in rows]) == []


@pytest.mark.slow
def test_real_dogs_with_the_reconstructed_graph(real_dogs, shared, tmp_path, capsys):
    graph = shared / "inception" / "reconstructed_graph_def.pb"
    words = ["compare", *ONE, "--data", str(real_dogs), "--graph", str(graph)]
    assert main([*words, "--real-limit", "40", "--out", str(tmp_path / "out"), "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["label"] == "FID (reconstructed)"
    assert row["fid"] > 100 and 0 < row["distance"] < 1 and 0 < row["variety"] < 1
