"""The set-up that `make` does first, in a project without requirements."""

import shutil
import subprocess
import sys

import pytest
from helpers import ROOT


@pytest.fixture
def project(tmp_path):
    (tmp_path / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "setup.sh", tmp_path / "tools")
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-over.txt"):
        (tmp_path / name).write_text("# nothing\n")
    return tmp_path


def set_up(project, python=sys.executable):
    command = ["sh", str(project / "tools" / "setup.sh"), python]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_a_second_call_installs_nothing_until_something_changes(project):
    first = set_up(project)
    assert first.returncode == 0, first.stderr
    assert "installing" in first.stderr
    for python in (sys.executable, ""):  # the same one named, or none
        again = set_up(project, python)
        assert again.returncode == 0
        assert "nothing to install" in again.stdout and again.stderr == ""
    (project / ".venv" / "ready").unlink()  # as after an interrupted installation
    assert "installing" in set_up(project).stderr
    (project / "requirements.txt").write_text("# something else\n")
    assert "installing" in set_up(project).stderr


def test_an_interpreter_that_will_not_do_is_refused(project):
    old = project / "python-old"
    old.write_text("#!/bin/sh\necho /usr 3.10.1\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), str(project / "nowhere")):
        refused = set_up(project, python)
        assert refused.returncode == 2
        assert f"PYTHON={python}" in refused.stderr
        assert len(refused.stderr.strip().splitlines()) == 1
    assert not (project / ".venv").exists()


@pytest.mark.slow
def test_a_package_that_cannot_be_had_fails_and_is_tried_again(project):
    (project / "requirements.txt").write_text("./no-such-package\n")
    failed = set_up(project)
    assert failed.returncode == 1
    assert "run make again" in failed.stderr
    assert not (project / ".venv" / "ready").exists()
