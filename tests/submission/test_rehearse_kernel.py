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

TINY = replace(recipes.get("dcgan"), g_width=4, d_width=4, latent=8, batch=16)


@pytest.mark.slow
def test_the_built_kernel_goes_on_after_faults_in_its_steps(make_dogs, tmp_path):
    file = tmp_path / "kernel.py"
    settings = {"recipe": asdict(TINY), "hours": 9.0}
    file.write_text(bundle(ROOT, "local.kernel", settings, "python build_kernel.py").text)
    named = "nan@2", "out-of-memory@3", "dead-gpu", "broken-picture"
    staging = Staging(images=30, faults=tuple(map(rehearsal_staging.fault, named)))
    # One processor: on a busy machine the threads of two wait for each other most of the time.
    report = rehearse(file, make_dogs(30), 18, processors=1, staging=staging, echo=io.StringIO())
    assert report.failures == []
    assert report.archive is not None
    assert report.archive["images"] == report.result["images"] == 30
    assert "CPU" in report.result["device"]
