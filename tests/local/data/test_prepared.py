"""One tensor: its pixels, its counts, its cache."""

import io
import os
import resource
import time
import tracemalloc
from dataclasses import asdict

import numpy as np
import pytest
import torch
from helpers import damage_member, noise, voc, zip_folder
from kernel_runs import run_python
from PIL import Image

from local.data import competition, cropping, crops, prepared, shards
from local.data.prepared import prepare, prepare_for
from local.errors import InputError
from local.recipes import Recipe

LAST = "pictures-00002.safetensors"


def test_pixels_are_pillows_and_labels_follow_the_names(make_dogs):
    root = make_dogs()
    dogs = prepare(root, 32, "box")
    assert dogs.pictures.shape == (6, 3, 32, 32)
    assert dogs.pictures.dtype == torch.uint8
    assert dogs.breeds == ["Red_dog", "Blue_dog"]
    assert dogs.labels.tolist() == [0, 0, 0, 1, 1, 1]
    for picture, source in zip(dogs.pictures, dogs.sources, strict=True):
        image = Image.open(root / source)
        expected = image.crop((5, 10, 65, 70)).resize((32, 32), Image.Resampling.LANCZOS)
        assert np.array_equal(picture.permute(1, 2, 0), np.asarray(expected))


def test_everything_odd_is_counted_and_nothing_is_fatal(make_dogs):
    root = make_dogs(8)
    pictures = root / "all-dogs"
    (pictures / "n00000001_0.jpg").write_bytes(b"not a picture")
    whole = (pictures / "n00000002_1.jpg").read_bytes()
    (pictures / "n00000002_1.jpg").write_bytes(whole[: len(whole) // 2])
    red, blue = root / "Annotation/n00000001-Red_dog", root / "Annotation/n00000002-Blue_dog"
    (red / "n00000001_2").unlink()
    (blue / "n00000002_3").write_text("<annotation>")
    (red / "n00000001_4").write_text(voc([(0, 0, 40, 40), (50, 20, 90, 70), (0, 0, 31, 60)]))
    (red / "n02105855_2933").write_text(voc([(0, 0, 50, 50)]))
    noise(60, 60, 1).convert("CMYK").save(pictures / "n00000002_5.jpg")
    (pictures / "n00000001_6.jpg").write_bytes(png(noise(60, 60, 2)))
    dogs = prepare(root, 16, "box")
    assert asdict(dogs.counts) == {
        "pictures": 8,
        "crops": 7,  # 8, less 2 that do not decode, and one more of the two dogs
        "not_decoded": 2,
        "boxes_left_out": 1,
        "without_annotation": 1,
        "annotations_without_picture": 1,
        "annotations_not_read": 1,
    }
    assert len(dogs) == 7
    assert "2 not decoded" in str(dogs.counts)


def test_the_cache_follows_content_and_settings(make_dogs, tmp_path, monkeypatch):
    root, cache = make_dogs(), tmp_path / "cache"
    first = prepare(root, 16, "box", cache)
    assert not torch.equal(prepare(root, 16, "squash", cache).pictures[0], first.pictures[0])

    def refuse(*_):
        raise AssertionError("read again")

    with monkeypatch.context() as patched:
        patched.setattr(prepared, "cropped", refuse)
        again = prepare(root, 16, "box", cache)
        assert torch.equal(again.pictures[:], first.pictures[:])
        assert (again.sources, again.breeds, again.counts) == (
            first.sources,
            first.breeds,
            first.counts,
        )
        with pytest.raises(AssertionError):
            prepare(root, 8, "box", cache)
        with pytest.raises(AssertionError):
            prepare(root, 16, "box", cache, crops=2)
        with pytest.raises(AssertionError):
            prepare(root, 16, "tight", cache)
        annotation = root / "Annotation/n00000001-Red_dog/n00000001_0"
        annotation.write_text(voc([(10, 10, 60, 71)]))  # as long as before
        with pytest.raises(AssertionError):
            prepare(root, 16, "box", cache)
    assert all(folder.name.startswith("dogs-") for folder in cache.iterdir())
    assert torch.equal(first.pictures[:], prepare(make_dogs(name="alike"), 16, "box").pictures)


def test_several_crops_a_dog_are_distinct_and_the_same_wherever_the_picture_lies(make_dogs):
    root = make_dogs(3)
    two = prepare(root, 16, "jitter", crops=2)
    assert two.counts.crops == len(two) == 6
    assert two.labels.tolist() == [0, 0, 0, 0, 1, 1]
    assert two.sources[0] == two.sources[1] != two.sources[2]
    assert len({picture.numpy().tobytes() for picture in two.pictures}) == 6
    region = crops.regions("jitter", 100, 80, [(10, 10, 60, 70)], "n00000001_0.jpg", 2)[1]
    image = Image.open(root / two.sources[0]).crop(region)
    expected = np.asarray(image.resize((16, 16), Image.Resampling.LANCZOS))
    assert np.array_equal(two.pictures[1].permute(1, 2, 0), expected)
    (root / "all-dogs").rename(root / "elsewhere")
    (root / "elsewhere" / "all-dogs").mkdir()
    for file in (root / "elsewhere").glob("*.jpg"):
        file.rename(root / "elsewhere" / "all-dogs" / file.name)
    moved = prepare(root, 16, "jitter", crops=2)
    assert moved.sources != two.sources
    assert torch.equal(moved.pictures, two.pictures)
    assert torch.equal(prepare(root, 16, "jitter").pictures, two.pictures[::2])


def test_a_mixture_keeps_box_and_whole_picture_of_each_dog(make_dogs):
    root = make_dogs(2)
    (root / "Annotation/n00000002-Blue_dog/n00000002_1").write_text(voc([(0, 0, 9, 9)]))
    mixed = prepare(root, 16, "box+squash")
    box, whole = prepare(root, 16, "box"), prepare(root, 16, "squash")
    parts = [box.pictures[0], whole.pictures[0], whole.pictures[1]]
    assert torch.equal(mixed.pictures, torch.stack(parts))
    assert mixed.counts.boxes_left_out == box.counts.boxes_left_out == 1


def test_any_policies_may_be_mixed_and_only_the_drawn_one_gives_several(make_dogs):
    root = make_dogs(2)
    mixed = prepare_for(Recipe(size=16, crop="tight+jitter+squash", crops=3), root)
    parts = [prepare(root, 16, part, crops=3) for part in ("tight", "jitter", "squash")]
    assert [len(part) for part in parts] == [2, 6, 2]
    in_order = [
        picture for dog in range(2) for part in parts for picture in part.pictures.chunk(2)[dog]
    ]
    assert torch.equal(mixed.pictures, torch.stack(in_order))
    assert mixed.labels.tolist() == [0] * 5 + [1] * 5
    for crop in ("box+squash", "centre+fill+tight"):
        with pytest.raises(InputError, match=r"crops=2: crop=.* gives the same one each time"):
            Recipe(crop=crop, crops=2)


def test_a_dog_without_room_gives_fewer_crops_than_were_asked(make_dogs):
    root = make_dogs(2)
    (root / "Annotation/n00000001-Red_dog/n00000001_0").write_text(voc([(10, 0, 90, 80)]))
    (root / "Annotation/n00000002-Blue_dog/n00000002_1").unlink()
    jittered = prepare(root, 16, "jitter", crops=4)
    assert jittered.counts.crops == len(jittered) == 1 + 1
    assert len(prepare(root, 16, "jitter", crops=8)) == 1 + 1
    assert torch.equal(jittered.pictures, prepare(root, 16, "centre").pictures)
    assert torch.equal(jittered.pictures, prepare(root, 16, "jitter+box+centre", crops=4).pictures)


@pytest.mark.parametrize("kept", [False, True], ids=["in memory", "on a disk"])
def test_what_does_not_fit_is_refused_before_the_work(kept, make_dogs, tmp_path, monkeypatch):
    root, cache = make_dogs(3), tmp_path / "cache" if kept else None
    room = 3 * 2 * 3 * 16 * 16
    monkeypatch.setattr(prepared.room, "on_disk" if kept else "host_memory", lambda *_: room)
    assert len(prepare(root, 16, "jitter", cache, crops=2)) == 6
    monkeypatch.setattr(prepared, "cropped", None)
    place = f"the disk of {cache} has 5 KB" if kept else "this machine's memory has 5 KB"
    first = "name another with DOGS_CACHE" if kept else "free some"
    for settings, says in [
        (
            (16, "jitter", cache, 3),
            "3 crops of 16x16 of each of 3 pictures take 7 KB, .*crops=",
        ),
        ((16, "box+squash+jitter", cache, 3), "5 crops of .* of 3 pictures take 12 KB.* crops="),
        ((16, "box+squash+jitter", cache), "3 crops .* fewer than crop=box.squash.jitter"),
        ((32, "box", cache), "32x32 crops of 3 pictures take 9 KB, .* or lower size="),
    ]:
        with pytest.raises(InputError, match=says) as refused:
            prepare(root, *settings)
        assert f"{place} left; {first}, " in str(refused.value)


def test_a_cache_that_cannot_be_written_leaves_nothing_and_says_so(make_dogs, tmp_path):
    """No file may be larger than a few bytes, as on a disk that fills up meanwhile."""
    root, before = make_dogs(), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, before[1]))
    try:
        with pytest.raises(OSError) as full:
            prepare(root, 16, "box", tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    told = "the prepared pictures cannot be kept there (File too large)"
    assert str(full.value) == f"{tmp_path / 'cache'}: {told}; name another folder with DOGS_CACHE"
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_bomb_and_pictures_without_a_crop_are_refused(make_dogs, tmp_path, monkeypatch):
    root = make_dogs(1)
    (root / "Annotation/n00000001-Red_dog/n00000001_0").write_text(voc([(0, 0, 5, 5)]))
    with pytest.raises(InputError, match="none of 1 pictures gave a crop"):
        prepare(root, 16, "box")
    for pixels in (8001, 3999):  # over the limit, where Pillow warns; over twice, where it raises
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pixels)
        if pixels > 100 * 80:
            assert len(prepare(root, 16, "centre")) == 1
        else:
            with pytest.raises(InputError, match=r"n00000001_0\.jpg.*bomb"):
                prepare(root, 16, "centre")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 7999)
    with pytest.raises(InputError, match="bomb"):
        prepare(root, 16, "centre")


def test_a_damaged_member_is_counted(make_dogs, tmp_path):
    path = zip_folder(make_dogs(), tmp_path / "dogs.zip")
    damage_member(path, "all-dogs/n00000001_0.jpg")
    counts = prepare(path, 16, "box").counts
    assert (counts.crops, counts.not_decoded) == (5, 1)


def cut(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes()[:-1])


def longer(folder, name):
    (folder / name).write_bytes((folder / name).read_bytes() + b"x")


def junk(folder, name):
    (folder / name).write_bytes(b"junk")


def gone(folder, name):
    (folder / name).unlink()


@pytest.mark.parametrize("damage", [cut, longer, junk, gone])
@pytest.mark.parametrize("name", ["pictures-00000.safetensors", LAST, "about.json"])
def test_a_damaged_cache_is_made_anew(name, damage, make_dogs, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "SHARD", 2 * 3 * 16 * 16)  # bytes: three shards of two pictures
    root, cache = make_dogs(), tmp_path / "cache"
    expected = prepare(root, 16, "box", cache).pictures[:]
    (folder,) = cache.iterdir()
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(whole) == {"pictures-00000.safetensors", "pictures-00001.safetensors", LAST} | {
        "about.json"
    }
    damage(folder, name)
    assert list(prepared.kept(cache)) == []  # who looks for any set passes it over
    assert torch.equal(prepare(root, 16, "box", cache).pictures[:], expected)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == whole
    assert list(cache.iterdir()) == [folder]
    assert [len(dogs) for dogs in prepared.kept(cache)] == [6]


@pytest.mark.parametrize("damaged", [False, True], ids=["whole", "damaged"])
def test_two_that_prepare_the_same_at_once_do_not_disturb_each_other(
    damaged, make_dogs, tmp_path, monkeypatch
):
    """The second begins and ends while the first has half of its pictures."""
    root, cache, usual = make_dogs(), tmp_path / "cache", prepared.cropped

    def interrupted(*arguments):
        for number, found in enumerate(usual(*arguments)):
            if number == 3:
                with monkeypatch.context() as patched:
                    patched.setattr(prepared, "cropped", usual)
                    second.append(prepare(root, 16, "box", cache))
                if damaged:
                    (folder,) = cache.glob("dogs-*")
                    (folder / "about.json").write_text("{")
            yield found

    second = []
    monkeypatch.setattr(prepared, "cropped", interrupted)
    first = prepare(root, 16, "box", cache)
    monkeypatch.setattr(prepared, "cropped", usual)
    assert torch.equal(first.pictures[:], second[0].pictures[:])
    assert first.sha256 == second[0].sha256 == prepare(root, 16, "box").sha256
    (folder,) = cache.iterdir()
    assert len(prepared.load(folder)) == 6


@pytest.mark.slow
def test_what_a_killed_process_has_half_done_is_never_used_and_goes_in_time(make_dogs, tmp_path):
    root, cache = make_dogs(), tmp_path / "cache"
    ran = run_python(tmp_path, HALF.format(root=root, cache=cache))
    assert ran.code == 9
    (left,) = cache.iterdir()
    assert [file.name for file in left.glob("draft/*")] == ["pictures-00000.safetensors"]
    assert len(prepare(root, 16, "box", cache)) == 6
    assert left.exists()  # its process may be alive
    for path in [left, *left.rglob("*")]:
        os.utime(path, (0, 0))
    prepare(root, 16, "squash", cache)  # any other set
    assert not left.exists() and len(list(cache.iterdir())) == 2


HALF = """
import os
from pathlib import Path
from local.data import prepared
usual = prepared.cropped
def half(*arguments):
    for number, found in enumerate(usual(*arguments)):
        if number == 3:
            os._exit(9)
        yield found
prepared.cropped = half
prepared.prepare(Path("{root}"), 16, "box", Path("{cache}"))
"""


def test_only_a_few_pictures_are_begun_before_their_turn(make_dogs, monkeypatch):
    """Or they would wait in memory for a slow disk."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(cropping, "TOGETHER", 1)
    monkeypatch.setattr(cropping, "AHEAD", 3)
    begun = []
    monkeypatch.setattr(cropping, "_crops", lambda picture, *_: begun.append(picture) or ([], {}))
    collection = competition.find(make_dogs(12))
    for number, (picture, *_) in enumerate(cropping.cropped(collection, 16, "box", 1)):
        time.sleep(0.01)  # a writer that is slower than the thread
        assert picture is begun[number] and len(begun) <= number + 1 + 3
    assert begun == collection.pictures


@pytest.mark.slow
def test_memory_does_not_grow_with_the_pictures(make_dogs, tmp_path, monkeypatch):
    """NumPy tells of its memory: with a cache it is that of a few crops, without one of all."""
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setattr(cropping, "TOGETHER", 1)
    monkeypatch.setattr(cropping, "AHEAD", 2)
    root, side, peaks = make_dogs(40), 512, []
    for cache in (tmp_path / "cache", None):
        tracemalloc.start()
        dogs = prepare(root, side, "squash", cache)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert dogs.pictures.nbytes == 40 * 3 * side**2
    assert peaks[0] < dogs.pictures.nbytes / 3 and peaks[1] > dogs.pictures.nbytes


def test_sixteen_bits_of_grey_keep_their_shades(tmp_path):
    ramp = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    shades = prepare(tmp_path, 64, "squash").pictures[0, 0, 0].numpy()
    assert np.abs(shades - np.linspace(0, 255, 64)).max() <= 1


@pytest.mark.slow
def test_the_real_dogs(real_dogs, tmp_path):
    dogs = prepare(real_dogs, 64, "box", tmp_path)
    assert (dogs.counts.pictures, len(dogs.breeds)) == (12025, 15)
    # 3,000 are annotated; those whose box is too small give no crop, and no picture has two
    assert dogs.counts.without_annotation == 9025
    assert len(dogs) == 12025 - dogs.counts.boxes_left_out
    again = prepare(real_dogs, 64, "box", tmp_path)
    assert torch.equal(dogs.pictures[:], again.pictures[:])


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
