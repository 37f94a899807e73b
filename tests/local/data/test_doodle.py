import multiprocessing
import re
import xml.etree.ElementTree as ET
from functools import partial
from itertools import combinations

import numpy as np
import pytest
from PIL import Image, ImageChops

from local.data import doodle
from local.data.doodle import BREEDS, draw, write


@pytest.fixture(scope="module")
def doodles():
    """Eight pictures of every breed."""
    return [draw(index, seed=7) for index in range(8 * len(BREEDS))]


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_breeds_are_plainly_invented_and_distinct():
    assert len(BREEDS) >= 12
    assert all(re.fullmatch(r"n9\d{7}", breed.wnid) for breed in BREEDS)
    assert all(re.fullmatch(r"\w+", breed.name) for breed in BREEDS)
    assert len({breed.wnid for breed in BREEDS}) == len({b.name for b in BREEDS}) == len(BREEDS)


def test_seed_and_index_make_the_picture():
    first, again = draw(5, seed=1), draw(5, seed=1)
    assert first.picture.tobytes() == again.picture.tobytes()
    assert (first.boxes, first.name) == (again.boxes, again.name)
    others = [draw(5, seed=2), draw(5 + len(BREEDS), seed=1)]
    assert all(other.breed == first.breed for other in others)
    assert all(other.picture.tobytes() != first.picture.tobytes() for other in others)


@pytest.mark.parametrize(("index", "seed"), [(-1, 0), (0, -1)])
def test_negative_numbers_are_refused(index, seed):
    with pytest.raises(ValueError):
        draw(index, seed)


def test_breeds_take_turns(doodles):
    assert [d.breed for d in doodles] == list(BREEDS) * 8
    assert doodles[20].name == f"{BREEDS[20 % len(BREEDS)].wnid}_20"


def test_pictures_and_boxes_suit_a_loader(doodles):
    for d in doodles:
        assert d.picture.mode == "RGB"
        assert all(96 <= side <= 160 for side in d.picture.size)
        for left, top, right, bottom in d.boxes:
            assert 0 <= left < right <= d.picture.width
            assert 0 <= top < bottom <= d.picture.height
            assert min(right - left, bottom - top) >= 40
    assert len({d.picture.size for d in doodles}) > 50
    pairs = sum(len(d.boxes) == 2 for d in doodles)
    assert 0 < pairs < 0.15 * len(doodles)


def test_a_box_is_what_the_dog_changes(monkeypatch):
    show, seen = doodle._show, []

    def watched(picture, *others):
        before = picture.copy()
        box = show(picture, *others)
        seen.append((box, ImageChops.difference(before, picture).getbbox()))
        return box

    monkeypatch.setattr(doodle, "_show", watched)
    boxes = [box for index in range(60) for box in draw(index).boxes]
    assert boxes == [box for box, _ in seen]
    for box, changed in seen:
        # A faint edge, less than half dog, is changed but not in the box.
        outside = np.array([1, 1, -1, -1]) * (np.array(box) - changed)
        assert outside.min() >= 0
        assert outside.max() <= 3


def test_breeds_differ_on_average(doodles):
    def crop(d):
        return np.asarray(d.picture.crop(d.boxes[0]).resize((8, 8), Image.Resampling.BOX), float)

    means = [np.mean([crop(d) for d in doodles if d.breed == breed], axis=0) for breed in BREEDS]
    for one, other in combinations(means, 2):
        assert np.sqrt(np.mean((one - other) ** 2)) > 10  # of 255


def test_layout_is_the_competitions(tmp_path):
    folder = tmp_path / "deep" / "dogs"
    write(folder, count=20, seed=3)
    assert sorted(p.name for p in folder.iterdir()) == ["Annotation", "all-dogs"]
    assert len(list(folder.glob("all-dogs/*.jpg"))) == 20
    for index in range(20):
        d = draw(index, seed=3)
        root = ET.parse(folder / "Annotation" / f"{d.breed.wnid}-{d.breed.name}" / d.name).getroot()
        assert (root.tag, root.findtext("filename")) == ("annotation", d.name)
        size = tuple(int(root.findtext(f"size/{key}")) for key in ("width", "height", "depth"))
        assert size == (*d.picture.size, 3)
        assert [
            tuple(int(box.findtext(side)) for side in ("xmin", "ymin", "xmax", "ymax"))
            for box in root.iterfind("object/bndbox")
        ] == d.boxes
        assert {name.text for name in root.iterfind("object/name")} == {d.breed.name}
        with Image.open(folder / "all-dogs" / f"{d.name}.jpg") as picture:
            assert (picture.format, picture.size) == ("JPEG", d.picture.size)


def test_the_normal_loader_reads_it(tmp_path):
    from local.data.competition import find

    write(tmp_path / "dogs", count=18)
    collection = find(tmp_path / "dogs")
    assert collection.breed_names == {breed.wnid: breed.name for breed in BREEDS}
    found = {picture.name: picture.boxes() for picture in collection.pictures}
    assert found == {f"all-dogs/{d.name}.jpg": d.boxes for d in map(draw, range(18))}


def test_count_does_not_change_a_picture(tmp_path):
    write(tmp_path / "few", count=5)
    write(tmp_path / "more", count=9)
    few, more = files(tmp_path / "few"), files(tmp_path / "more")
    assert few.items() < more.items()


@pytest.mark.parametrize(
    "method", sorted({"fork", "spawn"} & {*multiprocessing.get_all_start_methods()})
)
def test_processes_do_not_change_a_picture(tmp_path, monkeypatch, method):
    context = multiprocessing.get_context(method)
    pool = partial(doodle.ProcessPoolExecutor, mp_context=context)
    write(tmp_path / "one", count=24)
    monkeypatch.setattr(doodle, "FEW", 0)
    monkeypatch.setattr(doodle, "_processes", lambda: 2)
    monkeypatch.setattr(doodle, "ProcessPoolExecutor", pool)
    write(tmp_path / "two", count=24)
    assert files(tmp_path / "one") == files(tmp_path / "two")


@pytest.mark.parametrize(("count", "seed"), [(0, 0), (-3, 0), (1, -1)])
def test_wrong_numbers_are_refused(tmp_path, count, seed):
    with pytest.raises(ValueError, match="at least"):
        write(tmp_path / "dogs", count, seed)
    assert not list(tmp_path.iterdir())


def test_a_full_folder_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        write(tmp_path, count=1)
    with pytest.raises(FileExistsError):
        write(tmp_path / "notes.txt", count=1)
    assert files(tmp_path) == {"notes.txt": b"mine"}


def test_an_empty_folder_is_filled(tmp_path):
    write(tmp_path / "dogs", count=1)
    (tmp_path / "empty").mkdir()
    write(tmp_path / "empty", count=1)
    assert files(tmp_path / "dogs") == files(tmp_path / "empty")


def test_a_failure_leaves_nothing(tmp_path, monkeypatch):
    def failing(index, seed):
        if index == 3:
            raise OSError("disk full")
        return draw(index, seed)

    monkeypatch.setattr(doodle, "draw", failing)
    with pytest.raises(OSError, match="disk full"):
        write(tmp_path / "dogs", count=5)
    assert not list(tmp_path.iterdir())
