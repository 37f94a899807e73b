"""What `make kaggle-env` does around the installation, with stand-ins for Python 3.12."""

import os
import shutil
import subprocess

import pytest

from build_kernel import ROOT

# Stands for Python 3.12: says who it is, makes a copy of itself as .venv, and notes other calls.
STUB = """#!/bin/sh
case "$1 $2" in
"-c import"*) echo /usr 3.12.9 ;;
"-m venv") mkdir -p .venv-kaggle/bin && cp "$0" .venv-kaggle/bin/python ;;
*) echo "$@" >>calls ;;
esac
"""


@pytest.fixture
def project(tmp_path):
    root = tmp_path / "project"
    (root / "tools").mkdir(parents=True)
    shutil.copy(ROOT / "tools" / "kaggle_env.sh", root / "tools")
    (root / "requirements-kaggle.txt").write_text("# nothing\n")
    return root


def kaggle_env(project, python, path=os.defpath):
    return subprocess.run(
        ["/bin/sh", str(project / "tools" / "kaggle_env.sh"), python],
        env={"PATH": path, "HOME": str(project)},
        capture_output=True,
        text=True,
        check=False,
    )


def stub(path, source=STUB):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source)
    path.chmod(0o755)
    return path


def test_an_interpreter_that_kaggle_does_not_have_is_refused(project):
    other = stub(project / "other", "#!/bin/sh\necho /usr 3.13.1\nexit 1\n")
    for python in (str(other), str(project / "nowhere")):
        refused = kaggle_env(project, python)
        assert refused.returncode == 2
        assert f"PYTHON={python}" in refused.stderr and refused.stderr.count("\n") == 1
    assert not (project / ".venv-kaggle").exists()


def test_it_is_looked_for_on_the_path_and_with_pyenv(project, tmp_path):
    tools = stub(
        tmp_path / "bin" / "python3.12", "#!/bin/sh\nexit 127\n"
    ).parent  # pyenv's own stub
    for name in ("cat", "cksum", "cp", "dirname", "mkdir", "mv", "rm"):
        (tools / name).symlink_to(shutil.which(name))
    missing = kaggle_env(project, "", path=str(tools))
    assert missing.returncode == 2
    assert "no Python 3.12" in missing.stderr and missing.stderr.count("\n") == 1

    stub(project / ".pyenv" / "versions" / "3.12.9" / "bin" / "python")
    assert kaggle_env(project, "", path=str(tools)).returncode == 0


def test_it_installs_once_then_builds_rehearses_and_tests(project):
    python = str(stub(project / "python"))
    for words in (["-m pip install"], []):
        assert kaggle_env(project, python).returncode == 0
        calls = (project / "calls").read_text().splitlines()
        (project / "calls").unlink()
        parts = [*words, "build_kernel.py", "-m submission rehearse", "-m pytest"]
        assert len(calls) == len(parts)
        assert all(call.startswith(part) for call, part in zip(calls, parts, strict=True))
    (project / "requirements-kaggle.txt").write_text("# more\n")
    kaggle_env(project, python)
    assert (project / "calls").read_text().startswith("-m pip install")
