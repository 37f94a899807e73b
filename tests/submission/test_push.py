"""`push` sends what was rehearsed, once, and remembers it; in a small checkout of its own."""

import base64
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT
from kaggle_server import KEY, USER, Fault, KaggleServer, Lost

import build_kernel
from local.errors import InputError
from local.lock import exclusive
from local.project import Tree, tree
from submission import client, kernels, ledger, push, push_checks
from submission.__main__ import main
from submission.commands import push as command
from submission.commands import watch as watch_command
from submission.ledger import REHEARSAL, VERSION, Ledger, Row

KERNEL = f"{USER}/generative-dogs-best-dcgan"
PARTS = ("build_kernel.py", ".gitignore", "kernel", "local", "submission")
BUILT = ("kernel.py", "kernel.ipynb", "kernel-metadata.json")


def git(root: Path, *words: str) -> str:
    settings = ("-c", "user.name=me", "-c", "user.email=me@example.com")
    run = ["git", *settings, "-C", str(root), *words]
    return subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip()


def build(root: Path, *words: str) -> None:
    run = [sys.executable, str(root / "build_kernel.py"), *words]
    subprocess.run(run, check=True, capture_output=True, cwd=root)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of the project's own sources, committed, with a built kernel."""
    root = tmp_path_factory.mktemp("built") / "checkout"
    root.mkdir()
    for part in PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, root / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, root / part)
    for name in BUILT:
        (root / "kernel" / name).unlink(missing_ok=True)
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "all")
    build(root, "--owner", USER)
    return root


@pytest.fixture
def checkout(
    built: Path, tmp_path: Path, kaggle_home: Path, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A copy of it for one test, with a ledger."""
    root = tmp_path / "checkout"
    shutil.copytree(built, root, symlinks=True)
    monkeypatch.setattr(command, "ROOT", root)
    monkeypatch.setattr(watch_command, "ROOT", root)
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    return root


@pytest.fixture
def small(tmp_path: Path, kaggle_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root with a kernel of nothing but a head, which no sources give; with a ledger."""
    head = {"command": "python build_kernel.py", "recipe": {"name": "small"}, "hours": 9.0}
    texts = {
        "kernel.py": f"BUILD = {build_kernel.literal(head)}\n\nSHA256 = {{\n}}\n",
        "kernel-metadata.json": build_kernel.metadata(USER, "Generative dogs small", "kernel.py"),
    }
    folder = tmp_path / "small" / "kernel"
    folder.mkdir(parents=True)
    for name, text in texts.items():
        build_kernel.write(folder / name, text)
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    return tmp_path / "small"


def digest(root: Path) -> str:
    return hashlib.sha256((root / "kernel" / "kernel.py").read_bytes()).hexdigest()


def rehearsed(root: Path, *, ok: bool = True, staged: bool = False) -> int:
    return Ledger().add(REHEARSAL, ok=ok, staged=staged, source_sha256=digest(root))


def versions() -> list[Row]:
    return Ledger().find(kind=VERSION)


def change_metadata(root: Path, **fields: Any) -> None:
    file = root / "kernel" / "kernel-metadata.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | fields))


def without_secrets(folder: Path, *texts: str) -> None:
    """Neither what was printed nor what was written holds the planted key, in any form."""
    forms = [KEY.encode(), base64.b64encode(f"{USER}:{KEY}".encode())]
    for text in texts:
        assert not any(form in text.encode() for form in forms)
    for file in folder.rglob("*"):
        if file.is_file() and folder / "home" not in file.parents:
            content = file.read_bytes()
            assert not any(form in content for form in forms), file


# --- Checks that need no Kaggle: quick ------------------------------------------------------------


def causes(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert main(["push", *words]) == 2
    first, *lines = capsys.readouterr().err.splitlines()
    assert first == "submission: not pushed"
    return [line.strip() for line in lines]


@pytest.mark.slow
def test_all_causes_are_said_at_once(
    checkout: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line each, and nothing is sent: there is not even a server."""
    (checkout / "local" / "kernel.py").write_text(
        (checkout / "local" / "kernel.py").read_text() + "\n# changed\n"
    )
    change_metadata(
        checkout,
        id="INSERT_YOUR_KAGGLE_USERNAME/other-slug",
        is_private=False,
        enable_gpu=False,
        enable_internet=True,
        kernel_type="notebook",
        competition_sources=[],
        dataset_sources=["someone/weights"],
        machine_shape="NvidiaTeslaP100",
        docker_image="some/image",
    )
    monkeypatch.setattr("build_kernel.MAX_BYTES", 1000)
    said = causes(capsys)
    expected = (
        "names no owner: python build_kernel.py --owner USER",
        "title 'Generative dogs best dcgan' does not give the slug 'other-slug'",
        "is_private is False and must be True",
        "enable_gpu is False and must be True",
        "enable_internet is True and must be False",
        "kernel_type is 'notebook' and must be 'script'",
        "competition_sources is [] and must be ['generative-dog-images']",
        "dataset_sources is ['someone/weights'] and must be []",
        "machine_shape is 'NvidiaTeslaP100' and must be 'NvidiaTeslaT4'",
        "docker_image is nothing that python build_kernel.py writes",
        "and Kaggle takes 1,000",
        "local/kernel.py has changed; build it again: python build_kernel.py",
        "has uncommitted changes: commit, or give --allow-dirty",
        "was never rehearsed: python -m submission rehearse --limit 300, or --force",
        "no credentials for Kaggle",
    )
    for words in expected:
        assert [line for line in said if words in line], f"{words}\n{said}"
    assert len(said) == len(expected)
    assert versions() == []


def test_two_at_once_do_not_push_twice(small: Path) -> None:
    with (
        exclusive(small / "kernel"),
        pytest.raises(InputError, match="another run is at work there"),
    ):
        push.push(small, small / "kernel")


def test_metadata_of_another_owner(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", "somebody")
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    (fault,) = push_checks.metadata_faults(push_checks.kernel_in(small / "kernel"))
    assert "is not of somebody, whose credentials KAGGLE_USERNAME with KAGGLE_KEY holds" in fault
    monkeypatch.setenv("KAGGLE_USERNAME", USER.upper())
    assert push_checks.metadata_faults(push_checks.kernel_in(small / "kernel")) == []


def test_only_a_passed_plain_rehearsal_of_these_bytes_counts(small: Path) -> None:
    def fault() -> str | None:
        kernel = push_checks.kernel_in(small / "kernel")
        return push_checks.rehearsal_fault(kernel)

    assert "never rehearsed" in str(fault())
    Ledger().add(REHEARSAL, ok=True, staged=False, source_sha256="0" * 64)
    Ledger().add(VERSION, ok=True, staged=False, source_sha256=digest(small))
    assert "never rehearsed" in str(fault())
    row = rehearsed(small, ok=False)
    assert f"failed its rehearsal, row {row}" in str(fault())
    rehearsed(small, staged=True)
    assert "with faults or shortcuts only" in str(fault())
    rehearsed(small)
    assert fault() is None
    with (small / "kernel" / "kernel.py").open("a") as file:
        file.write("\n")
    assert "never rehearsed" in str(fault())


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (shutil.rmtree, "no .*kernel-metadata.json.*build_kernel.py"),
        (
            lambda folder: (folder / "kernel-metadata.json").write_text("["),
            "is no JSON object; build it again",
        ),
        (
            lambda folder: (folder / "kernel.py").unlink(),
            "code_file .*kernel.py cannot be read.*build it",
        ),
    ],
)
def test_what_is_not_built_is_said(
    small: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    break_it: Callable[[Path], Any],
    words: str,
) -> None:
    monkeypatch.setattr(command, "ROOT", small)
    break_it(small / "kernel")
    assert main(["push"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert re.search(words, line)


@pytest.mark.slow
def test_a_bundle_must_be_what_the_sources_give(checkout: Path) -> None:
    def fault() -> str | None:
        kernel = push_checks.kernel_in(checkout / "kernel")
        return push_checks.bundle_fault(checkout, kernel)

    assert fault() is None
    (checkout / "other").mkdir()
    for name in ("kernel.py", "kernel-metadata.json"):
        shutil.copy(checkout / "kernel" / name, checkout / "other" / name)
    other = push_checks.kernel_in(checkout / "other")
    assert "is not what build_kernel.py writes" in str(push_checks.bundle_fault(checkout, other))
    with (checkout / "kernel" / "kernel.py").open("a") as file:
        file.write("# by hand\n")
    assert "edited by hand" in str(fault())


def test_a_tree_without_git_is_not_clean(tmp_path: Path) -> None:
    assert tree(tmp_path) == Tree(None, None)
    assert push.set_tag(tmp_path, KERNEL, 1, Tree(None, None)) == (None, "no git")


def test_tags_are_never_moved(small: Path) -> None:
    git(small, "init", "-q")
    git(small, "add", "-A")
    git(small, "commit", "-qm", "all")
    state = tree(small)
    assert state.dirty is False
    assert push.set_tag(small, "me/one", 3, state) == ("kernel/v3", None)
    git(small, "commit", "--allow-empty", "-qm", "later")
    later = tree(small)
    assert push.set_tag(small, "me/two", 3, later) == ("kernel/two/v3", None)
    tag, why = push.set_tag(small, "me/two", 3, state)
    assert tag is None
    assert "already exists, and stays where it is" in str(why)
    assert git(small, "rev-parse", "kernel/v3") == state.commit
    assert git(small, "rev-parse", "kernel/two/v3") == later.commit
    assert push.set_tag(small, "me/one", None, state)[0] is None
    dirty = Tree(state.commit, True)
    assert push.set_tag(small, "me/one", 4, dirty) == (None, "what was pushed is in no commit")


def test_a_session_gets_a_little_more_than_the_kernel_takes(small: Path) -> None:
    kernel = push_checks.kernel_in(small / "kernel")
    assert push.session_seconds(kernel) == 9 * 3600 + 900
    kernel.build["hours"] = 12.0
    assert push.session_seconds(kernel) == 12 * 3600


def test_nobody_knows_whether_a_push_was_taken(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kaggle does not number its versions, it is not pushed again."""
    pushes = []

    def lose(*_: Any) -> None:
        pushes.append(1)
        raise client.Unreachable("lost")

    monkeypatch.setattr(client, "pause", lambda _: None)
    monkeypatch.setattr(kernels, "latest", lambda _: kernels.Latest(None, "0" * 64))
    monkeypatch.setattr(kernels, "save", lose)
    with pytest.raises(client.Failed, match="before you push again"):
        push.save(push_checks.kernel_in(small / "kernel"), 60)
    assert len(pushes) == 1


def test_a_push_into_nothing_ends(small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pushes, waits = [], []

    def fail(folder: Path, seconds: int) -> None:
        pushes.append(seconds)
        raise client.Unreachable("trouble", 500)

    monkeypatch.setattr(client, "pause", waits.append)
    monkeypatch.setattr(kernels, "latest", lambda _: kernels.Latest(4, "0" * 64))
    monkeypatch.setattr(kernels, "save", fail)
    with pytest.raises(client.Unreachable, match="trouble"):
        push.save(push_checks.kernel_in(small / "kernel"), 60)
    assert pushes == [60] * 6
    assert waits == [5, 10, 20, 40, 80]


@pytest.mark.parametrize(
    ("before", "now", "after", "ok"),
    [
        ("QUEUED", "COMPLETE", "COMPLETE", None),
        ("RUNNING", "ERROR", "ERROR", False),
        ("CANCEL_ACKNOWLEDGED", "COMPLETE", "CANCEL_ACKNOWLEDGED", None),  # its end was seen
        ("QUEUED", client.Unreachable("lost"), "QUEUED", None),  # nobody knows: no reason to stop
    ],
)
def test_how_the_version_before_ended_is_noted_while_kaggle_says_so(
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    before: str,
    now: str | Exception,
    after: str,
    ok: bool | None,
) -> None:
    def session(_: str) -> kernels.Session:
        if isinstance(now, Exception):
            raise now
        return kernels.Session(now, "")

    kernel = push_checks.kernel_in(small / "kernel")
    older = Ledger().add(VERSION, kernel=kernel.name, version=3, state="QUEUED")
    last = Ledger().add(VERSION, kernel=kernel.name, version=4, state=before)
    monkeypatch.setattr(client, "pause", lambda _: None)
    monkeypatch.setattr(kernels, "session", session)
    monkeypatch.setattr(kernels, "latest", lambda _: kernels.Latest(4, "0" * 64))
    monkeypatch.setattr(kernels, "save", lambda *_: kernels.Saved(5, "there"))
    assert push.save(kernel, 60).version == 5
    row = Ledger().row(last)
    assert (row.state, row.ok) == (after, ok)
    assert Ledger().row(older).state == "QUEUED"  # of which Kaggle says nothing any more


# --- The real client ------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_push(
    checkout: Path, kaggle: KaggleServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    rehearsed(checkout)
    built = git(checkout, "rev-parse", "HEAD")
    git(checkout, "commit", "--allow-empty", "-qm", "nothing that the kernel carries")
    assert main(["push", "--json"]) == 0
    printed = capfd.readouterr()
    (sent,) = kaggle.asked("SaveKernel")
    source = (checkout / "kernel" / "kernel.py").read_text()
    assert sent["text"] == source
    assert sent["slug"] == KERNEL
    assert sent["sessionTimeoutSeconds"] == 9 * 3600 + 900
    (row,) = versions()
    commit = git(checkout, "rev-parse", "HEAD")
    assert (row.kernel, row.version, row.source_sha256) == (KERNEL, 1, digest(checkout))
    assert (row.commit, row.dirty, row.forced) == (built, False, None)  # as its output will say
    assert (row.recipe, row.state, row.ok) == ("best-dcgan", "QUEUED", None)
    assert row.settings and row.settings["name"] == "best-dcgan"
    assert git(checkout, "rev-parse", "kernel/v1") == commit
    assert json.loads(printed.out) == {
        "kernel": KERNEL,
        "version": 1,
        "url": f"https://www.kaggle.com/code/{KERNEL}",
        "seconds": 9 * 3600 + 900,
        "commit": commit,
        "tag": "kernel/v1",
        "untagged": None,
        "forced": None,
        "row": row.number,
    }
    assert printed.err == ""
    without_secrets(tmp_path, printed.out, printed.err)


@pytest.mark.slow
def test_forced_from_a_dirty_tree_and_waited_for(
    checkout: Path, kaggle: KaggleServer, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Also: few hours left are warned about, as is a key that others may read."""
    (checkout / "notes.txt").write_text("not committed\n")
    file = Path(os.environ["HOME"]) / ".kaggle" / "kaggle.json"
    file.parent.mkdir()
    file.write_text(json.dumps({"username": USER, "key": KEY}))
    file.chmod(0o644)
    kaggle.hours = (25.0, 30.0)
    kaggle.kernels[KERNEL] = ["an older version"]
    late = {"metadata": {"currentVersionNumber": 1}}  # the push is not shown at once
    kaggle.on("GetKernel", None, late)
    assert main(["push", "--allow-dirty", "--force", "--wait"]) == 0
    printed = capfd.readouterr()
    (row,) = versions()
    assert (row.dirty, row.forced) == (True, "uncommitted changes, no rehearsal")
    assert row.state == "COMPLETE"
    assert "not tagged: what was pushed is in no commit" in printed.err
    assert f"chmod 600 {file}" in printed.err
    assert "only 5 GPU hours are left until 2026-11-28" in printed.err
    assert "Kaggle does not show version 2 yet" in printed.err
    assert f"{KERNEL} version 2: pushed" in printed.out
    assert "forced   uncommitted changes, no rehearsal" in printed.out
    assert f"{KERNEL} version 2: COMPLETE" in printed.out
    assert git(checkout, "tag") == ""
    without_secrets(tmp_path, printed.out, printed.err)


@pytest.mark.slow
def test_what_stands_against_it_on_kaggle(
    checkout: Path, kaggle: KaggleServer, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsed(checkout)
    kaggle.kernels[KERNEL] = ["an older version"]
    kaggle.hours = (30.0, 30.0)
    for state in ("QUEUED", "RUNNING"):
        kaggle.state = state
        quota, running = causes(capsys)
        assert quota == "no GPU hours are left until 2026-11-28: `kaggle quota`"
        assert running.startswith(f"a version of {KERNEL} is {state}: wait")
    kaggle.on("GetAcceleratorQuotaStatistics", Fault(401))
    (credentials,) = causes(capsys)
    assert "Kaggle does not take the credentials" in credentials
    assert kaggle.asked("SaveKernel") == []


@pytest.mark.slow
def test_a_refused_push_is_no_push(
    checkout: Path, kaggle: KaggleServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client exits 0; what counts is what it says."""
    rehearsed(checkout)
    why = "Maximum batch GPU session count of 2 reached."
    kaggle.on("SaveKernel", {"error": why})
    assert main(["push"]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"submission: Kaggle refuses the push ({why}): wait")
    kaggle.on("SaveKernel", Fault(403, "You must accept this competition's rules"))
    assert main(["push"]) == 2
    assert "I Understand and Accept" in capfd.readouterr().err
    assert versions() == []
    assert git(checkout, "tag") == ""


@pytest.mark.slow
def test_a_push_without_its_data_is_an_error(
    checkout: Path, kaggle: KaggleServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client only warns, and the version runs: so it is remembered, and stopped by hand."""
    rehearsed(checkout)
    kaggle.on("SaveKernel", {"invalidCompetitionSources": [client.COMPETITION]})
    assert main(["push"]) == 1
    printed = capfd.readouterr()
    assert "version 1 runs without competition sources: ['generative-dog-images']" in printed.err
    assert f"stop it at https://www.kaggle.com/code/{KERNEL}" in printed.err
    (row,) = versions()
    assert (row.version, row.ok) == (1, False)
    assert "competition sources" in str(row.note)
    assert git(checkout, "tag") == ""


@pytest.mark.slow
def test_a_push_whose_answer_is_lost_is_not_sent_twice(
    checkout: Path, kaggle: KaggleServer, capfd: pytest.CaptureFixture[str]
) -> None:
    """First Kaggle asks to wait, then the network swallows a push, then only its answer."""
    rehearsed(checkout)
    kaggle.kernels[KERNEL] = ["an older version"]
    kaggle.on(
        "SaveKernel",
        Fault(429, "slow", {"Retry-After": "90"}),
        Lost(),
        Lost(done=True),
    )
    assert main(["push"]) == 0
    assert len(kaggle.asked("SaveKernel")) == 3
    assert len(kaggle.kernels[KERNEL]) == 2
    assert kaggle.waits == [90, 10, 20]
    printed = capfd.readouterr()
    assert "Kaggle took the push all the same: version 2" in printed.err
    (row,) = versions()
    assert row.version == 2
    assert git(checkout, "tag") == "kernel/v2"
