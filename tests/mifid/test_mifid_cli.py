"""The command: what it prints where, and how it ends."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from mifid import distance
from mifid.__main__ import main

ROOT = Path(__file__).parents[2]


@pytest.fixture
def images(archive: Callable, drawn: Callable) -> str:
    return str(archive("images.zip", drawn(0, 12)))


@pytest.fixture
def real(archive: Callable, drawn: Callable) -> str:
    return str(archive("real.zip", drawn(1, 16)))


@pytest.mark.slow
def test_json(images: str, real: str, capsys: pytest.CaptureFixture) -> None:
    assert main([images, "--real", real, "--json"]) == 0
    out, err = capsys.readouterr()
    found = json.loads(out, parse_constant=pytest.fail)  # no NaN, no Infinity
    assert found["images"] == 12
    assert found["real_images"] == 16
    assert found["network"] == "random"
    assert found["label"] == "not comparable"
    assert found["comparable"] is False
    assert found["threshold"] == 0.1
    assert found["seconds"] > 0
    assert found["fid"] > 0
    assert 0 < found["distance"] < 1
    expected = found["fid"] / (found["distance_thresholded"] + 1e-14)
    assert found["mifid"] == pytest.approx(expected)
    assert len(found["warnings"]) >= 2
    assert all(line.startswith("mifid: warning:") for line in err.splitlines())


@pytest.mark.slow
def test_table(images: str, real: str, capsys: pytest.CaptureFixture) -> None:
    assert main([images, "--real", real, "--limit", "10"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("MiFID")
    assert lines[0].endswith("(not comparable, limited to 10 a side)")
    assert "10 generated, 10 real" in "".join(lines)


@pytest.mark.slow
def test_label_with_a_graph(
    images: str, real: str, graph_file: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main([images, "--real", real, "--limit", "3", "--graph", str(graph_file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["network"] == "reconstructed"
    assert found["label"] == "FID (reconstructed), limited to 3 a side"
    assert found["comparable"] is False


@pytest.mark.slow
def test_features_then_score(images: str, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    out = tmp_path / "images.npz"
    assert main(["features", images, "--out", str(out), "--generated"]) == 0
    with np.load(out) as file:
        assert file["features"].shape == (12, 256)
        assert str(file["side"]) == "generated"
    assert main([str(out), "--real", images, "--json"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert "12 pictures, network random" in printed[0]
    assert json.loads(printed[1])["distance"] < 1e-10  # the same pictures on both sides


def test_generated_features_are_checked(tmp_path: Path, encoded: Callable, drawn: Callable) -> None:
    small = tmp_path / "small.zip"
    with ZipFile(small, "w") as file:
        for name in ("a.png", "b.png"):
            file.writestr(name, encoded(drawn(0, 1, 32)[0]))
    out = tmp_path / "out.npz"
    assert main(["features", str(small), "--out", str(out), "--generated"]) == 2
    assert not out.exists()
    assert main(["features", str(small), "--out", str(out)]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.zip", "--real", "REAL"], "not found"),
        (["IMAGES", "--real", "none.zip"], "not found"),
        (["EMPTY", "--real", "REAL"], "no pictures in it"),
        (["IMAGES", "--real", "EMPTY"], "no pictures in it"),
        (["IMAGES", "--real", "CUT"], "nor a whole zip archive"),
        (["IMAGES", "--real", "REAL", "--graph", "none.pb"], "cannot be read"),
        (["IMAGES", "--real", "REAL", "--graph", "IMAGES"], "no frozen TensorFlow graph"),
        (["IMAGES", "--real", "none.npz"], "not found"),
        (["IMAGES", "--real", "REAL", "--limit", "1"], "a score needs 2"),
        (["IMAGES", "--real", "REAL", "--limit", "0"], "not a whole number above 0"),
        (["IMAGES", "--real", "REAL", "--batch", "many"], "not a whole number above 0"),
        (["IMAGES", "--real", "REAL", "--device", "tpu"], "invalid choice"),
        (["IMAGES", "--real", "REAL", "--breeds"], "needs labels"),
        (["IMAGES", "--real", "REAL", "--sheet", "a.jpg"], "ends in .png"),
        (["IMAGES", "--real", "none.npz", "--sheet", "a.png"], "hold none; give the folder"),
        (["IMAGES", "--real", "REAL", "--history", "IMAGES"], "is no history of scores"),
        (["IMAGES"], "--real"),
        ([], "IMAGES"),
        (["features", "IMAGES"], "--out"),
        (["features", "IMAGES", "--out", "a.zip"], "end in .npz"),
        (["features", "IMAGES", "--out", "nowhere/a.npz"], "folder that exists"),
        (["fetch", "--from", "none.tgz"], "no such file"),
        (["fetch", "--url", "ftp://example.org/x"], "no http address"),
    ],
)
def test_wrong_use_is_one_line_and_exit_code_2(
    arguments: list[str],
    message: str,
    images: str,
    real: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "cut.zip").write_bytes(Path(real).read_bytes()[:-50])
    known = {
        "IMAGES": images,
        "REAL": real,
        "EMPTY": str(tmp_path / "empty"),
        "CUT": str(tmp_path / "cut.zip"),
    }
    try:
        code = main([known.get(argument, argument) for argument in arguments])
    except SystemExit as leaving:  # argparse's way
        code = leaving.code
    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("command", [[], ["features"], ["fetch"]])
def test_help_has_examples(command: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as leaving:
        main([*command, "--help"])
    assert leaving.value.code == 0
    assert "examples:\n  python -m mifid" in capsys.readouterr().out


@pytest.mark.slow
def test_as_a_command(images: str, real: str) -> None:
    command = [sys.executable, "-m", "mifid", images, "--real"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    good, bad = (
        subprocess.run(
            [*command, path], env=environment, capture_output=True, text=True, check=False
        )
        for path in (real, "nowhere")
    )
    assert (good.returncode, bad.returncode) == (0, 2)
    assert "not comparable" in good.stdout
    assert bad.stderr == (
        "mifid: nowhere: not found; give a folder, a zip or saved features (.npz)\n"
    )


@pytest.mark.slow
def test_the_package_needs_no_tensorflow(images: str, real: str) -> None:
    script = (
        "import sys; from mifid.__main__ import main; code = main(sys.argv[1:]);"
        "print([m for m in ('tensorflow', 'local', 'submission') if m in sys.modules], code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, images, "--real", real],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[] 0"


def test_a_full_disk_costs_the_features_in_one_line(
    archive: Callable,
    drawn: Callable,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    target = tmp_path / "real.npz"
    assert main(["features", str(archive("real.zip", drawn(0, 4))), "--out", str(target)]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.endswith("real.npz: the features file was not written (No space left on device)")
    assert not list(tmp_path.glob("*.npz*")) and not list(tmp_path.glob(".*.part"))


@pytest.mark.slow
def test_the_nearest_pictures_are_searched_once(
    archive: Callable, drawn: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mifid import interval, pairs

    searches = []

    def counting(*sides: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        searches.append(sides)
        return distance.nearest_real(*sides)

    monkeypatch.setattr(pairs, "nearest_real", counting)
    monkeypatch.setattr(interval, "nearest_real", counting)
    sides = [str(archive(f"{n}.zip", drawn(n, 40))) for n in (1, 2)]
    assert main([sides[0], "--real", sides[1], "--interval", "--all"]) == 0
    assert len(searches) == 1
