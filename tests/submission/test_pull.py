"""A version's output brought home by the real client: whole or not at all, checked, remembered."""

import json
import sqlite3
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from kaggle_server import KEY, TOKEN, Fault, Lost, client_mends, log_events

from submission import archive, client, ledger, pull_fetch
from submission.__main__ import main
from submission.ledger import VERSION, Ledger
from submission.ledger_rows import digest
from submission.pull_verdict import read

KERNEL, SLUG = "me/slug-one", "slug-one"
COMMIT = "a1" * 20
COMMENT = {"commit": COMMIT, "minutes": 2.5, "kimg": 7.0, "device": "Tesla T4"}
RECIPE = {"name": "dcgan", "seed": 3}


@pytest.fixture
def images(tmp_path):
    """Five pictures, and the facts of their run."""
    path = tmp_path / "made.zip"
    pixels = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
    archive.write(path, [pixels], COMMENT)
    return path.read_bytes()


@pytest.fixture
def home(kaggle, images, tmp_path, monkeypatch):
    """Version 2 of a kernel on Kaggle, complete; five pictures make an archive here."""
    monkeypatch.setattr(archive, "COUNT", 5)
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    monkeypatch.setattr(pull_fetch, "FOLDER", tmp_path / "kernels")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # where no network lies
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    kaggle.kernels[KERNEL] = ["source of v1", "source of v2"]
    kaggle.files = {"images.zip": images}
    kaggle.log = ["starting", result(images)]
    return kaggle


def result(images: bytes, **more: object) -> str:
    about = {"images": 5, "seconds": {"train": 90.0}, "zip_bytes": len(images), "dirty": False}
    return json.dumps(about | {"recipe": RECIPE} | more)


def folder_of(tmp_path: Path, version: int = 2) -> Path:
    return tmp_path / "kernels" / "me" / SLUG / f"v{version}"


@pytest.fixture
def output(tmp_path, images):
    """A folder as the client leaves it."""
    folder = tmp_path / "v2"
    folder.mkdir()
    (folder / "images.zip").write_bytes(images)
    write_log(folder, ["starting", result(images)])
    return folder


def write_log(folder: Path, lines: list[str], stream: str = "stdout") -> None:
    events = log_events(*(f"{line}\n" for line in lines), stream=stream)
    (folder / f"{SLUG}.log").write_text(json.dumps(events))


# --- What the output holds, without Kaggle --------------------------------------------------------


def test_a_whole_output_has_no_faults(output):
    found = read(output, SLUG, 5)
    assert (found.failures, found.warnings) == ([], [])
    assert found.sha256 == digest(output / "images.zip")
    assert found.images.comment == COMMENT
    assert found.result["recipe"] == RECIPE


def test_what_lies_beside_the_archive_is_named_but_for_kaggles_own(output):
    (output / "__results__.html").touch()
    (output / "custom.css").touch()
    assert read(output, SLUG, 5).failures == []
    (output / "not-submittable").mkdir()
    (output / "weights.pt").touch()
    (failure,) = read(output, SLUG, 5).failures
    expected = "the output must hold images.zip alone, and has not-submittable, weights.pt"
    assert failure == expected


def test_an_archive_that_is_cut_or_of_another_size_than_the_log_says(output, images):
    (output / "images.zip").write_bytes(images[:-500])
    found = read(output, SLUG, 5)
    assert found.images is None
    assert found.failures[0].startswith("images.zip: not a whole zip archive")
    (output / "images.zip").write_bytes(images[:-9])  # within the comment: zipfile takes that
    (failure,) = read(output, SLUG, 5).failures
    assert failure.endswith(f"and the kernel's log says {len(images):,}")
    (output / "images.zip").unlink()
    found = read(output, SLUG, 5)
    assert (found.sha256, found.failures[0]) == (None, "images.zip: no such file")


def test_only_the_last_printed_line_is_the_result(output, images):
    write_log(output, [result(images), "more"])
    found = read(output, SLUG, 5)
    assert (found.result, found.failures) == ({}, [])
    assert found.warnings == ["the log does not end with the kernel's result"]
    write_log(output, [result(images)], stream="stderr")
    assert read(output, SLUG, 5).result == {}
    write_log(output, [result(images, stopped="by SIGTERM")])
    assert read(output, SLUG, 5).warnings == ["the run ended before its time: by SIGTERM"]


# --- From Kaggle ----------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_pull_through_faults_scores_and_remembers(home, images, make_dogs, tmp_path, capsys):
    row = Ledger().add(VERSION, kernel=KERNEL, version=2, commit="b2" * 20, dirty=True)
    home.cuts["images.zip"] = [5000]  # then whole
    home.on("GetKernel", Fault(500))
    home.on("GetKernelSessionStatus", Fault(429, "slowly", {"Retry-After": "7"}))
    assert main(["pull", KERNEL, "--real", str(make_dogs())]) == 0
    shown = capsys.readouterr()
    folder = folder_of(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == ["images.zip", f"{SLUG}.log"]
    assert (folder / "images.zip").read_bytes() == images
    assert list(folder.parent.iterdir()) == [folder]  # nothing half done is left
    assert home.waits == ([5, 7] if client_mends() else [5, 7, 5])
    assert f"{KERNEL} version 2: COMPLETE" in shown.out
    assert "5 pictures" in shown.out
    assert "2.5 min, 7.0 kimg" in shown.out
    assert "not comparable" in shown.out
    found = Ledger().row(row)
    assert (found.ok, found.state, found.place) == (True, "COMPLETE", str(folder))
    assert found.images_sha256 == digest(folder / "images.zip")
    assert (found.minutes, found.kimg, found.device) == (2.5, 7.0, "Tesla T4")
    assert (found.recipe, found.commit, found.dirty) == ("dcgan", "b2" * 20, True)  # as pushed
    assert found.mifid > 0
    assert found.label == "not comparable"

    asked = len(home.received)
    assert main(["pull", KERNEL, "--version", "2", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert len(home.received) == asked  # what is here is not asked for
    assert again["scores"]["mifid"] == found.mifid
    assert [again["row"], again["ok"], again["result"]["recipe"]] == [row, True, RECIPE]

    (folder / "images.zip").write_bytes(images[:-1])
    assert main(["pull", KERNEL, "--version", "2"]) == 2
    assert "has changed since its pull: remove" in capsys.readouterr().err


@pytest.mark.slow
def test_all_pages_come_and_what_is_too_much_is_said(home, tmp_path, capsys):
    home.page_size = 2
    home.files |= {f"left/{number}.png": bytes([number]) * 9 for number in range(4)}
    out = tmp_path / "here"
    out.mkdir()  # empty, so it may be filled
    assert main(["pull", KERNEL, "--out", str(out)]) == 1
    shown = capsys.readouterr()
    assert len(home.asked("ListKernelSessionOutput")) == 3
    assert [(out / "left" / f"{n}.png").read_bytes() for n in range(4)] == [
        bytes([n]) * 9 for n in range(4)
    ]
    assert "failed: the output must hold images.zip alone, and has left" in shown.out
    (row,) = Ledger().rows()  # of a version that was pushed without the kit
    assert (row.kernel, row.version, row.ok, row.commit) == (KERNEL, 2, False, COMMIT)
    assert row.source_sha256 is not None
    assert f"python -m submission history score {row.number} --real" in shown.out


@pytest.mark.slow
def test_a_pull_that_breaks_off_goes_on_file_by_file(home, images, tmp_path, monkeypatch, capsys):
    home.files = {"first.bin": b"1" * 100, "images.zip": images}
    home.on("file", None, Lost(), None, Lost())  # twice: first.bin comes, images.zip does not
    monkeypatch.setattr(client, "persist", partial(client.persist, tries=2))
    assert main(["pull", KERNEL]) == 1
    assert "no connection to Kaggle" in capsys.readouterr().err.splitlines()[-1]
    folder = folder_of(tmp_path)
    assert not folder.exists()
    first = folder.with_name(".v2.partial") / "first.bin"
    first.write_bytes(b"2" * 100)  # fetched again, it would have its content
    assert main(["pull", KERNEL]) == 1  # for what lies beside images.zip
    assert (folder / "first.bin").read_bytes() == b"2" * 100
    assert (folder / "images.zip").read_bytes() == images
    assert not first.parent.exists()


@pytest.mark.slow
def test_an_error_in_place_of_a_file_is_not_kept(home, images, tmp_path, monkeypatch):
    error = Fault(500, "s" * len(images))  # larger than the file itself
    home.on("file", error)
    assert main(["pull", KERNEL]) == 0
    assert (folder_of(tmp_path) / "images.zip").read_bytes() == images
    home.on("file", error)
    monkeypatch.setattr(client, "persist", partial(client.persist, tries=1))
    assert main(["pull", KERNEL, "--out", str(tmp_path / "other")]) == 1
    assert list(tmp_path.glob("*other*")) == []


@pytest.mark.slow
def test_a_download_without_end_is_ended_and_made_again(home, capsys):
    home.on("file", Lost(hang=True))
    assert main(["pull", KERNEL, "--timeout", "15"]) == 0
    assert "no answer from Kaggle in 15 s" in capsys.readouterr().err
    assert home.waits == [5]


@pytest.mark.slow
def test_an_archive_of_another_run_is_told_and_does_not_mix_with_the_push(home, capsys):
    pushed = {"commit": "b2" * 20, "recipe": "sagan", "settings": {"name": "sagan"}}
    Ledger().add(VERSION, kernel=KERNEL, version=2, **pushed)
    assert main(["pull", KERNEL]) == 0
    told = capsys.readouterr().err
    assert "images.zip says another commit than was pushed as version 2" in told
    (row,) = Ledger().rows()
    assert {name: getattr(row, name) for name in pushed} == pushed
    assert row.kimg == 7.0  # of the archive


@pytest.mark.slow
@pytest.mark.parametrize("state", ["RUNNING", "CANCEL_REQUESTED"])
def test_a_version_that_has_not_ended_has_no_output(home, state, tmp_path, capsys):
    home.state = state
    assert main(["pull", KERNEL]) == 2
    assert f"{KERNEL} is {state}, and has its output when it ends" in capsys.readouterr().err
    assert not folder_of(tmp_path).parent.exists()
    assert Ledger().rows() == []


@pytest.mark.slow
def test_a_failed_session_is_brought_home_all_the_same(home, tmp_path, capsys):
    home.state = "ERROR"
    home.files = {}
    assert main(["pull", KERNEL, "--json"]) == 1
    pulled = json.loads(capsys.readouterr().out)
    assert pulled["failures"][0] == "its session on Kaggle ended as ERROR"
    assert pulled["failures"][1] == "images.zip: no such file"
    assert (folder_of(tmp_path) / f"{SLUG}.log").is_file()
    (row,) = Ledger().rows()
    assert (row.ok, row.state, row.images_sha256) == (False, "ERROR", None)


@pytest.mark.slow
def test_versions_that_are_not_the_latest(home, tmp_path, capsys):
    assert main(["pull", KERNEL, "--version", "1"]) == 2
    assert "version 1 of me/slug-one is not the latest, 2 is" in capsys.readouterr().err
    number = {"metadata": {"currentVersionNumber": 3, "ref": KERNEL}}
    home.on("GetKernel", None, number)  # pushed while the output came
    assert main(["pull", KERNEL]) == 2
    assert "version 3 of me/slug-one was pushed in the meantime" in capsys.readouterr().err
    assert list(folder_of(tmp_path).parent.iterdir()) == []
    assert Ledger().rows() == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(401, "Unauthenticated"), "does not take the credentials"),
        (Fault(403, "You must accept this competition's rules"), "click"),
        (Fault(403, "Permission 'kernels.get' was denied"), "Kaggle shows you no kernel me/slug-"),
        (Fault(404, "Notebook not found"), "Kaggle shows you no kernel me/slug-one: check owner"),
    ],
)
def test_what_kaggle_refuses_takes_one_line(home, fault, said, tmp_path, capsys):
    home.always("GetKernel", fault)
    assert main(["pull", KERNEL]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert not folder_of(tmp_path).parent.exists()


@pytest.mark.slow
def test_a_token_that_has_expired(home, monkeypatch, capsys):
    monkeypatch.delenv("KAGGLE_USERNAME")
    monkeypatch.delenv("KAGGLE_KEY")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN[:-1])
    assert main(["pull", KERNEL]) == 2
    shown = capsys.readouterr()
    assert "KAGGLE_API_TOKEN holds has expired or is not valid: make a token" in shown.err
    assert TOKEN[:-1] not in shown.out + shown.err


@pytest.mark.slow
def test_no_secret_is_written_anywhere(home, tmp_path, capsys):
    home.on("GetKernel", Fault(500, f"Authorization: {KEY}"), Fault(401, KEY))
    assert main(["pull", KERNEL]) == 2
    assert main(["pull", KERNEL]) == 0
    shown = capsys.readouterr()
    assert KEY not in shown.out + shown.err
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()
    with sqlite3.connect(ledger.FILE) as connection:
        assert KEY not in "".join(connection.iterdump())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["slug-alone"], "'slug-alone' is no kernel: name it owner/slug"),
        (["me/slug/3"], "name it owner/slug, without a version"),
        (["INSERT_YOUR_KAGGLE_USERNAME/a"], "names no owner: python build_kernel.py --owner USER"),
        ([KERNEL, "--graph", __file__], "--graph judges against real pictures: give --real"),
        ([KERNEL, "--real", "nowhere.zip"], "nowhere.zip: not found"),
    ],
)
def test_wrong_use_takes_one_line_and_asks_nobody(kaggle, words, said, capsys):
    assert main(["pull", *words]) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert len(shown.err.splitlines()) == 1
    assert kaggle.received == []


@pytest.mark.slow
def test_a_folder_in_the_way_stays_as_it_is(home, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    assert main(["pull", KERNEL, "--out", str(tmp_path)]) == 2
    assert "no download of this version: remove it, or --out" in capsys.readouterr().err
    assert main(["pull", KERNEL, "--out", str(tmp_path / "file")]) == 2
    assert (tmp_path / "file").read_text() == "mine"
