"""Every layout gives the same pictures and boxes; every bad input one clear line."""

import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
from helpers import damage_member, noise, voc, zip_folder

from local.data.competition import find, parse_boxes, write_kaggle_layout
from local.errors import InputError


def seen(path: Path) -> list[tuple[str, str, list | None]]:
    return [(p.file.path.name, p.breed, p.boxes()) for p in find(path).pictures]


def as_one_archive(dogs: Path, to: Path) -> Path:
    return zip_folder(dogs, to / "generative-dog-images.zip")


def as_two_archives(dogs: Path, to: Path) -> Path:
    zip_folder(dogs / "all-dogs", to / "all-dogs.zip", "all-dogs/")
    zip_folder(dogs / "Annotation", to / "Annotation.zip", "Annotation/")
    return to


def as_first_of_two(dogs: Path, to: Path) -> Path:
    return as_two_archives(dogs, to) / "all-dogs.zip"


def as_nested(dogs: Path, to: Path) -> Path:
    parts = to / "parts"
    parts.mkdir()
    as_two_archives(dogs, parts)
    return zip_folder(parts, to / "download.zip")


def as_mount(dogs: Path, to: Path) -> Path:
    root = to / "input" / "generative-dog-images"
    shutil.copytree(dogs / "all-dogs", root / "all-dogs" / "all-dogs")
    shutil.copytree(dogs / "Annotation", root / "annotation" / "Annotation")
    return to / "input"


def as_pushed_mount(dogs: Path, to: Path) -> Path:
    root = to / "input" / "competitions"
    root.mkdir(parents=True)
    shutil.move(as_mount(dogs, to / "other") / "generative-dog-images", root)
    return to / "input"


def as_both_mounts(dogs: Path, to: Path) -> Path:
    mount = as_mount(dogs, to)
    (mount / "competitions").mkdir()
    (mount / "competitions" / "generative-dog-images").symlink_to(mount / "generative-dog-images")
    shutil.copytree(mount / "generative-dog-images", mount / "zz-copy")
    return mount


def stanford(dogs: Path, to: Path) -> Path:
    """The pictures in folders of their breed, as Stanford's own archives hold them."""
    root = to / "stanford"
    shutil.copytree(dogs / "Annotation", root / "Annotation")
    for folder in (dogs / "Annotation").iterdir():
        (root / "Images" / folder.name).mkdir(parents=True)
        for annotation in folder.iterdir():
            name = f"{annotation.name}.jpg"
            shutil.copy(dogs / "all-dogs" / name, root / "Images" / folder.name / name)
    return root


def tar_folder(folder: Path, to: Path) -> Path:
    with tarfile.open(to, "w:gz" if to.suffix == ".gz" else "w") as archive:
        archive.add(folder, folder.name)
    return to


def as_stanford_tars(dogs: Path, to: Path) -> Path:
    unpacked = stanford(dogs, to.parent / "unpacked")
    tar_folder(unpacked / "Images", to / "images.tar")
    tar_folder(unpacked / "Annotation", to / "annotation.tar")
    return to


def as_first_of_two_tars(dogs: Path, to: Path) -> Path:
    return as_stanford_tars(dogs, to) / "images.tar"


def as_gzipped_tar(dogs: Path, to: Path) -> Path:
    return tar_folder(dogs, to / "dogs.tar.gz")


def as_tars_in_a_zip(dogs: Path, to: Path) -> Path:
    parts = to / "parts"
    parts.mkdir()
    return zip_folder(as_stanford_tars(dogs, parts), to / "download.zip")


LAYOUTS = [
    as_one_archive,
    as_two_archives,
    as_first_of_two,
    as_nested,
    as_mount,
    as_pushed_mount,
    as_both_mounts,
    stanford,
    as_stanford_tars,
    as_first_of_two_tars,
    as_gzipped_tar,
    as_tars_in_a_zip,
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
def test_every_layout_holds_the_same_dogs(layout, make_dogs, tmp_path):
    dogs = make_dogs()
    place = tmp_path / "place"
    place.mkdir()
    assert seen(layout(dogs, place)) == seen(dogs)
    assert find(dogs).names(["n00000001", "n00000002"]) == ["Red_dog", "Blue_dog"]


def test_the_mount_written_for_a_rehearsal_is_kaggles(make_dogs, tmp_path):
    dogs = make_dogs()
    archive = zip_folder(dogs, tmp_path / "dogs.zip")
    assert write_kaggle_layout(archive, tmp_path / "mount") == 6
    assert (tmp_path / "mount/all-dogs/all-dogs/n00000001_0.jpg").is_file()
    assert (tmp_path / "mount/annotation/Annotation/n00000001-Red_dog/n00000001_0").is_file()
    assert seen(tmp_path / "mount") == seen(dogs)


def test_stray_files_are_not_dogs(make_dogs):
    dogs = make_dogs()
    before = seen(dogs)
    noise(50, 50, 0).save(dogs / "screenshot.png")
    (dogs / "all-dogs" / "._n00000001_0.jpg").write_bytes(b"resource fork")
    (dogs / "all-dogs" / "notes.txt").write_text("hello")
    assert seen(dogs) == before


def test_any_folder_of_pictures_works(tmp_path):
    for name in ("cat", "truck"):
        (tmp_path / name).mkdir()
        noise(40, 40, 1).save(tmp_path / name / "1.png")
    assert seen(tmp_path) == [("1.png", "cat", None), ("1.png", "truck", None)]


def test_a_flat_folder_is_one_class_and_an_archive_of_classes_many(tmp_path):
    (tmp_path / "flat").mkdir()
    noise(40, 40, 1).save(tmp_path / "flat" / "1.png")
    noise(40, 40, 2).save(tmp_path / "flat" / "2.jpg")
    assert [breed for _, breed, _ in seen(tmp_path / "flat")] == ["unknown"] * 2
    shutil.copytree(tmp_path / "flat", tmp_path / "set/train/cat")
    shutil.copytree(tmp_path / "flat", tmp_path / "set/train/dog")
    for archive in (zip_folder(tmp_path / "set", tmp_path / "set.zip"), tmp_path / "set"):
        assert [breed for _, breed, _ in seen(archive)] == ["cat"] * 2 + ["dog"] * 2


def test_breeds_have_names_without_annotations_too(make_dogs, tmp_path):
    pictures = stanford(make_dogs(), tmp_path) / "Images"
    assert find(pictures).names(["n00000001", "n00000002"]) == ["Red_dog", "Blue_dog"]


def test_several_sets_are_told_apart_or_refused(make_dogs, tmp_path):
    place = tmp_path / "downloads"
    for name, count in (("cats", 2), ("cars", 3)):
        (tmp_path / name).mkdir()
        for i in range(count):
            noise(40, 40, i).save(tmp_path / name / f"{i}.png")
    place.mkdir()
    zip_folder(tmp_path / "cats", place / "cats.zip")
    assert len(seen(place)) == 2
    zip_folder(tmp_path / "cars", place / "cars.zip")
    with pytest.raises(InputError, match=r"downloads: .* several .*cars\.zip, cats\.zip.*name one"):
        find(place)
    # the competition's own pictures are what this kit is for, and what is open goes first
    dogs = make_dogs()
    zip_folder(dogs, place / "dogs.zip")
    assert seen(place) == seen(dogs)
    shutil.copytree(tmp_path / "cars", place / "cars")
    assert [breed for _, breed, _ in seen(place)] == ["cars"] * 3


NAN = voc([(1, 2, "nan", 4)]).encode()
ODD = b'<?xml version="1.0" encoding="klingon"?><annotation/>'


def test_boxes_of_several_dogs_and_broken_annotations():
    assert parse_boxes(voc([(1, 2, 3, 4), (5.5, 6, 7, 8)]).encode()) == [
        (1, 2, 3, 4),
        (5.5, 6, 7, 8),
    ]
    for broken in (
        b"",
        b"<annotation>",
        b"<annotation/>",
        voc([(1, 2, "x", 4)]).encode(),
        NAN,
        ODD,
    ):
        with pytest.raises(ValueError):
            parse_boxes(broken)
    with pytest.raises(ValueError):
        parse_boxes(b" " * 2**21)


def test_what_cannot_be_read_is_one_clear_line(tmp_path, make_dogs):
    empty = tmp_path / "empty"
    empty.mkdir()
    no_pictures = zip_folder(make_dogs() / "Annotation", tmp_path / "none.zip")
    whole = as_one_archive(tmp_path / "dogs", tmp_path)
    truncated = tmp_path / "truncated.zip"
    truncated.write_bytes(whole.read_bytes()[:-3000])
    inner = zip_folder(tmp_path / "dogs", tmp_path / "inner.zip").read_bytes()
    nested = tmp_path / "nested.zip"
    with zipfile.ZipFile(nested, "w") as archive:
        archive.writestr("all-dogs.zip", inner[:-3000])
    for path in (tmp_path / "missing", empty, no_pictures, truncated, nested):
        with pytest.raises(InputError) as error:
            find(path)
        assert "\n" not in str(error.value)
        assert path.name in str(error.value) or "all-dogs.zip" in str(error.value)


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a/../../b.jpg", "C:/evil.jpg"])
def test_a_member_that_points_outside_is_refused_by_name(name, tmp_path):
    path = tmp_path / "evil.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, b"x")
    with pytest.raises(InputError, match="points outside") as error:
        find(path)
    assert name in str(error.value)


def test_an_encrypted_or_huge_member_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "dogs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("all-dogs/n00000001_1.jpg", bytes(5000))
    monkeypatch.setattr("local.data.archives.MEMBER_LIMIT", 4999)
    with pytest.raises(InputError, match=r"n00000001_1\.jpg.*5,000 bytes"):
        find(path)
    monkeypatch.undo()
    data = bytearray(path.read_bytes())
    flags = data.rindex(b"PK\x01\x02") + 8  # of the only entry of the directory
    data[flags] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="encrypted"):
        find(path)


def test_a_damaged_picture_is_mounted_as_one_that_does_not_decode(make_dogs, tmp_path):
    path = zip_folder(make_dogs(), tmp_path / "dogs.zip")
    damage_member(path, "all-dogs/n00000001_0.jpg")
    assert write_kaggle_layout(path, tmp_path / "mount") == 6
    sizes = [p.stat().st_size for p in (tmp_path / "mount/all-dogs/all-dogs").iterdir()]
    assert sizes.count(0) == 1
