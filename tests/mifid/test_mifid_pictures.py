"""Finding and decoding pictures: the two sides' rules, the competition's layouts, the traps."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pytest
from PIL import Image

from mifid import finding as module
from mifid.errors import InputError
from mifid.pictures import evenly_spaced, open_pictures

WIDE = np.random.default_rng(0).integers(0, 256, (90, 130, 3), dtype=np.uint8)


def zipped(path: Path, members: dict[str, bytes], method: int = ZIP_STORED) -> Path:
    with ZipFile(path, "w", method) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


def unpacked(folder: Path, members: dict[str, bytes]) -> Path:
    for name, content in members.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def names_of(path: Path, limit: int | None = None) -> list[str]:
    with open_pictures(path, "real", limit) as pictures:
        return [entry.name for entry in pictures.entries]


def decoded(path: Path, side: str = "real", batch: int = 2) -> list[np.ndarray]:
    with open_pictures(path, side, None) as pictures:
        return list(pictures.batches(batch))


def test_real_pictures_are_squashed_whole_with_lanczos(tmp_path: Path, encoded: Callable) -> None:
    path = zipped(tmp_path / "a.zip", {"a.png": encoded(WIDE)})
    expected = np.asarray(Image.fromarray(WIDE).resize((64, 64), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(decoded(path), [expected[None]])


@pytest.mark.parametrize("mode", ["L", "P", "CMYK"])
def test_real_pictures_of_any_mode_become_rgb(tmp_path: Path, encoded: Callable, mode: str) -> None:
    form = "JPEG" if mode == "CMYK" else "PNG"
    path = zipped(tmp_path / "a.zip", {"calls-itself.jpg": encoded(WIDE, form, mode)})
    assert decoded(path)[0].shape == (1, 64, 64, 3)


def test_batches_keep_the_order_of_names(archive: Callable, drawn: Callable) -> None:
    pictures = drawn(0, 7)
    batches = decoded(archive("a.zip", pictures), "generated", batch=3)
    assert [len(batch) for batch in batches] == [3, 3, 1]
    np.testing.assert_array_equal(np.concatenate(batches), pictures)


def test_what_is_no_picture_is_not_looked_at(tmp_path: Path, encoded: Callable) -> None:
    good = encoded(WIDE)
    members = {
        "b/deep/er/2.PNG": good,
        "1.jpeg": good,
        "Annotation/n1-Breed/n1_2": b"<annotation/>",
        "__MACOSX/._1.jpeg": b"junk",
        ".hidden/3.png": b"junk",
        ".4.png": b"junk",
        "notes.txt": b"junk",
    }
    expected = ["1.jpeg", "b/deep/er/2.PNG"]
    assert names_of(unpacked(tmp_path / "folder", members)) == expected
    assert names_of(zipped(tmp_path / "a.zip", members)) == expected


def test_only_the_competitions_pictures_count(tmp_path: Path, encoded: Callable) -> None:
    good = encoded(WIDE)
    members = {
        "input/all-dogs/all-dogs/n1_2.jpg": good,
        "input/Annotation/n1-Breed/n1_2": b"<annotation/>",
        "samples/grid.png": good,
    }
    expected = ["input/all-dogs/all-dogs/n1_2.jpg"]
    assert names_of(unpacked(tmp_path / "folder", members)) == expected
    assert names_of(zipped(tmp_path / "a.zip", members)) == expected


def test_archive_within_a_folder_and_within_archives(tmp_path: Path, encoded: Callable) -> None:
    inner = zipped(tmp_path / "inner.zip", {"all-dogs/n1_2.jpg": encoded(WIDE)}).read_bytes()
    boxes = zipped(tmp_path / "boxes.zip", {"Annotation/n1-B/n1_2": b"<xml/>"}).read_bytes()
    both = {"all-dogs.zip": inner, "Annotation.zip": boxes}
    outer = zipped(tmp_path / "download.zip", both, ZIP_DEFLATED)
    expected = ["all-dogs/n1_2.jpg"]
    assert names_of(outer) == expected
    assert names_of(unpacked(tmp_path / "one", both)) == expected
    download = {"generative-dog-images.zip": outer.read_bytes()}
    assert names_of(unpacked(tmp_path / "two", download)) == expected
    assert len(decoded(outer)) == 1
    # Unpacked beside its archive, a picture counts once.
    assert names_of(unpacked(tmp_path / "one", {"all-dogs/x.png": encoded(WIDE)})) == [
        "all-dogs/x.png"
    ]


def test_two_competition_archives_are_ambiguous(tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "f", {"a/all-dogs.zip": b"", "b/all-dogs.zip": b""})
    with pytest.raises(InputError, match="has both"):
        names_of(folder)


def test_damaged_real_pictures_are_left_out_and_counted(tmp_path: Path, encoded: Callable) -> None:
    good = encoded(WIDE)
    members = {"1.png": good, "2.png": good[:-200], "3.jpg": b"junk", "4.png": good, "5.png": b""}
    with open_pictures(zipped(tmp_path / "a.zip", members), "real") as pictures:
        assert sum(len(batch) for batch in pictures.batches(2)) == 2
        assert pictures.skipped == ["2.png", "3.jpg", "5.png"]


@pytest.mark.parametrize(
    ("size", "form", "mode", "found"),
    [
        (32, "PNG", "RGB", "32x32 RGB PNG"),
        (64, "JPEG", "RGB", "64x64 RGB JPEG"),
        (64, "PNG", "L", "64x64 L PNG"),
        (64, "PNG", "RGBA", "64x64 RGBA PNG"),
    ],
)
def test_what_kaggle_refuses(
    tmp_path: Path, encoded: Callable, drawn: Callable, size: int, form: str, mode: str, found: str
) -> None:
    good, bad = encoded(drawn(0, 1)[0]), encoded(drawn(0, 1, size)[0], form, mode)
    path = zipped(tmp_path / "images.zip", {"a.png": good, "b.png": bad, "c.png": b"junk"})
    with pytest.raises(InputError, match=f"b.png is {found}: Kaggle takes only"):
        decoded(path, "generated", batch=1)


def test_generated_picture_that_cannot_be_decoded(tmp_path: Path, encoded: Callable) -> None:
    whole = encoded(WIDE[:64, :64])
    for content, reason in ((b"junk", "is no picture"), (whole[:-2000], "cannot be decoded")):
        path = zipped(tmp_path / "images.zip", {"a.png": content})
        with pytest.raises(InputError, match=rf"a\.png {reason}.*: Kaggle takes only"):
            decoded(path, "generated")


def test_limit_is_spread_evenly(archive: Callable, drawn: Callable) -> None:
    path = archive("a.zip", drawn(0, 10))
    assert names_of(path, 4) == ["00000.png", "00002.png", "00005.png", "00007.png"]
    assert evenly_spaced(3, 5) == evenly_spaced(3, None) == [0, 1, 2]


@pytest.mark.parametrize("side", ["real", "generated"])
def test_pixel_bomb_is_refused_before_it_is_decoded(tmp_path: Path, side: str) -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        check = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)

    for width in (9_000, 30_000):  # over our limit, and over Pillow's
        header = struct.pack(">IIBBBBB", width, 9_000, 8, 2, 0, 0, 0)
        bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"")
        path = zipped(tmp_path / "a.zip", {"bomb.png": bomb})
        with pytest.raises(InputError, match=r"bomb\.png has .* pixels"):
            decoded(path, side)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_member_that_declares_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILE_BYTES", 10_000)
    bomb = zipped(tmp_path / "a.zip", {"zeros.png": bytes(10_001)}, ZIP_DEFLATED)
    assert bomb.stat().st_size < 1_000
    for path in (bomb, unpacked(tmp_path / "folder", {"zeros.png": bytes(10_001)})):
        with pytest.raises(InputError, match=r"zeros\.png has 10,001 bytes, over the limit"):
            names_of(path)


def test_archive_that_holds_itself_has_an_end(tmp_path: Path) -> None:
    nest = b""
    for _ in range(5):
        file = io.BytesIO()
        with ZipFile(file, "w") as outer:
            outer.writestr("all-dogs.zip", nest)
        nest = file.getvalue()
    (tmp_path / "nest.zip").write_bytes(nest)
    with pytest.raises(InputError, match="no pictures"):
        names_of(tmp_path / "nest.zip")


def test_paths_that_hold_nothing(tmp_path: Path, archive: Callable, drawn: Callable) -> None:
    whole = archive("a.zip", drawn(0, 3)).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[:-100])
    (tmp_path / "empty").mkdir()
    cases = {
        "missing": "not found",
        "empty": "no pictures in it",
        "cut.zip": "nor a whole zip archive",
    }
    zipped(tmp_path / "texts.zip", {"a.txt": b""})
    cases["texts.zip"] = "no pictures in it"
    for name, message in cases.items():
        with pytest.raises(InputError, match=message):
            names_of(tmp_path / name)


def test_the_shared_archive_is_read_where_it_is(shared: Path) -> None:
    assert len(names_of(shared / "data" / "generative-dog-images.zip")) == 12_025
