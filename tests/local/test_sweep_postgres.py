"""One sweep on a PostgreSQL server, shared by commands that were started each by itself."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from helpers import ROOT

from local.__main__ import main

TINY = ["size=16", "g_width=4", "d_width=4", "latent=8", "batch=8", "quick_images=4"]


def programs() -> Path | None:
    """The folder of PostgreSQL's programs; Debian has none of them on the path."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    return found[-1].parent if found else Path(on_path).parent if on_path else None


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """The URL of an empty data base, on a server that listens on a socket of its own folder."""
    found = programs()
    if found is None:
        says = "needs PostgreSQL (apt-get install postgresql)"
        pytest.fail(says) if os.environ.get("CI") else pytest.skip(says)
    pytest.importorskip("psycopg")
    # The server refuses to run as root.
    user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)

    def run(program: str, *words: str) -> None:
        command = [str(found / program), "-D", str(folder / "data"), *words]
        owner = {"user": user.pw_uid, "group": user.pw_gid} if user else {}
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder, **owner)

    try:
        run("initdb", "-A", "trust", "-U", "postgres", "--no-sync")
        options = f"-c listen_addresses='' -c fsync=off -k {folder}"
        run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
        yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        run("pg_ctl", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.slow
def test_two_commands_share_a_sweep_on_a_server(postgres, make_dogs, tmp_path):
    data = str(make_dogs(12))

    def words(folder: Path, trials: int) -> list[str]:
        fixed = ["--data", data, "--out", str(folder), "--storage", postgres, "--images", "16"]
        over = ["--over", "g_lr=1e-5..1e-2"]
        return ["sweep", *fixed, *over, "--steps", "3", "--trials", str(trials), *TINY]

    # As on two machines: folders of one name in different places.
    folders = [tmp_path / place / "dogs" for place in ("here", "there")]
    environment = os.environ | {"DOGS_CACHE": str(tmp_path / "cache"), "OMP_NUM_THREADS": "1"}
    commands = [
        subprocess.Popen(
            [sys.executable, "-m", "local", *words(folder, 4)],
            cwd=ROOT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for folder in folders
    ]
    for command in commands:
        assert command.wait(300) == 0, command.stderr.read()
        command.stderr.close()
    study = optuna.load_study(study_name="dogs", storage=postgres)
    assert 4 <= len(study.trials) <= 5  # one that was at work when the last was counted
    assert sorted(trial.number for trial in study.trials) == list(range(len(study.trials)))
    assert all((folder / "index.html").is_file() for folder in folders)


def test_a_server_that_is_not_there_is_one_line(make_dogs, tmp_path, capsys):
    pytest.importorskip("psycopg")
    words = ["sweep", "--data", str(make_dogs(4)), "--out", str(tmp_path / "out"), "--steps", "1"]
    storage = f"postgresql+psycopg://me:secret@/none?host={tmp_path}"
    assert main([*words, "--trials", "1", "--storage", storage, *TINY]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "not usable" in said and "secret" not in said
