"""The kernel itself with faults: that they find the places where they strike, and it goes on."""

import io
from dataclasses import asdict, replace

import pytest
from helpers import ROOT

from build_kernel import bundle
from local import recipes
from submission import rehearsal_staging
from submission.rehearsal_staging import Staging
from submission.rehearse import rehearse

NARROW = {"g_width": 4, "d_width": 4, "latent": 8, "batch": 16}
TINY = replace(recipes.get(recipes.DEFAULT), **NARROW)


def built(recipe, file):
    settings = {"recipe": asdict(recipe), "hours": 9.0}
    file.write_text(bundle(ROOT, "local.kernel", settings, "python build_kernel.py").text)
    return file


@pytest.mark.slow
def test_the_built_kernel_goes_on_after_faults_in_its_steps(make_dogs, tmp_path):
    file = built(TINY, tmp_path / "kernel.py")
    named = "nan@2", "out-of-memory@3", "dead-gpu", "broken-picture"
    staging = Staging(images=30, faults=tuple(map(rehearsal_staging.fault, named)))
    # One processor: on a busy machine the threads of two wait for each other most of the time.
    report = rehearse(file, make_dogs(30), 18, processors=1, staging=staging, echo=io.StringIO())
    assert report.failures == []
    assert report.archive is not None
    assert report.archive["images"] == report.result["images"] == 30
    assert "CPU" in report.result["device"]


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes.PRESETS)
def test_every_recipe_goes_into_the_kernel_and_through_a_rehearsal(name, make_dogs, tmp_path):
    """At its own size: 80, 112 or 32 pixels too become the 64 that Kaggle takes."""
    recipe = replace(recipes.get(name), **NARROW)
    staging = Staging(images=30)
    file = built(recipe, tmp_path / "kernel.py")
    for limit in (20, 90):  # a slow or busy machine may need the longer one, and for that alone
        report = rehearse(
            file, make_dogs(30), limit, processors=1, staging=staging, echo=io.StringIO()
        )
        if not any("at the deadline" in failure for failure in report.failures):
            break
    assert report.failures == []
    assert report.archive is not None and report.archive["images"] == 30
    assert report.result["steps"] > 0 and report.result["stopped"] is None
    assert report.result["recipe"]["name"] == name
