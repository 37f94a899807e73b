"""The kernel's entry: what it says when something is missing, and a whole run of the built file."""

import io
from dataclasses import asdict, replace

import pytest
from helpers import ROOT

from build_kernel import bundle
from local import kernel, recipes
from submission.rehearse import rehearse

TINY = replace(recipes.get("dcgan"), g_width=4, d_width=4, latent=8, batch=16)


def build(recipe=TINY):
    return {"recipe": asdict(recipe), "hours": 9.0, "commit": "abc", "dirty": False}


@pytest.mark.parametrize("seconds", ["soon", "0", "-3", "nan"])
def test_a_limit_that_is_none_is_refused(seconds, monkeypatch, capsys):
    monkeypatch.setenv("KERNEL_SECONDS", seconds)
    assert kernel.main(build(), 0.0) == 2
    assert "KERNEL_SECONDS" in capsys.readouterr().err


def test_missing_data_is_said_at_once_with_what_to_do(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_INPUT", str(tmp_path))
    monkeypatch.setenv("KERNEL_SECONDS", "100")
    assert kernel.main(build(), 0.0) == 2
    line = capsys.readouterr().err
    assert "no pictures" in line and "add the competition" in line


def test_a_recipe_of_another_version_is_refused(monkeypatch, capsys):
    older = build()
    del older["recipe"]["ema"]
    assert kernel.main(older, 0.0) == 2
    assert "another version" in capsys.readouterr().err


@pytest.mark.slow
def test_the_built_kernel_passes_a_rehearsal(make_dogs, tmp_path):
    file = tmp_path / "kernel.py"
    settings = {"recipe": asdict(TINY), "hours": 9.0}
    file.write_text(bundle(ROOT, "local.kernel", settings, "python build_kernel.py").text)
    out = tmp_path / "images.zip"
    report = rehearse(file, make_dogs(30), limit=60, out=out, echo=io.StringIO())
    assert report.ok, report.failures
    assert report.archive["images"] == report.result["images"] == 10_000
    assert report.result["steps"] > 0 and report.result["kimg"] > 0
    assert report.seconds.keys() == {"start", "data", "train", "write", "check"}
    # the budget was used, and the deadline kept
    assert report.seconds["train"] > 10
    assert report.total_seconds < 60
    assert report.archive["comment"]["recipe"]["g_width"] == 4
    assert out.is_file()
