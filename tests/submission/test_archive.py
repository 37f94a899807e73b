"""The archive: what is written, and that the check finds every fault by name."""

import errno
import io
import json
import os
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image

from submission import archive
from submission.archive import ArchiveError, check, png, write


@pytest.fixture
def pictures():
    return np.random.default_rng(0).integers(0, 256, (12, 64, 64, 3), np.uint8)


def rewritten(source, target, change):
    """A copy of an archive whose list of (name, bytes) went through `change`."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name, data in change([(n, old.read(n)) for n in old.namelist()]):
            new.writestr(name, data)
    return target


def encoded(image, kind="PNG", **options):
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize("shape", [(64, 64, 3), (1, 1, 3), (5, 9, 3)])
def test_a_png_holds_the_pixels_it_was_given(shape):
    picture = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    image = Image.open(io.BytesIO(png(picture)))
    assert (image.mode, image.format) == ("RGB", "PNG")
    assert np.array_equal(np.asarray(image), picture)


def test_what_is_written_is_valid_and_holds_the_pictures_in_order(pictures, tmp_path):
    path = tmp_path / "images.zip"
    written = write(path, [pictures[:5], pictures[5:11], pictures[11:]], {"seed": 3})
    summary = check(path, count=12)
    assert written == summary.images == 12
    assert summary.comment == {"seed": 3}
    assert summary.bytes == path.stat().st_size
    assert np.array_equal(archive.pixels(path, 12), pictures)
    with zipfile.ZipFile(path) as opened:
        assert opened.namelist() == [f"{i:05}.png" for i in range(12)]


def test_the_same_pictures_give_the_same_bytes_however_they_are_batched(pictures, tmp_path):
    write(tmp_path / "a.zip", [pictures], {"x": 1, "y": 2})
    write(tmp_path / "b.zip", np.array_split(pictures, 5), {"y": 2, "x": 1})
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()


def test_a_generator_that_fails_leaves_the_older_archive(pictures, tmp_path):
    path = tmp_path / "images.zip"
    write(path, [pictures], {})
    before = path.read_bytes()

    def batches():
        yield pictures
        raise RuntimeError("out of memory")

    with pytest.raises(RuntimeError):
        write(path, batches(), {})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["images.zip"]


def nameless(monkeypatch):
    """Linux, on most of its file systems."""


def no_such_file(monkeypatch):
    monkeypatch.delattr(os, "O_TMPFILE")


def no_such_file_here(monkeypatch):
    usual = os.open

    def refusing(path, flags, *more, **named):
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return usual(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refusing)


def no_name_later(monkeypatch):
    def refusing(*_, **__):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refusing)


SYSTEMS = [nameless, no_such_file, no_such_file_here, no_name_later]


@pytest.fixture(params=SYSTEMS, ids=[system.__name__ for system in SYSTEMS])
def system(request, monkeypatch):
    """Ways in which an archive comes to its place; each system has its own."""
    request.param(monkeypatch)


def test_an_archive_comes_to_its_place_whole_on_any_system(system, pictures, tmp_path):
    path = tmp_path / "images.zip"
    (tmp_path / f".images.zip.{os.getpid()}.partial").write_bytes(b"of a killed process")
    for comment in ({"n": 1}, {"n": 2}):
        assert write(path, [pictures], comment, verify=lambda file: check(file, count=12)) == 12
        assert check(path, count=12).comment == comment
        assert [p.name for p in tmp_path.iterdir()] == ["images.zip"]
    assert path.stat().st_mode & 0o777 == 0o644


def test_what_is_refused_never_takes_the_place(system, pictures, tmp_path):
    path = tmp_path / "images.zip"

    def refuse(file):
        assert check(file, count=12).images == 12  # whole when it is looked at
        raise ArchiveError("worse than the one before")

    for before in ([], ["images.zip"]):
        with pytest.raises(ArchiveError, match="worse"):
            write(path, [pictures], {"n": 2}, verify=refuse)
        assert [p.name for p in tmp_path.iterdir()] == before
        write(path, [pictures], {"n": 1})
    assert check(path, count=12).comment == {"n": 1}


def test_a_full_disk_leaves_the_older_archive(system, pictures, tmp_path, monkeypatch):
    path = tmp_path / "images.zip"
    write(path, [pictures], {"n": 1})

    usual = zipfile.ZipFile.writestr

    def full(opened, member, data):
        if member.filename == "00007.png":
            raise OSError(errno.ENOSPC, "No space left on device")
        usual(opened, member, data)

    monkeypatch.setattr(zipfile.ZipFile, "writestr", full)
    with pytest.raises(OSError, match="No space left"):
        write(path, [pictures], {"n": 2})
    monkeypatch.undo()
    assert check(path, count=12).comment == {"n": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["images.zip"]


RGB = Image.fromarray(np.random.default_rng(7).integers(0, 256, (64, 64, 3), np.uint8))
BOMB = bytearray(encoded(RGB))
BOMB[16:24] = (60000).to_bytes(4, "big") * 2


def chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def two_headers(first: int, second: int) -> bytes:
    """A PNG whose first header claims one size and whose pixels have another."""
    honest = encoded(RGB.resize((second, second)))
    forged = chunk(
        b"IHDR", honest[16:29].replace(second.to_bytes(4, "big"), first.to_bytes(4, "big"))
    )
    return honest[:8] + forged + honest[8:]


SMUGGLED = BOMB[:8] + chunk(b"teSt", bytes(8)) + BOMB[8:]

FAULTS = {
    "two headers": (two_headers(64, 300), "300x300 pixels"),
    "header later": (bytes(SMUGGLED), "begins with its header"),
    "grey": (encoded(RGB.convert("L")), "mode L"),
    "palette": (encoded(RGB.convert("P")), "mode P"),
    "alpha": (encoded(RGB.convert("RGBA")), "mode RGBA"),
    "small": (encoded(RGB.resize((32, 64))), "32x64 pixels"),
    "jpeg": (encoded(RGB, "JPEG"), "not a PNG"),
    "empty": (b"", "not a PNG"),
    "cut": (encoded(RGB)[:3000], "damaged"),
    "bomb": (bytes(BOMB), "60000x60000 pixels"),
    "constant": (encoded(Image.new("RGB", (64, 64), (9, 9, 9))), "one colour"),
    "large": (encoded(RGB) + bytes(2**20), "refused"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_picture_is_named(fault, pictures, tmp_path):
    data, says = FAULTS[fault]
    path = tmp_path / "images.zip"
    write(path, [pictures], {})

    def change(members):
        return [(n, data if n == "00007.png" else d) for n, d in members]

    with pytest.raises(ArchiveError, match=r"00007\.png") as error:
        check(rewritten(path, tmp_path / "bad.zip", change), count=12)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda m: m[:-1], "11 pictures, 12 are asked for"),
        (lambda m: [*m, ("extra.png", m[0][1])], "13 pictures"),
        (lambda m: [*m[:-1], ("copy.png", m[0][1])], "'copy.png': the same picture as '00000.png'"),
        (lambda m: [*m[:-1], ("00000.png", m[1][1])], "'00000.png': the name stands"),
        (lambda m: [*m[:-1], ("a.jpg", m[-1][1])], "'a.jpg': only .png"),
        (lambda m: [*m[:-1], ("dir/a.png", m[-1][1])], "'dir/a.png': folders"),
        (lambda m: [*m[:-1], ("../a.png", m[-1][1])], "'../a.png': folders"),
        (lambda m: [], "0 pictures"),
    ],
)
def test_a_fault_of_the_whole_is_named(change, says, pictures, tmp_path):
    path = tmp_path / "images.zip"
    write(path, [pictures], {})
    with pytest.raises(ArchiveError) as error:
        check(rewritten(path, tmp_path / "bad.zip", change), count=12)
    assert says in str(error.value)


def test_no_archive_at_all(pictures, tmp_path):
    path = tmp_path / "images.zip"
    with pytest.raises(ArchiveError, match="no such file"):
        check(path)
    write(path, [pictures], {})
    (tmp_path / "cut.zip").write_bytes(path.read_bytes()[:-30])
    with pytest.raises(ArchiveError, match="not a whole zip"):
        check(tmp_path / "cut.zip")


def test_a_damaged_byte_is_found(pictures, tmp_path):
    path = tmp_path / "images.zip"
    write(path, [pictures], {})
    data = bytearray(path.read_bytes())
    data[20000] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"0000\d.png.*damaged"):
        check(path, count=12)


def test_a_strange_comment_is_no_comment(pictures, tmp_path):
    path = tmp_path / "images.zip"
    write(path, [pictures], {})
    for comment in (b"hello", json.dumps([1]).encode()):
        with zipfile.ZipFile(path, "a") as opened:
            opened.comment = comment
        assert check(path, count=12).comment == {}


@pytest.mark.slow
def test_a_member_that_holds_more_than_it_says_is_not_unpacked(tmp_path):
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("00000.png", bytes(300_000_000))
    data = path.read_bytes()
    size = (300_000_000).to_bytes(4, "little")
    assert data.count(size) == 2  # in the member's own header and in the directory
    path.write_bytes(data.replace(size, (1000).to_bytes(4, "little")))
    tracemalloc.start()
    with pytest.raises(ArchiveError, match=r"00000\.png"):
        check(path, count=1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000


def test_odd_archives_are_one_line(pictures, tmp_path):
    path = tmp_path / "images.zip"
    write(path, [pictures], {})
    with zipfile.ZipFile(path, "a") as opened:
        opened.comment = b"[" * 60_000
    assert check(path, count=12).comment == {}
    data = bytearray(path.read_bytes())
    data[data.rindex(b"PK\x01\x02") + 6] = 99  # the version needed to unpack
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match="not a whole zip"):
        check(path, count=12)
