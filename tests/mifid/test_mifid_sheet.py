"""`--sheet`: which pictures stand where, and what is refused before the work."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mifid.__main__ import main
from mifid.errors import InputError, WorkError
from mifid.features import Features
from mifid.pairs import Pairs
from mifid.score import Result
from mifid.sheet import COLUMNS, GAP, PAIR, PAIRS, SIDE, Shown, draw, write

RESULT = Result(
    mifid=61.5,
    fid=61.5,
    distance=0.2,
    distance_thresholded=1.0,
    threshold=0.1,
    images=40,
    real_images=40,
    network="random",
    graph="g",
    comparable=False,
    label="not comparable",
    limit=None,
    warnings=(),
    seconds=1.0,
)


def features(count: int) -> Features:
    return Features(np.ones((count, 2)), names=tuple(f"{row:05}.png" for row in range(count)))


def places(sheet: Path, picture: np.ndarray) -> list[tuple[int, int]]:
    """Return (x, y) of each place where the picture stands, twice as large; by rows."""
    pixels = np.asarray(Image.open(sheet))
    large = picture.repeat(2, axis=0).repeat(2, axis=1)
    lefts = range(GAP, pixels.shape[1] - PAIR, PAIR + GAP)
    return sorted(
        (
            (x, int(y))
            for left in lefts
            for x in (left, left + PAIR - SIDE)
            for y in np.flatnonzero((pixels[:, x : x + SIDE] == large[0]).all(axis=(1, 2)))
            if np.array_equal(pixels[y : y + SIDE, x : x + SIDE], large)
        ),
        key=lambda place: place[::-1],
    )


@pytest.fixture
def sides(archive: Callable, drawn: Callable) -> tuple[Path, Path, np.ndarray, np.ndarray]:
    generated, real = drawn(0, 40), drawn(1, 40)
    return archive("images.zip", generated), archive("real.zip", real), generated, real


@pytest.mark.slow
def test_a_copy_stands_first_beside_its_original(
    archive: Callable, drawn: Callable, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    generated, real = drawn(0, 5), drawn(1, 6)
    generated[3] = real[2]
    sides = [str(archive("images.zip", generated)), "--real", str(archive("real.zip", real))]
    sheet = tmp_path / "nearest.png"
    assert main([*sides, "--limit", "6", "--sheet", str(sheet)]) == 0
    assert "MiFID" in capsys.readouterr().out
    (x, y), (beside, same_row), *others = places(sheet, real[2])
    assert (x, beside, same_row) == (GAP, GAP + PAIR - SIDE, y)
    for picture in generated[[0, 1, 2, 4]]:
        ((x, same_row),) = places(sheet, picture)
        assert x > beside and same_row == y
    # Beside another generated picture it may stand again, as a real one: on the right.
    assert all((x - GAP) % (PAIR + GAP) for x, _ in others)
    assert [path.name for path in tmp_path.glob("*nearest*")] == ["nearest.png"]


@pytest.mark.slow
def test_pairs_ascend_and_the_farthest_are_left_out(
    sides: tuple[Path, Path, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    generated, real, fakes, trues = sides
    random = np.random.default_rng(0)
    distance, nearest = random.permutation(40) / 100, random.permutation(40)
    pairs = Pairs(np.arange(40), nearest, distance)
    write(tmp_path / "a.png", RESULT, generated, real, features(40), features(40), pairs)
    found = []
    shown = []
    for row in np.argsort(distance):
        if distance[row] >= PAIRS / 100:
            assert not places(tmp_path / "a.png", fakes[row])
            continue
        ((x, y),) = places(tmp_path / "a.png", fakes[row])
        assert places(tmp_path / "a.png", trues[nearest[row]]) == [(x + PAIR - SIDE, y)]
        found.append((y, x))
        beside = int(nearest[row])
        names = f"{row:05}.png", f"{beside:05}.png"
        shown.append(Shown(fakes[row], trues[beside], *names, distance[row]))
    assert found == sorted(found)
    assert len({x for _, x in found}) == COLUMNS
    assert Image.open(tmp_path / "a.png").tobytes() == draw(shown, RESULT).tobytes()


def test_the_texts_tell_label_distance_and_names(drawn: Callable) -> None:
    (picture,) = drawn(0, 1)
    shown = Shown(picture, picture, "1.png", "n1_1.jpg", 0.25)
    sheets = [
        draw([shown], RESULT),
        draw([shown], replace(RESULT, label="FID (reconstructed)")),
        draw([replace(shown, distance=0.26)], RESULT),
        draw([replace(shown, generated_name="2.png")], RESULT),
        draw([replace(shown, real_name="n1_2.jpg")], RESULT),
    ]
    assert draw([shown], RESULT) == sheets[0]
    assert len({sheet.tobytes() for sheet in sheets}) == len(sheets)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 24])
def test_long_texts_stay_on_the_sheet(count: int, drawn: Callable) -> None:
    long = "a long label, " * 20
    (picture,) = drawn(0, 1)
    shown = [Shown(picture, picture, "folder/" * 30 + "1.png", "n1_" + "W" * 90, 0.5)] * count
    sheet = draw(shown, replace(RESULT, label=long))
    paper = sheet.getpixel((0, 0))
    pixels = np.asarray(sheet)
    for margin in (pixels[:, : GAP - 2], pixels[:, -GAP + 2 :], pixels[: GAP - 2], pixels[-8:]):
        assert (margin == paper).all()
    between = pixels[-SIDE:, GAP + PAIR + 2 : 2 * GAP + PAIR - 2]
    assert (between == paper).all()
    assert sheet.width <= 1920


def test_pictures_that_are_gone_make_no_sheet(
    sides: tuple[Path, Path, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    generated, real, _, _ = sides
    pairs = Pairs(np.array([40, 1]), np.array([0, 1]), np.array([0.1, 0.2]))
    with pytest.raises(InputError, match=r"images\.zip: changed while it was scored"):
        write(tmp_path / "a.png", RESULT, generated, real, features(41), features(40), pairs)
    assert not list(tmp_path.glob("*.png*"))


def test_a_full_disk_leaves_no_half_sheet(
    sides: tuple[Path, Path, np.ndarray, np.ndarray], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    pairs = Pairs(np.arange(4), np.arange(4), np.arange(4) / 10)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (500, before[1]))  # as if the disk were full then
    try:
        with pytest.raises(WorkError, match=r"a\.png: the sheet was not written"):
            write(tmp_path / "a.png", RESULT, *sides[:2], features(40), features(40), pairs)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.glob("*a.png*"))


@pytest.mark.parametrize(
    ("images", "real", "sheet", "message"),
    [
        ("folder", "real.npz", "a.png", "saved features hold none"),
        ("images.npz", "folder", "a.png", "saved features hold none"),
        ("images.zip", "folder", "a.jpg", "ends in .png"),
        ("images.zip", "folder", "nowhere/a.png", "a folder that exists"),
        ("images.zip", "folder", "folder.png", "a folder that exists"),
        ("images.zip", "folder", "folder/a.png", "would count as a picture"),
        ("folder", "images.zip", "folder/deeper/a.png", "would count as a picture"),
    ],
)
def test_what_cannot_be_drawn_ends_before_the_work(
    images: str,
    real: str,
    sheet: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.png").mkdir()
    # None of the pictures is there: were they looked for first, the message would be of them.
    assert main([images, "--real", real, "--sheet", sheet]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert message in err
