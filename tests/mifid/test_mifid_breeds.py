"""`--breeds`: whose label is known how, what is counted for whom, and who is forgotten."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

from mifid.__main__ import main
from mifid.breeds import known_names, labels
from mifid.features import Features, save

SIZE = 16  # features


def around(axis: int, count: int, seed: int) -> np.ndarray:
    """Return (count, SIZE) features near an axis: those of one axis are nearest to each other."""
    rows = np.random.default_rng(seed).random((count, SIZE)) * 0.1
    rows[:, axis] += 1
    return rows.astype(np.float32)


def named(label: str, count: int, suffix: str = ".jpg") -> list[str]:
    return [f"{label}_{number}{suffix}" for number in range(count)]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """A function: name, features (N, D), names -> the file that holds them."""

    def write_it(name: str, values: np.ndarray, names: Sequence[str] = ()) -> str:
        side = "generated" if name.startswith("fake") else "real"
        save(Features(values, "random", "g", side, tuple(names)), tmp_path / name)
        return str(tmp_path / name)

    return write_it


@pytest.fixture
def real(write: Callable[..., str]) -> str:
    """Three breeds: 5 pictures of n1, 10 of n2, 5 of n3."""
    values = np.concatenate([around(1, 5, 1), around(2, 10, 2), around(3, 5, 3)])
    names = [*named("n1", 5), *named("n2", 10), *named("n3", 5)]
    return write("real.npz", values, names)


def scored(capsys: pytest.CaptureFixture, *arguments: str) -> list[dict]:
    assert main([*arguments, "--breeds", "--json"]) == 0
    return json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["breeds"]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["n02085620_7.jpg", "n02085620_00012.png"], ["n02085620", "n02085620"]),
        (["all-dogs/n1_7.jpg", "all-dogs/other.jpg"], ["n1", ""]),
        (["pug/1.png", "corgi/1.png", "top.png"], ["pug", "corgi", ""]),
        (["a/pug/1.png", "b/corgi/1.png"], ["pug", "corgi"]),
        (["pug/1.png", "pug/2.png"], ["", ""]),  # one folder tells nothing
        (["n1-Pug/1.png", "n2-Welsh_corgi/n3_1.png"], ["n1", "n3"]),
        (["00001.png", "n_1.png", "nose_1.png"], ["", "", ""]),
        ([], []),
    ],
)
def test_labels(names: list[str], found: list[str]) -> None:
    assert labels(names).tolist() == found


def test_unlabelled_pictures_are_counted_by_their_nearest(
    write: Callable[..., str], real: str, capsys: pytest.CaptureFixture
) -> None:
    values = np.concatenate([around(1, 2, 4), around(3, 6, 5)])
    rows = scored(capsys, write("fake.npz", values), "--real", real)
    assert [row["label"] for row in rows] == ["n3", "n1", "n2"]
    assert [row["real"] for row in rows] == [5, 5, 10]
    assert [row["real_share"] for row in rows] == [0.25, 0.25, 0.5]
    assert [row["near"] for row in rows] == [6, 2, 0]
    assert [row["near_share"] for row in rows] == [0.75, 0.25, 0]
    first, _, third = rows
    unit = [side / np.linalg.norm(side, axis=1)[:, None] for side in (values, around(3, 5, 3))]
    nearest = (1 - unit[0][2:] @ unit[1].T).min(axis=1)
    assert first["distance"] == pytest.approx(nearest.mean(), abs=1e-6)
    assert third["distance"] is None
    for row in rows:
        assert row["name"] is row["generated"] is row["own"] is row["kid"] is None


def test_labelled_pictures_are_held_against_their_own_breed(
    write: Callable[..., str], real: str, capsys: pytest.CaptureFixture
) -> None:
    # A breed n9 that is not among the real ones, with a picture of features 0, which has no nearest
    # one, and another; of n1 five good ones and one that looks like n2; of n2 a single one.
    values = [np.zeros((1, SIZE), np.float32), around(1, 5, 4), around(2, 3, 5)]
    names = ["n9_0.png", *named("n1", 6, ".png"), "n2_0.png", "n9_1.png"]
    fake = write("fake.npz", np.concatenate(values), names)
    rows = {row["label"]: row for row in scored(capsys, fake, "--real", real)}
    assert [rows[label]["generated"] for label in ("n1", "n2", "n3", "n9")] == [6, 1, 0, 2]
    assert [rows[label]["own"] for label in ("n1", "n2", "n3", "n9")] == [5, 1, 0, 0]
    assert [rows[label]["near"] for label in ("n1", "n2", "n3", "n9")] == [5, 3, 0, 0]
    assert rows["n1"]["near_share"] == pytest.approx(5 / 8)
    assert rows["n9"]["real"] == 0
    assert rows["n1"]["kid"] is not None
    assert rows["n2"]["kid"] is rows["n3"]["kid"] is rows["n9"]["kid"] is None


def test_kid_of_a_breed(
    write: Callable[..., str], real: str, capsys: pytest.CaptureFixture
) -> None:
    fakes = [around(1, 5, 4), around(3, 10, 5)]  # those of n1 are right, those of n2 are not
    names = [*named("n1", 5), *named("n2", 10)]
    fake = write("fake.npz", np.concatenate(fakes), names)
    rows = {row["label"]: row for row in scored(capsys, fake, "--real", real)}
    for label, a, b in (("n1", fakes[0], around(1, 5, 1)), ("n2", fakes[1], around(2, 10, 2))):
        kernels = [(x @ y.T / SIZE + 1.0) ** 3 for x, y in ((a, a), (b, b), (a, b))]
        others = ~np.eye(len(a), dtype=bool)
        expected = kernels[0][others].mean() + kernels[1][others].mean() - 2 * kernels[2].mean()
        assert rows[label]["kid"] == pytest.approx(expected, abs=1e-6)
    assert rows["n2"]["kid"] > 10 * abs(rows["n1"]["kid"])


def test_generated_folders_that_are_no_breeds_do_not_count(
    write: Callable[..., str], real: str, capsys: pytest.CaptureFixture
) -> None:
    fake = write(
        "fake.npz", around(1, 4, 4), ["part1/0.png", "part1/1.png", "part2/0.png", "2.png"]
    )
    rows = scored(capsys, fake, "--real", real)
    assert {row["label"] for row in rows} == {"n1", "n2", "n3"}
    assert rows[0]["generated"] is None


def test_the_table_is_aligned_and_ends_with_the_forgotten(
    write: Callable[..., str], real: str, capsys: pytest.CaptureFixture
) -> None:
    fake = write("fake.npz", around(1, 4, 4))
    assert main([fake, "--real", real, "--breeds"]) == 0
    main_table, table = capsys.readouterr().out.split("\n\n")
    assert main_table.startswith("MiFID")
    *lines, forgotten = table.splitlines()
    assert lines[0].split() == ["breed", "real", "share", "near", "share", "distance"]
    assert lines[1].split()[:5] == ["n1", "5", "25.0%", "4", "100.0%"]
    assert [line.split()[0] for line in lines[1:]] == ["n1", "n2", "n3"]
    assert len({len(line) for line in lines}) == 1
    assert forgotten.startswith("forgotten: 2 of 3 breeds (")
    assert forgotten.endswith(": n2, n3")
    assert main([fake, "--real", real]) == 0
    assert "n1" not in capsys.readouterr().out


def test_a_folder_whose_name_is_no_unicode_is_printed(
    write: Callable[..., str], capsys: pytest.CaptureFixture
) -> None:
    values = np.concatenate([around(1, 2, 1), around(2, 2, 2)])
    real = write(
        "real.npz", values, ["caf\udce9/1.png", "caf\udce9/2.png", "pug/1.png", "pug/2.png"]
    )
    assert main([write("fake.npz", around(1, 2, 3)), "--real", real, "--breeds"]) == 0
    assert r"caf\udce9" in capsys.readouterr().out


def test_the_table_of_labelled_pictures(
    write: Callable[..., str], capsys: pytest.CaptureFixture
) -> None:
    values = np.concatenate([around(1, 4, 1), around(2, 4, 2)])
    names = [f"{folder}/{n}.jpg" for folder in ("n1-Pug", "n2-Welsh_corgi") for n in range(4)]
    fake, real = write("fake.npz", values, names), write("real.npz", values, names)
    assert main([fake, "--real", real, "--breeds"]) == 0
    head, pug, corgi, forgotten = capsys.readouterr().out.split("\n\n")[1].splitlines()
    assert head.split()[-3:] == ["generated", "own", "KID"]
    assert pug.split()[:3] == ["n1", "Pug", "4"]
    assert pug.split()[-3:-1] == ["4", "4"]
    assert "Welsh corgi" in corgi
    assert len(head) == len(pug) == len(corgi)
    assert forgotten == "forgotten: 0 of 2 breeds"


@pytest.mark.slow
def test_pictures_and_their_annotations(
    archive: Callable,
    drawn: Callable,
    make_dogs: Callable[..., Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    dogs = make_dogs(6)
    zipped = tmp_path / "dogs.zip"
    with ZipFile(zipped, "w") as file:
        for path in sorted(dogs.rglob("*")):
            file.write(path, path.relative_to(dogs))
    images = str(archive("images.zip", drawn(0, 4)))
    expected = {"n00000001": "Red dog", "n00000002": "Blue dog"}
    for real in (dogs, zipped):
        rows = scored(capsys, images, "--real", str(real))
        assert {row["label"]: row["name"] for row in rows} == expected
        assert sum(row["near"] for row in rows) == 4
        assert known_names(real) == expected


@pytest.mark.parametrize("saved", [False, True])
def test_without_labels_it_ends_before_the_work(
    saved: bool,
    archive: Callable,
    drawn: Callable,
    write: Callable[..., str],
    capsys: pytest.CaptureFixture,
) -> None:
    images, real = archive("images.zip", drawn(0, 4)), str(archive("real.zip", drawn(1, 4)))
    if saved:
        real = write("real.npz", around(1, 4, 1))
    # The graph is missing too: were it looked for first, the message would be of that.
    assert main([str(images), "--real", real, "--breeds", "--graph", "none.pb"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert f"{real}: --breeds needs labels" in err
