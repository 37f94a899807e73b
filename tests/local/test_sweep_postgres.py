"""One sweep on a PostgreSQL server, shared by commands that were started each by itself."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kernel_runs
import optuna
import pytest
from helpers import ROOT
from optuna.trial import TrialState
from sqlalchemy import create_engine, text

from local.__main__ import main
from local.sweep import storage

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


WORKER = """
import os, time
from pathlib import Path
os.environ["DOGS_CACHE"] = {cache!r}
from kernel_runs import at_step
from local.__main__ import main
from local.sweep import report
report.png = lambda *_: b"\\x89PNG"  # plots cost seconds
def wait_for(file):
    while not file.exists():
        time.sleep(0.05)
{does}
raise SystemExit(main({words}))
"""


@pytest.mark.slow
def test_a_killed_workers_trial_is_taken_up_by_one_that_joins_later(
    postgres, make_dogs, tmp_path, monkeypatch
):
    monkeypatch.setattr(kernel_runs, "TIMEOUT", 300.0)
    data, at_work, joined = str(make_dogs(12)), tmp_path / "at work", tmp_path / "joined"

    def worker(name: str, does: str) -> kernel_runs.Forked:
        place = ["--data", data, "--out", str(tmp_path / name / "killed"), "--storage", postgres]
        sweep = ["--over", "g_lr=1e-5..1e-2", "--images", "16", "--steps", "4", "--trials", "5"]
        words = ["sweep", *place, *sweep, *TINY]
        source = WORKER.format(cache=str(tmp_path / "cache"), does=does, words=words)
        return kernel_runs.run_python(tmp_path / name, source)

    with ThreadPoolExecutor(3) as pool:
        # One is in the middle of a trial all the while; another dies in the middle of its second.
        stays = (
            f"at_step(2, lambda: (Path({str(at_work)!r}).touch(), wait_for(Path({str(joined)!r}))))"
        )
        dies = f"at_step(6, lambda: (wait_for(Path({str(at_work)!r})), os.kill(os.getpid(), 9)))"
        staying, dying = pool.submit(worker, "stays", stays), pool.submit(worker, "dies", dies)
        dead = dying.result()
        assert dead.code == -signal.SIGKILL, dead.err
        number = int(re.findall(r"^trial (\d+): g_lr", dead.err, re.MULTILINE)[-1])
        study = optuna.load_study(study_name="killed", storage=postgres)
        assert study.trials[number].state == TrialState.RUNNING
        age(postgres, study.trials[number]._trial_id)
        joining = pool.submit(worker, "joins", f"at_step(1, Path({str(joined)!r}).touch)")
        for one in (joining.result(), staying.result()):
            assert one.code == 0 and "Traceback" not in one.err, one.err
    trials = study.trials
    assert trials[number].state == TrialState.FAIL
    dead_params = trials[number].params
    (again,) = [trial for trial in trials[number + 1 :] if trial.params == dead_params]
    assert again.state == TrialState.COMPLETE
    assert f"trial {again.number}: g_lr" in joining.result().err  # its first one
    done = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    assert 5 <= len(done) <= 6 and len(trials) == len(done) + 1


def age(url: str, trial: int) -> None:
    """As if time had passed since a trial's last sign of life."""
    engine = create_engine(url)
    with engine.begin() as connection:
        old = "UPDATE trial_heartbeats SET heartbeat = heartbeat - interval '1 hour'"
        changed = connection.execute(text(f"{old} WHERE trial_id = :trial"), {"trial": trial})
        assert changed.rowcount == 1
    engine.dispose()


def test_a_server_that_was_started_anew_breaks_no_storage(postgres):
    kept, other = storage.connect(postgres), create_engine(postgres)
    before = kept.get_all_studies()
    with other.begin() as connection:  # as a restart does to all of them
        others = "pid <> pg_backend_pid() AND backend_type = 'client backend'"
        close = f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {others}"
        closed = connection.execute(text(close)).scalars().all()
        assert closed and all(closed)
    assert len(kept.get_all_studies()) == len(before)
    other.dispose()


def test_a_user_who_may_not_write_is_one_line(postgres, make_dogs, tmp_path, capsys):
    storage.connect(postgres)
    engine = create_engine(postgres)
    with engine.begin() as connection:
        connection.execute(text("CREATE ROLE reader LOGIN"))
        connection.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader"))
    engine.dispose()
    words = ["sweep", "--data", str(make_dogs(12)), "--out", str(tmp_path / "out"), "--steps", "1"]
    reader = postgres.replace("postgres@", "reader@")
    assert main([*words, "--trials", "1", "--images", "16", "--storage", reader, *TINY]) == 2
    said = capsys.readouterr().err
    assert "permission denied for table" in said.splitlines()[-1] and "Traceback" not in said


def test_a_server_that_is_not_there_is_one_line(make_dogs, tmp_path, capsys):
    pytest.importorskip("psycopg")
    words = ["sweep", "--data", str(make_dogs(4)), "--out", str(tmp_path / "out"), "--steps", "1"]
    storage = f"postgresql+psycopg://me:secret@/none?host={tmp_path}"
    assert main([*words, "--trials", "1", "--storage", storage, *TINY]) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "not usable" in said and "secret" not in said
