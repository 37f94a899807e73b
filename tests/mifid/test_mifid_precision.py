"""The error budget, stage by stage, on real pictures: each figure of docs/precision.md.

The limits here are those of the document; what was measured lies under them.
"""

import io
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch
from PIL import Image

from mifid.distance import memorization_distance
from mifid.features import Features, compute
from mifid.frechet import frechet_distance, moments
from mifid.graph import read_graph
from mifid.network import Network, open_network
from mifid.pictures import open_pictures
from mifid.profiles import EPSILON
from mifid.score import score, score_features
from mifid.translate import translate

DOGS = 12  # pictures for what is slow


@pytest.fixture(scope="module")
def tf() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow", reason="needs tensorflow, the oracle")


@pytest.fixture(scope="module")
def pixels(squashed: Callable, saved: dict[str, np.ndarray]) -> np.ndarray:
    return squashed(saved["names_a"][:DOGS])


@pytest.fixture(scope="module")
def few(saved: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """TensorFlow's features of 300 and 400 real dogs, a quarter of them."""
    return saved["features_a"][:300, ::4], saved["features_b"][:400, ::4]


def error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest ||a - b|| / ||b|| of a picture."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


def relative(a: float, b: float) -> float:
    return abs(a - b) / abs(b)


# --- Decode ---------------------------------------------------------------------------------------


def test_a_png_comes_back_bit_for_bit(archive: Callable, pixels: np.ndarray) -> None:
    with open_pictures(archive("images.zip", pixels), "generated") as pictures:
        np.testing.assert_array_equal(np.concatenate(list(pictures.batches(5))), pixels)


def test_jpegs_decode_as_in_tensorflow_to_two_levels(
    tf: Any, saved: dict[str, np.ndarray], dogs: ZipFile
) -> None:
    """Two decoders may round the same coefficients differently; neither is the organisers' own."""
    worst, total, count = 0, 0, 0
    for name in saved["names_a"][:40]:
        content = dogs.read(str(name))
        with Image.open(io.BytesIO(content)) as image:
            ours = np.asarray(image.convert("RGB")).astype(int)
        theirs = tf.io.decode_jpeg(content, channels=3, dct_method="INTEGER_ACCURATE").numpy()
        gap = np.abs(ours - theirs.astype(int))
        worst, total, count = max(worst, gap.max()), total + gap.sum(), count + gap.size
    assert worst <= 2
    assert total / count < 0.01


# --- Resize ---------------------------------------------------------------------------------------


def lanczos(size: int, out: int) -> np.ndarray:
    """Weights (out, size) of Lanczos-3, widened when it shrinks, in float64."""
    scale = size / out
    stretch = max(scale, 1.0)
    centres = (np.arange(out) + 0.5) * scale
    x = (np.arange(size) + 0.5 - centres[:, None]) / stretch
    weights = np.where(np.abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    return weights / weights.sum(axis=1, keepdims=True)


def test_squashing_is_lanczos_in_bytes(saved: dict[str, np.ndarray], dogs: ZipFile) -> None:
    """Pillow works along one axis, rounds to bytes, and then along the other."""
    for name in saved["names_a"][:DOGS]:
        with Image.open(io.BytesIO(dogs.read(str(name)))) as image:
            whole = np.asarray(image.convert("RGB")).astype(np.float64)
            ours = np.asarray(image.convert("RGB").resize((64, 64), Image.Resampling.LANCZOS))
        down, along = lanczos(whole.shape[0], 64), lanczos(whole.shape[1], 64)
        rows = np.einsum("hwc,xw->hxc", whole, along)
        in_bytes = np.einsum("yh,hxc->yxc", down, rows.round().clip(0, 255)).clip(0, 255)
        assert np.abs(ours - in_bytes).max() < 1.01  # half a level, and ties between the axes
        # What the bytes between the axes cost: little on average, some levels at a hard edge.
        exact = np.einsum("yh,hxc->yxc", down, rows).clip(0, 255)
        assert np.abs(ours - exact).mean() < 0.3
        assert np.abs(ours - exact).max() < 8


def test_resizing_in_the_network_is_tensorflows(tf: Any, pixels: np.ndarray) -> None:
    from mifid.operations import resize_bilinear

    x = pixels.astype(np.float32)
    theirs = tf.compat.v1.image.resize_bilinear(x, (299, 299)).numpy()
    ours = resize_bilinear(torch.from_numpy(x).permute(0, 3, 1, 2), 299, 299)
    assert np.abs(ours.permute(0, 2, 3, 1).numpy() - theirs).max() < 5e-5  # of 255


# --- Network --------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_the_network_is_as_near_to_float64_as_tensorflow_is(
    graph_file: Path, saved: dict[str, np.ndarray], pixels: np.ndarray, backend: str
) -> None:
    if backend == "openvino":
        pytest.importorskip("openvino")
    exact = translate(read_graph(graph_file), "ExpandDims:0", "pool_3:0").double()
    with torch.inference_mode():
        truth = exact(torch.from_numpy(pixels).double()).flatten(1).numpy()
    ours = compute([pixels], open_network(graph_file, backend=backend, device="cpu"))
    theirs = saved["features_a"][:DOGS]
    assert error(ours, theirs) < 1e-5
    assert error(ours, truth) < 1e-5
    assert error(theirs, truth) < 1e-5


# --- Moments, Frechet, distance, score ------------------------------------------------------------


def test_moments_are_exact_to_thirteen_digits(few: tuple[np.ndarray, np.ndarray]) -> None:
    rows = few[0][:50, :12]
    found = moments(rows)
    exact = [[Fraction(float(value)) for value in column] for column in rows.T]
    means = [sum(column, Fraction()) / len(column) for column in exact]
    spread = max(found.covariance.diagonal())
    for i, a in enumerate(exact):
        assert abs(float(Fraction(found.mean[i]) - means[i])) < 1e-13
        for j, b in enumerate(exact):
            products = [(x - means[i]) * (y - means[j]) for x, y in zip(a, b, strict=True)]
            covariance = float(sum(products, Fraction()) / (len(rows) - 1))
            assert abs(found.covariance[i, j] - covariance) < 1e-13 * spread


def test_frechet_is_the_sum_of_singular_values_to_nine_digits(
    few: tuple[np.ndarray, np.ndarray],
) -> None:
    """tr (S1 S2)^(1/2) without any matrix root, for fewer pictures than features."""
    x, y = (side.astype(np.float64) for side in few)
    a, b = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = (len(a) - 1) * (len(b) - 1)
    root = np.linalg.svd(a @ b.T, compute_uv=False).sum() / scale**0.5
    spread = (a**2).sum() / (len(a) - 1) + (b**2).sum() / (len(b) - 1)
    fid = ((x.mean(axis=0) - y.mean(axis=0)) ** 2).sum() + spread - 2 * root
    assert relative(frechet_distance(*map(moments, few)), fid) < 1e-9


def test_distance_is_float64s(few: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = (s / np.linalg.norm(s, axis=1, keepdims=True) for s in (x.astype(float) for x in few))
    exact = float((1 - np.abs(a @ b.T)).min(axis=1).mean())
    assert abs(memorization_distance(*few) - exact) < 1e-12


def test_the_score_is_the_quotient(few: tuple[np.ndarray, np.ndarray]) -> None:
    near = Features(few[1][:300] + np.float32(1e-3) * few[0])
    result = score_features(near, Features(few[1]))
    assert 0 < result.distance < 0.1
    assert result.mifid == result.fid / (result.distance + EPSILON)


# --- What must not matter -------------------------------------------------------------------------


@pytest.fixture
def sides(archive: Callable, squashed: Callable, saved: dict[str, np.ndarray]) -> tuple[Path, Path]:
    return (
        archive("images.zip", squashed(saved["names_a"][:20])),
        archive("real.zip", squashed(saved["names_b"][:24])),
    )


def numbers(images: Path, real: Path, network: Network, **more: Any) -> np.ndarray:
    result = score(images, real, network, **more)
    return np.array([result.fid, result.distance, result.mifid])


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["torch", "openvino"])
def test_batches_and_threads_change_the_sixth_digit_at_most(
    graph_file: Path, pixels: np.ndarray, backend: str
) -> None:
    """Of a feature, and so of the score."""
    if backend == "openvino":
        pytest.importorskip("openvino")
    whole = compute([pixels], open_network(graph_file, backend=backend, device="cpu"))
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = open_network(graph_file, backend=backend, device="cpu")
        parts = compute([pixels[:1], pixels[1:6], pixels[6:]], alone)
    finally:
        torch.set_num_threads(before)
    assert error(parts, whole) < 3e-6
    others = whole[::-1] + np.float32(0.01)  # another set, near enough for a distance
    scores = [score_features(Features(side), Features(others)) for side in (parts, whole)]
    for name in ("fid", "distance", "mifid"):
        assert relative(*(getattr(result, name) for result in scores)) < 1e-5


def test_the_order_of_files_does_not_matter_at_all(
    tmp_path: Path, sides: tuple[Path, Path], stand_in: Network
) -> None:
    """In the archive: entries are read in the order of their names."""
    with ZipFile(sides[0]) as source, ZipFile(tmp_path / "turned.zip", "w") as turned:
        for name in reversed(source.namelist()):
            turned.writestr(name, source.read(name))
    here, there = numbers(*sides, stand_in), numbers(tmp_path / "turned.zip", sides[1], stand_in)
    np.testing.assert_array_equal(here, there)


def test_the_order_of_pictures_changes_the_tenth_digit_at_most(
    few: tuple[np.ndarray, np.ndarray],
) -> None:
    """Under other names the same pictures are summed in another order."""
    random = np.random.default_rng(0)
    here = score_features(*(Features(side) for side in few))
    there = score_features(*(Features(random.permutation(side)) for side in few))
    assert relative(there.fid, here.fid) < 1e-10
    assert relative(there.distance, here.distance) < 1e-12
