"""Well-known mistakes of reimplementations, each made on purpose: the checks must see it.

What is right agrees with TensorFlow's saved features; what is wrong must be far from them.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from mifid import operations, translate
from mifid.distance import memorization_distance
from mifid.features import Features, compute
from mifid.frechet import Moments, frechet_distance, moments
from mifid.graph import read_graph
from mifid.network import Network, open_network
from mifid.score import score

COUNT = 6


@pytest.fixture
def error(saved: dict, squashed: Callable, graph_file: Path) -> Callable[[], float]:
    """The largest ||a - b|| / ||b|| against TensorFlow, of the network as it is built now."""
    pictures = squashed(saved["names_a"][:COUNT])
    theirs = saved["features_a"][:COUNT]

    def measure(network: Network | None = None, pictures: np.ndarray = pictures) -> float:
        ours = compute([pictures], network or open_network(graph_file, backend="torch"))
        norms = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
        return float(norms.max())

    return measure


def test_nothing_is_wrong(error: Callable) -> None:
    assert error() < 1e-5


@pytest.mark.slow
def test_padding_that_counts(error: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = F.avg_pool2d

    def counting(*arguments, **options):
        return plain(*arguments, **options | {"count_include_pad": True})

    monkeypatch.setattr(translate.F, "avg_pool2d", counting)
    assert error() > 1e-2


@pytest.mark.slow
def test_an_average_pool_in_the_last_block(
    error: Callable, graph_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def mistaken(path: Path):
        graph = read_graph(path)
        pool = graph.nodes["mixed_10/tower_2/pool"]
        assert pool.op == "MaxPool"
        nodes = graph.nodes | {pool.name: replace(pool, op="AvgPool")}
        return replace(graph, nodes=nodes)

    monkeypatch.setattr("mifid.network.read_graph", mistaken)
    assert error() > 1e-2


@pytest.mark.slow
def test_half_pixel_centres(error: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def half_pixel(x, height, width):
        return F.interpolate(x, (height, width), mode="bilinear", align_corners=False)

    monkeypatch.setattr(translate, "resize_bilinear", half_pixel)
    assert error() > 1e-2


@pytest.mark.slow
def test_truncation_in_place_of_rounding(error: Callable, saved: dict, dogs) -> None:
    """A generator's pictures in -1..1, cut down to bytes: every second level is off by one."""
    from io import BytesIO

    from PIL import Image

    images = [
        Image.open(BytesIO(dogs.read(name))).convert("RGB").resize((64, 64), Image.LANCZOS)
        for name in saved["names_a"][:COUNT]
    ]
    right = np.stack([np.asarray(image) for image in images])
    levels = (right.astype(np.float32) / 127.5 - 1 + 1) * 127.5
    truncated = (levels - 0.4).astype(np.uint8)  # what lies under the half would be rounded up
    assert error(pictures=np.rint(levels).astype(np.uint8)) < 1e-5
    assert error(pictures=truncated) > 1e-3


def test_n_in_place_of_n_minus_1(saved: dict) -> None:
    def fid(scale: Callable[[int], float]) -> float:
        sides = (moments(saved[key][:, :64]) for key in ("features_a", "features_b"))
        scaled = (Moments(m.mean, m.covariance * scale(m.count), m.count) for m in sides)
        return frechet_distance(*scaled)

    right, wrong = fid(lambda n: 1.0), fid(lambda n: (n - 1) / n)
    roots = (np.cov(saved[key][:, :64], rowvar=False) for key in ("features_a", "features_b"))
    by_root = frechet_distance(
        *(
            Moments(saved[key][:, :64].mean(0, dtype=np.float64), covariance, len(saved[key]))
            for key, covariance in zip(("features_a", "features_b"), roots, strict=True)
        )
    )
    assert right == pytest.approx(by_root, rel=1e-9)
    assert abs(wrong / right - 1) > 1e-5


def test_the_other_direction() -> None:
    """Five training rows, each generated 200 times: real rows have no copy, generated ones do."""
    random = np.random.default_rng(0)
    real = random.random((1000, 64)).astype(np.float32)
    fake = np.repeat(real[:5], 200, axis=0)
    assert memorization_distance(fake, real) < 1e-14
    assert memorization_distance(real, fake) > 0.1  # swapped, it would go unpunished
    result = score(Features(fake), Features(real))
    assert result.mifid > 1e10 * result.fid


def test_a_full_copy_is_not_given_zero_for_its_memorization() -> None:
    """The FID of a copy is zero up to rounding; one pixel's noise must not make it a record."""
    random = np.random.default_rng(1)
    real = random.random((500, 16)).astype(np.float32)
    fake = real + random.normal(0, 1e-4, real.shape).astype(np.float32)
    result = score(Features(fake), Features(real))
    assert result.distance < 1e-6
    assert result.mifid > 1e4 * abs(result.fid)
    assert result.distance_thresholded == result.distance


def test_resizing_by_hand_is_what_the_network_does() -> None:
    ramp = torch.arange(64.0).expand(1, 3, 64, 64)
    resized = operations.resize_bilinear(ramp, 299, 299)[0, 0, 0]
    expected = np.interp(np.arange(299) * 64 / 299, np.arange(64), np.arange(64))
    np.testing.assert_allclose(resized.numpy(), expected, atol=1e-4)
