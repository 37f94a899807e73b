"""Degenerate input is an answer, not a crash: a number with a warning, or exit 2 and one line.

Each case goes through the command, with files as they would lie on a disk.
"""

import io
import json
import os
import struct
import sys
import warnings
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from mifid import score as score_module
from mifid.__main__ import main
from mifid.errors import InputError
from mifid.features import Features, load, save
from mifid.network import Network
from mifid.score import score

# Whatever a library warns about would be lines on stderr beside the one.
pytestmark = pytest.mark.filterwarnings("error")


@dataclass
class Answer:
    """What a command gave: its exit code, its JSON, the lines on stderr."""

    code: int
    found: dict
    lines: list[str]

    def number(self, *parts: str) -> dict:
        """Return the JSON, having checked that there is a score, and these in its warnings."""
        assert self.code == 0, self.lines
        assert np.isfinite([self.found[key] for key in ("mifid", "fid", "distance")]).all()
        told = self.found["warnings"]
        assert self.lines == [f"mifid: warning: {line}" for line in told]
        for part in parts:
            assert sum(part in line for line in told) == 1, (part, told)
        return self.found

    def refusal(self, *parts: str) -> str:
        """Return the one line of a refusal, having checked that it holds these."""
        assert (self.code, len(self.lines)) == (2, 1), self.lines
        for part in parts:
            assert part in self.lines[0]
        return self.lines[0]


@pytest.fixture
def answer(capsys: pytest.CaptureFixture) -> Callable[..., Answer]:
    def run(generated: Path, real: Path, *options: str) -> Answer:
        capsys.readouterr()
        code = main([str(generated), "--real", str(real), "--json", *options])
        out, err = capsys.readouterr()
        return Answer(code, json.loads(out) if out else {}, err.splitlines())

    return run


@pytest.fixture
def zipped(tmp_path: Path) -> Callable[..., Path]:
    """A function: members as (name, content) -> a zip of them; a name may come twice."""

    def write(members: Iterable[tuple[str, bytes]], name: str = "images.zip") -> Path:
        with warnings.catch_warnings(), ZipFile(tmp_path / name, "w") as file:
            warnings.filterwarnings("ignore", "Duplicate name")
            for member, content in members:
                file.writestr(member, content)
        return tmp_path / name

    return write


@pytest.fixture
def kept(tmp_path: Path) -> Callable[..., Path]:
    """A function: name, features (N, D) -> a file of them, saved as they are."""

    def write(name: str, values: np.ndarray, **others: object) -> Path:
        origin = {"network": "random", "graph": "g", "side": name} | others
        np.savez(tmp_path / f"{name}.npz", features=values, **origin)
        return tmp_path / f"{name}.npz"

    return write


@pytest.fixture
def good(drawn: Callable, encoded: Callable) -> list[tuple[str, bytes]]:
    """Twelve members that Kaggle takes."""
    return [(f"{i:02}.png", encoded(picture)) for i, picture in enumerate(drawn(0, 12))]


@pytest.fixture
def real(archive: Callable, drawn: Callable) -> Path:
    return archive("real.zip", drawn(1, 16))


def rows(seed: int, count: int, dimensions: int = 16) -> np.ndarray:
    return np.random.default_rng(seed).random((count, dimensions), dtype=np.float32)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(lines: bytes, depth: int = 8, interlaced: bool = False, more: bytes = b"") -> bytes:
    """A 64x64 RGB file by hand, for what Pillow does not write."""
    header = struct.pack(">IIBBBBB", 64, 64, depth, 2, 0, 0, interlaced)
    body = chunk(b"IHDR", header) + more + chunk(b"IDAT", zlib.compress(lines))
    return b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b"")


def unfiltered(picture: np.ndarray) -> bytes:
    return b"".join(b"\0" + line.tobytes() for line in picture)


def deep(picture: np.ndarray) -> bytes:
    return png(unfiltered(picture.astype(">u2") * 257), depth=16)


def interlaced(picture: np.ndarray) -> bytes:
    steps = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
    parts = [picture[top::down, left::across] for top, left, down, across in (*steps, (1, 0, 2, 1))]
    return png(b"".join(map(unfiltered, parts)), interlaced=True)


def transparent(picture: np.ndarray) -> bytes:
    return png(unfiltered(picture), more=chunk(b"tRNS", bytes(6)))


def animated(picture: np.ndarray) -> bytes:
    first, second = Image.fromarray(picture), Image.fromarray(255 - picture)
    file = io.BytesIO()
    first.save(file, "PNG", save_all=True, append_images=[second])
    return file.getvalue()


def flagged(data: bytes, offset: int, value: int) -> bytes:
    """Write a 16-bit number into every header of a zip: the bits at 6, or the method at 8."""
    for signature, start in ((b"PK\x03\x04", offset), (b"PK\x01\x02", offset + 2)):
        pieces = data.split(signature)
        data = signature.join(
            piece if i == 0 else piece[: start - 4] + struct.pack("<H", value) + piece[start - 2 :]
            for i, piece in enumerate(pieces)
        )
    return data


# ---- how many pictures, and how different they are


@pytest.mark.slow
def test_fewer_pictures_than_features(
    answer: Callable, zipped: Callable, good: list, real: Path
) -> None:
    found = answer(zipped(good), real).number(
        "12 generated pictures: with fewer than 2,048 the FID reads too high",
        "16 real pictures: with fewer than 2,048",
        "12 generated pictures: Kaggle asks for 10,000",
    )
    assert found["fid"] == score(zipped(good), real).fid > 0


@pytest.mark.parametrize("side", ["generated", "real"])
def test_one_picture(answer: Callable, zipped: Callable, good: list, real: Path, side: str) -> None:
    one = zipped(good[:1], "one.zip")
    answer(*((one, real) if side == "generated" else (real, one))).refusal(
        "one.zip", f"only 1 {side} picture; a score needs 2"
    )


@pytest.mark.slow
def test_one_picture_that_can_be_decoded(
    answer: Callable, zipped: Callable, archive: Callable, drawn: Callable, good: list
) -> None:
    broken = [(f"x{i}.png", b"junk") for i in range(4)]
    real = zipped([*good[:1], *broken], "real.zip")
    answer(archive("a.zip", drawn(0, 5)), real).refusal("only 1 of its 5 pictures can be decoded")
    none = zipped(broken, "none.zip")
    answer(archive("a.zip", drawn(0, 5)), none).refusal(
        "none of its 4 pictures", "(x0.png, x1.png, x2.png, and 1 more)"
    )


def test_a_collapsed_generator(answer: Callable, kept: Callable) -> None:
    """One picture 10,000 times: its covariance is zero, and the distance has a closed form."""
    real = rows(1, 3000)
    fake = np.repeat(rows(0, 1), 10_000, axis=0)
    found = answer(kept("generated", fake), kept("real", real)).number(
        "the generator has collapsed, (nearly) all its pictures are equal: 1 different rows of"
        " features in 10,000, and 0 % of the real ones' variance"
    )
    shift = ((fake[0].astype(float) - real.mean(0, dtype=float)) ** 2).sum()
    spread = np.cov(real.astype(float), rowvar=False).trace()
    assert found["fid"] == pytest.approx(shift + spread, rel=1e-12)


@pytest.mark.slow
def test_a_collapsed_generators_pictures(
    answer: Callable, zipped: Callable, good: list, real: Path
) -> None:
    same = zipped((f"{i:03}.png", good[0][1]) for i in range(100))
    answer(same, real).number("collapsed, (nearly) all its pictures are equal: 1 different")


def test_nearly_collapsed_and_repeated(answer: Callable, kept: Callable) -> None:
    real, noise = rows(1, 3000), rows(2, 10_000) * 0.01
    near = answer(kept("generated", rows(0, 1) + noise), kept("real", real))
    near.number(
        "collapsed, (nearly) all its pictures are equal: 10,000 different rows of features in"
        " 10,000, and 0.01 % of the real ones' variance"
    )
    twice = np.concatenate([rows(0, 9800), rows(0, 200)])
    repeated = answer(kept("generated", twice), kept("real", real))
    found = repeated.number(
        "copies of generated pictures: 9,800 different rows of features in 10,000"
    )
    assert "collapsed" not in " ".join(found["warnings"])
    few = np.concatenate([rows(0, 9950), rows(0, 50)])  # 0.5 %, as chance may have it
    found = answer(kept("generated", few), kept("real", real)).number()
    assert "copies of generated" not in " ".join(found["warnings"])


def test_generated_is_real(answer: Callable, kept: Callable) -> None:
    values = rows(0, 3000)
    found = answer(kept("generated", values), kept("real", values)).number(
        "3,000 of 3,000 generated pictures are copies of real ones",
        "is zero up to rounding, of either sign",
        "is under 0.1: counted as memorization",
    )
    assert abs(found["fid"]) < 1e-10
    assert 0 <= found["distance"] < 1e-13
    # Not clamped, as the published code does not: whatever rounding leaves, over 1e-14.
    assert found["mifid"] == found["fid"] / (found["distance"] + 1e-14)


def test_some_pictures_are_copies(answer: Callable, kept: Callable) -> None:
    real = rows(0, 3000)
    fake = np.concatenate([rows(1, 40), real[:5]])
    found = answer(kept("generated", fake), kept("real", real)).number("5 of 45 generated pictures")
    assert "zero up to rounding" not in " ".join(found["warnings"])


@pytest.mark.slow
def test_both_sides_are_one_file(answer: Callable, zipped: Callable, good: list) -> None:
    path = zipped(good)
    found = answer(path, path).number("12 of 12 generated pictures are copies", "zero up to")
    assert abs(found["fid"]) < 1e-6


# ---- features


@pytest.mark.parametrize("side", ["generated", "real", "both"])
def test_some_rows_are_zero(answer: Callable, kept: Callable, side: str) -> None:
    sides = {"generated": rows(0, 30), "real": rows(1, 40)}
    whole = answer(*(kept(name, values) for name, values in sides.items())).number()
    told = []
    for name, values in sides.items():
        if side in (name, "both"):
            sides[name] = np.concatenate([np.zeros((3, 16), np.float32), values])
            told.append(f"3 {name} pictures have features of sum 0: dropped from the distance")
    found = answer(*(kept(name, values) for name, values in sides.items())).number(*told)
    assert found["distance"] == pytest.approx(whole["distance"], rel=1e-12)
    assert found["fid"] != pytest.approx(whole["fid"], rel=1e-3)  # there they count


@pytest.mark.parametrize("side", ["generated", "real", "both"])
def test_all_rows_are_zero(answer: Callable, kept: Callable, side: str) -> None:
    sides = {"generated": rows(0, 30), "real": rows(1, 40)}
    for name, values in sides.items():
        if side in (name, "both"):
            sides[name] = np.zeros_like(values)
    first = "generated" if side == "both" else side
    answer(*(kept(name, values) for name, values in sides.items())).refusal(
        f"every {first} picture has features of sum 0"
    )


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", ["generated", "real"])
def test_features_that_are_no_numbers(
    answer: Callable, kept: Callable, wrong: float, side: str
) -> None:
    sides = {"generated": rows(0, 30), "real": rows(1, 40)}
    sides[side][[7, 9], 3] = wrong
    paths = [kept(name, values) for name, values in sides.items()]
    answer(*paths).refusal(f"{side}.npz", "NaN or infinity in 2 of", "the first is row 7")
    with pytest.raises(InputError, match=f"the {side} features .*row 7"):
        score(*(Features(values) for values in sides.values()))


@pytest.mark.slow
def test_a_network_that_gives_no_numbers(
    answer: Callable,
    zipped: Callable,
    encoded: Callable,
    good: list,
    real: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Broken(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            values = pictures.mean((1, 2))
            return torch.where(values == 255, torch.nan, values)

    broken = Network("random", "broken", Broken(), 3)
    monkeypatch.setattr(score_module, "open_network", lambda *_, **__: broken)
    white = ("white.png", encoded(np.full((64, 64, 3), 255, np.uint8)))
    answered = answer(zipped([*good, white]), real)
    assert answered.code == 1
    (line,) = answered.lines
    assert line.endswith("features that are not finite numbers for 1 of 13 pictures (white.png)")


@pytest.mark.parametrize("scale", [1e30, 1e-30])
def test_magnitudes(answer: Callable, kept: Callable, scale: float) -> None:
    sides = {"generated": rows(0, 30), "real": rows(1, 40)}
    plain = answer(*(kept(name, values) for name, values in sides.items())).number()
    found = answer(
        *(kept(name, values * np.float32(scale)) for name, values in sides.items())
    ).number()
    assert found["fid"] == pytest.approx(plain["fid"] * scale**2, rel=1e-5)
    assert found["distance"] == pytest.approx(plain["distance"], rel=1e-5)


def test_magnitudes_of_float64(answer: Callable, kept: Callable) -> None:
    fake, real = rows(0, 30).astype(np.float64), rows(1, 40).astype(np.float64)
    plain = answer(kept("generated", fake), kept("real", real)).number()
    for scale in (1e69, 1e-200):
        found = answer(kept("generated", fake * scale), kept("real", real * scale)).number()
        assert found["distance"] == pytest.approx(plain["distance"], rel=1e-12)
    for scale in (1e71, 1e300):
        answer(kept("generated", fake * scale), kept("real", real)).refusal(
            "generated.npz", "numbers over 1e+70, too large for a covariance"
        )


def test_constant_features(answer: Callable, kept: Callable) -> None:
    fake, real = rows(0, 30), rows(1, 40)
    fake[:, 3] = real[:, 3] = 0.5  # one feature
    answer(kept("generated", fake), kept("real", real)).number()
    ones = {"generated": np.full((30, 4), 2.0), "real": np.full((40, 4), 3.0)}
    found = answer(*(kept(name, values) for name, values in ones.items())).number("collapsed")
    assert found["fid"] == pytest.approx(4)
    assert found["distance"] == pytest.approx(0, abs=1e-15)
    found = answer(kept("generated", rows(0, 30, 4)), kept("real", ones["real"])).number()
    assert "collapsed" not in " ".join(found["warnings"])


@pytest.mark.parametrize("kind", [np.float16, np.float64, ">f4"])
def test_other_precisions(answer: Callable, kept: Callable, kind: object) -> None:
    fake, real = (values.astype(np.float16) for values in (rows(0, 30), rows(1, 40)))
    expected = score(Features(fake.astype(np.float32)), Features(real.astype(np.float32)))
    found = answer(kept("generated", fake.astype(kind)), kept("real", real.astype(kind))).number()
    assert found["fid"] == pytest.approx(expected.fid, rel=1e-12)
    assert found["distance"] == pytest.approx(expected.distance, rel=1e-12)


@pytest.mark.parametrize(
    "values", [np.ones(5), np.ones((5, 0)), np.ones((5, 2), int), np.ones((5, 2, 2)), np.ones(())]
)
def test_features_of_another_shape(answer: Callable, kept: Callable, values: np.ndarray) -> None:
    answer(kept("generated", values), kept("real", rows(1, 40))).refusal(
        "generated.npz: 'features' is no (pictures, features) array", f"of shape {values.shape}"
    )


def test_no_rows(answer: Callable, kept: Callable) -> None:
    answer(kept("generated", np.ones((0, 16))), kept("real", rows(1, 40))).refusal(
        "only 0 generated pictures"
    )


def test_what_else_a_file_says_may_be_nonsense(answer: Callable, kept: Callable) -> None:
    nonsense = {"names": np.array(["one"]), "skipped": np.array("many"), "side": np.zeros(3)}
    path = kept("generated", rows(0, 30), **nonsense)
    answer(path, kept("real", rows(1, 40)), "--limit", "20").number()
    texts = {"m": np.full(16, "a"), "s": np.full((16, 16), "b")}
    answer(path, kept("real", rows(1, 40), **texts)).refusal("do not belong")
    answer(path, kept("real", rows(1, 40), m=np.ones(16), s=np.full((16, 16), 1e200))).refusal(
        "do not belong"
    )


def test_files_of_features_that_are_damaged(
    answer: Callable, kept: Callable, tmp_path: Path
) -> None:
    real, path = kept("real", rows(1, 40)), tmp_path / "generated.npz"
    np.savez_compressed(path, features=rows(0, 30))
    whole = path.read_bytes()
    middle = len(whole) // 2
    for content in (
        whole[:-60],
        whole[:middle] + bytes(80) + whole[middle + 80 :],
        flagged(whole, 6, 1),
        flagged(whole, 8, 97),
        b"",
    ):
        path.write_bytes(content)
        answer(path, real).refusal("generated.npz: no saved features, or damaged")
    with path.open("wb") as file:
        np.save(file, rows(0, 30))
    answer(path, real).refusal("generated.npz: no saved features, or damaged")


# ---- pictures that Kaggle does not take


@pytest.mark.slow
@pytest.mark.parametrize(
    ("form", "mode", "size", "found"),
    [
        ("PNG", "RGB", 65, "65x65 RGB PNG"),
        ("PNG", "L", 64, "64x64 L PNG"),
        ("PNG", "1", 64, "64x64 1 PNG"),
        ("PNG", "LA", 64, "64x64 LA PNG"),
        ("PNG", "P", 64, "64x64 P PNG"),
        ("PNG", "RGBA", 64, "64x64 RGBA PNG"),
        ("PNG", "I;16", 64, "64x64 I;16 PNG"),
        ("JPEG", "RGB", 64, "64x64 RGB JPEG"),
        ("GIF", "RGB", 64, "64x64 P GIF"),
    ],
)
def test_one_picture_among_good_ones_is_refused(
    answer: Callable,
    zipped: Callable,
    encoded: Callable,
    drawn: Callable,
    good: list,
    real: Path,
    form: str,
    mode: str,
    size: int,
    found: str,
) -> None:
    via = "L" if mode == "I;16" else mode
    image = Image.fromarray(drawn(3, 1, size)[0]).convert(via).convert(mode)
    file = io.BytesIO()
    image.save(file, form)
    path = zipped([*good, ("x.png", file.getvalue())])
    told = f"x.png is {found}: Kaggle takes only images of size 64x64, RGB, PNG"
    answer(path, real).refusal("images.zip", told)
    answer(zipped(good), zipped([*good, ("x.png", file.getvalue())], "real.zip")).number()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("encode", "warning"),
    [
        (interlaced, None),
        (deep, "2 generated pictures have 16 bits a channel: read as 8 (x.png, y.png)"),
        (animated, "2 generated pictures are animated: only the first frame counts"),
        (transparent, "2 generated pictures have a transparent colour"),
    ],
)
def test_unusual_files_count_as_their_plain_pixels(
    answer: Callable,
    zipped: Callable,
    drawn: Callable,
    encoded: Callable,
    good: list,
    real: Path,
    encode: Callable,
    warning: str | None,
) -> None:
    names, pictures = ("x.png", "y.png"), drawn(3, 2)
    plain = [(name, encoded(picture)) for name, picture in zip(names, pictures, strict=True)]
    expected = answer(zipped([*good, *plain]), real).number()
    unusual = [(name, encode(picture)) for name, picture in zip(names, pictures, strict=True)]
    found = answer(zipped([*good, *unusual]), real).number(*[warning] if warning else [])
    assert len(found["warnings"]) == len(expected["warnings"]) + bool(warning)
    assert (found["fid"], found["distance"]) == (expected["fid"], expected["distance"])
    # As real pictures they are nothing to mind.
    real_side = answer(zipped(good), zipped([*good, *unusual], "real.zip")).number()
    assert not any(name in " ".join(real_side["warnings"]) for name in names)


def test_real_pictures_of_16_bits_keep_their_brightness(zipped: Callable, good: list) -> None:
    from mifid.pictures import open_pictures

    levels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    file = io.BytesIO()
    Image.fromarray(levels).save(file, "PNG")
    with open_pictures(zipped([("x.png", file.getvalue())]), "real") as pictures:
        (batch,) = pictures.batches(1)
    assert np.array_equal(batch[0], np.stack([levels >> 8] * 3, axis=-1))


@pytest.mark.slow
def test_real_palettes_with_transparency_are_read_in_silence(
    answer: Callable, zipped: Callable, drawn: Callable, good: list
) -> None:
    file = io.BytesIO()
    palette = Image.fromarray(drawn(3, 1)[0]).quantize(16)
    palette.save(file, "PNG", transparency=bytes(range(16)))
    found = answer(zipped(good), zipped([*good, ("x.png", file.getvalue())], "r.zip")).number()
    assert found["real_images"] == 13


@pytest.mark.slow
def test_names_and_content_that_disagree(
    answer: Callable, zipped: Callable, encoded: Callable, drawn: Callable, good: list, real: Path
) -> None:
    expected = answer(zipped(good), real).number()
    for name in ("00.jpg", "00", "00.JPEG.txt"):
        renamed = [(name, good[0][1]), *good[1:]]
        found = answer(zipped(renamed), real).number(
            f"the names of 1 generated pictures do not end in .png, and the competition asks for"
            f" PNG files ({name})"
        )
        assert found["fid"] == pytest.approx(expected["fid"], rel=1e-6)
    jpeg = zipped([*good, ("x.png", encoded(drawn(3, 1)[0], "JPEG"))])
    answer(jpeg, real).refusal("x.png is 64x64 RGB JPEG: Kaggle takes only")


@pytest.mark.slow
def test_real_pictures_that_cannot_be_decoded_are_named(
    answer: Callable, zipped: Callable, good: list
) -> None:
    broken = [(f"x{i}.png", b"junk") for i in range(4)]
    real = zipped([*good, *broken], "real.zip")
    told = "4 real pictures could not be decoded: left out (x0.png, x1.png, x2.png, and 1 more)"
    first = answer(zipped(good[:5]), real).number(told)
    again = answer(zipped(good[:5]), real).number(told)  # now from the cache
    assert first["real_images"] == again["real_images"] == 12


# ---- what is around the pictures


@pytest.mark.slow
def test_nested_folders(answer: Callable, zipped: Callable, good: list, real: Path) -> None:
    expected = answer(zipped(good), real).number()
    nested = zipped((f"a/b/{name}", content) for name, content in good)
    found = answer(nested, real).number(
        "12 generated pictures lie in folders within the archive, and the competition asks for PNG"
        " files only; put them at its top (a/b/00.png, a/b/01.png, a/b/02.png, and 9 more)"
    )
    assert found["fid"] == expected["fid"]
    assert len(found["warnings"]) == len(expected["warnings"]) + 1


@pytest.mark.slow
@pytest.mark.parametrize("second", ["00.png", "./00.png", "/00.png"])
def test_duplicated_names(
    answer: Callable, zipped: Callable, good: list, real: Path, second: str
) -> None:
    twice = [*good, (second, good[3][1])]
    answer(zipped(twice), real).refusal(
        "00.png stands in it more than once: unpacked, as Kaggle does it, one overwrites the other"
        " and 12 pictures are left"
    )
    # On the real side the last one counts.
    found = answer(zipped(good), zipped(twice, "twice.zip")).number(
        "1 names stand in the real archive more than once: the last of each counts (00.png)"
    )
    last = [*good[1:], ("00.png", good[3][1])]
    assert found["real_images"] == 12
    expected = answer(zipped(good), zipped(last, "last.zip")).number()
    assert found["fid"] == pytest.approx(expected["fid"], rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["notes.txt", "labels.csv", "a/log.jsonl"])
def test_other_files_in_the_archive(
    answer: Callable, zipped: Callable, good: list, real: Path, name: str
) -> None:
    path = zipped([*good, (name, b"some text")])
    answer(path, real).refusal(f"{name} is no picture: Kaggle takes only images of size 64x64")


@pytest.mark.slow
def test_hidden_files_in_the_archive(
    answer: Callable, zipped: Callable, good: list, real: Path
) -> None:
    hidden = [("__MACOSX/._00.png", b"junk"), (".DS_Store", b"junk")]
    found = answer(zipped([*good, *hidden]), real).number(
        "2 files beside the generated pictures are not looked at, and the competition asks for PNG"
        " files only (__MACOSX/._00.png, .DS_Store)"
    )
    assert found["images"] == 12


@pytest.mark.slow
def test_other_files_in_a_folder(answer: Callable, good: list, real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in [*good, ("notes.txt", b"some text"), (".hidden", b"")]:
        (folder / name).write_bytes(content)
    found = answer(folder, real).number("1 files beside the generated pictures are not looked at")
    assert found["images"] == 12


@pytest.mark.slow
def test_links_that_loop(answer: Callable, good: list, real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name, content in good:
        (folder / "sub" / name).write_bytes(content)
    (folder / "sub" / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "itself.png").symlink_to(folder / "itself.png")
    (folder / "nowhere.png").symlink_to(tmp_path / "nowhere.png")
    assert answer(folder, real).number()["images"] == 12
    assert answer(real, folder).number()["real_images"] == 12
    looped = tmp_path / "looped.zip"
    looped.symlink_to(looped)
    answer(looped, real).refusal("looped.zip")


def test_a_path_that_no_system_takes(answer: Callable, real: Path, tmp_path: Path) -> None:
    answer(tmp_path / ("x" * 5000), real).refusal("cannot be read")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_not_utf8(answer: Callable, good: list, real: Path, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for name, content in good:
        (folder / os.fsdecode(b"\xff" + name.encode())).write_bytes(content)
    answer(folder, real).number()
    answer(real, folder).number()
    assert main(["features", str(folder), "--out", str(tmp_path / "a.npz")]) == 0
    assert load(tmp_path / "a.npz").names[0] == os.fsdecode(b"\xff00.png")
    (folder / os.fsdecode(b"\xfe.png")).write_bytes(b"junk")
    with pytest.raises(InputError, match=r"\udcfe\.png is no picture"):
        score(folder, real)  # pytest's stderr, other than a real one, cannot show the name


@pytest.mark.slow
def test_names_in_the_archive_that_are_not_utf8(
    answer: Callable, zipped: Callable, good: list, real: Path
) -> None:
    path = zipped(good)
    named = path.read_bytes().replace(b"00.png", b"\xff0.png")
    path.write_bytes(named)  # by the old rule such a byte is a letter
    answer(path, real).number()
    path.write_bytes(flagged(named, 6, 0x800))
    answer(path, real).refusal("images.zip: has a name that is not UTF-8")


@pytest.mark.parametrize("side", ["generated", "real"])
@pytest.mark.parametrize(
    ("offset", "value", "told"),
    [
        (6, 1, "00.png is encrypted; unpack the archive with its password"),
        (8, 9, "00.png is compressed by method 9, which cannot be unpacked here; zip it anew"),
    ],
)
def test_members_that_cannot_be_unpacked(
    answer: Callable,
    zipped: Callable,
    good: list,
    real: Path,
    side: str,
    offset: int,
    value: int,
    told: str,
) -> None:
    path = zipped(good, "x.zip")
    path.write_bytes(flagged(path.read_bytes(), offset, value))
    answer(*((path, real) if side == "generated" else (real, path))).refusal("x.zip", told)


def test_archives_without_pictures(
    answer: Callable, zipped: Callable, good: list, real: Path
) -> None:
    answer(zipped([]), real).refusal("images.zip: no pictures in it")
    answer(zipped([("a/", b""), ("a/b/", b"")]), real).refusal("images.zip: no pictures in it")
    answer(zipped([(".hidden.png", good[0][1])]), real).refusal("images.zip: no pictures in it")
    path = zipped(good)
    for kept in (path.stat().st_size // 2, path.stat().st_size - 1, 3, 0):
        path.write_bytes(path.read_bytes()[:kept])
        answer(path, real).refusal("images.zip: neither a folder nor a whole zip archive")


@pytest.mark.slow
def test_a_damaged_member(answer: Callable, zipped: Callable, good: list, real: Path) -> None:
    path = zipped(good, "x.zip")
    data = bytearray(path.read_bytes())
    data[data.index(good[4][1]) + 500] ^= 1
    path.write_bytes(data)
    answer(path, real).refusal("04.png cannot be decoded (Bad CRC-32 for file '04.png')")
    answer(real, path).number("1 real pictures could not be decoded: left out (04.png)")


# ---- features saved with what there is to mind


@pytest.mark.slow
def test_what_there_is_to_mind_is_saved_with_the_features(
    answer: Callable, zipped: Callable, good: list, real: Path, tmp_path: Path
) -> None:
    nested = zipped((f"a/{name}", content) for name, content in good)
    assert main(["features", str(nested), "--out", str(tmp_path / "a.npz"), "--generated"]) == 0
    answer(tmp_path / "a.npz", real).number("12 generated pictures lie in folders")
    saved = load(tmp_path / "a.npz")
    save(saved, tmp_path / "b.npz")
    assert load(tmp_path / "b.npz").notes == saved.notes
    answer(tmp_path / "b.npz", real, "--limit", "6").number("12 generated pictures lie in folders")
    # A file of before there were notes has a number only.
    np.savez(tmp_path / "c.npz", features=saved.values, skipped=3)
    answer(tmp_path / "c.npz", real).number("3 pictures could not be decoded: left out")
