"""The score: its threshold, its label, and the figures that TensorFlow's features give."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mifid import published
from mifid.errors import InputError
from mifid.features import Features, save
from mifid.network import Network
from mifid.score import apply_threshold, label_for, score


def features(seed: int, count: int, network: str = "random", graph: str = "g") -> Features:
    random = np.random.default_rng(seed)
    return Features(random.random((count, 8), dtype=np.float32), network, graph)


def test_scores_of_tensorflows_features(saved: dict[str, np.ndarray]) -> None:
    result = score(Features(saved["features_a"]), Features(saved["features_b"]))
    assert result.fid == pytest.approx(float(saved["fid_a_b"]), rel=1e-8)
    assert result.distance == pytest.approx(float(saved["distance_a_b"]), rel=1e-12)
    assert result.distance_thresholded == 1
    assert result.mifid == pytest.approx(float(saved["fid_a_b"]), rel=1e-8)


def test_threshold_is_strict() -> None:
    assert apply_threshold(0.1) == 1
    assert apply_threshold(np.nextafter(0.1, 0)) == np.nextafter(0.1, 0)
    assert apply_threshold(0.15, threshold=0.25) == 0.15


def test_score_divides_by_a_small_distance() -> None:
    real = features(0, 50)
    noise = np.random.default_rng(1).normal(0, 0.05, (30, 8)).astype(np.float32)
    near = replace(real, values=real.values[:30] + noise)
    result = score(near, real)
    assert 0 < result.distance < 0.1
    assert result.distance_thresholded == result.distance
    assert result.mifid == result.fid / (result.distance + 1e-14)
    assert any("memorization" in warning for warning in result.warnings)


def test_copies_of_training_pictures_are_punished_in_full() -> None:
    real = features(0, 50)
    result = score(replace(real, values=real.values[:20]), real)
    assert result.distance < 1e-14
    assert result.fid > 1e-3
    assert result.mifid > 1e11 * result.fid


@pytest.mark.parametrize(
    ("network", "images", "real", "limit", "label"),
    [
        ("published", 10_000, 20_579, None, "Kaggle's public score"),
        ("published", 10_000, 20_580, None, "Kaggle's public score"),
        (
            "published",
            10_000,
            20_578,
            None,
            "published graph, but not Kaggle's score: 20,578 of 20,579 real pictures",
        ),
        (
            "published",
            9_999,
            20_579,
            None,
            "published graph, but not Kaggle's score: 9,999 images in place of 10,000",
        ),
        (
            "published",
            10_000,
            20_579,
            20_579,
            "published graph, but not Kaggle's score: limited to 20,579 a side",
        ),
        ("reconstructed", 10_000, 20_579, None, "FID (reconstructed)"),
        ("reconstructed", 50, 50, 50, "FID (reconstructed), limited to 50 a side"),
        ("random", 10_000, 20_579, None, "not comparable"),
        ("unknown", 5, 5, 5, "not comparable, limited to 5 a side"),
    ],
)
def test_label(network: str, images: int, real: int, limit: int | None, label: str) -> None:
    assert label_for(network, images, real, limit) == (label, label == "Kaggle's public score")


def test_features_of_the_published_graph_on_everything_are_comparable() -> None:
    real = features(0, 20_579, "published", published.GRAPH_ID)
    fake = features(1, 10_000, "published", published.GRAPH_ID)
    result = score(fake, real)
    assert result.comparable
    assert (result.network, result.label) == ("published", "Kaggle's public score")
    assert not score(fake, real, limit=500).comparable


def test_limit_marks_the_result_and_takes_rows_evenly() -> None:
    fake, real = features(0, 40), features(1, 60)
    result = score(fake, real, limit=20)
    assert (result.images, result.real_images, result.limit) == (20, 20, 20)
    assert "limited to 20" in result.label
    direct = score(replace(fake, values=fake.values[::2]), replace(real, values=real.values[::3]))
    assert result.fid == direct.fid


@pytest.mark.slow
def test_features_of_different_networks_do_not_meet(
    archive: Callable, drawn: Callable, stand_in: Network, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="different networks"):
        score(features(0, 5, graph="g"), features(1, 5, graph="h"))
    save(features(0, 5, "reconstructed", "g"), tmp_path / "real.npz")
    with pytest.raises(InputError, match="reconstructed g and random random-2019"):
        score(archive("a.zip", drawn(0, 5)), tmp_path / "real.npz")
    with pytest.raises(InputError, match="different networks"):
        score(features(0, 5, graph="g"), features(1, 5, graph="g"), stand_in)
    with pytest.raises(InputError, match="4 and 8 a picture"):
        score(Features(np.ones((3, 4))), Features(np.ones((3, 8))))


def test_unknown_origin_is_not_comparable_and_says_so() -> None:
    result = score(features(0, 5, "unknown", "unknown"), features(1, 5, "published", "g"))
    assert (result.network, result.label, result.comparable) == ("unknown", "not comparable", False)
    assert any("which network" in warning for warning in result.warnings)


@pytest.mark.parametrize("side", ["generated", "real"])
def test_one_picture_has_no_score(side: str) -> None:
    sides = {"generated": features(0, 5), "real": features(1, 5)}
    sides[side] = features(0, 1)
    with pytest.raises(InputError, match=f"only 1 {side} picture"):
        score(sides["generated"], sides["real"])


@pytest.mark.slow
def test_pictures_and_their_saved_features_score_the_same(
    archive: Callable, drawn: Callable, tmp_path: Path
) -> None:
    from mifid.__main__ import main

    images, real = archive("images.zip", drawn(0, 30)), archive("real.zip", drawn(1, 40))
    assert main(["features", str(real), "--out", str(tmp_path / "real.npz")]) == 0
    pictures, mixed = score(images, real), score(images, tmp_path / "real.npz")
    assert mixed.fid == pytest.approx(pictures.fid, rel=1e-9)
    assert mixed.distance == pytest.approx(pictures.distance, rel=1e-9)
    other_batch = score(images, real, batch=7)
    assert other_batch.fid == pytest.approx(pictures.fid, rel=1e-5)
    assert other_batch.distance == pytest.approx(pictures.distance, rel=1e-5)


def test_warnings_name_what_to_mind(archive: Callable, drawn: Callable) -> None:
    noted = replace(features(1, 5), notes=("3 real pictures could not be decoded",))
    result = score(replace(features(0, 5), side="real"), noted)
    text = " | ".join(result.warnings)
    for part in ("5 generated pictures: with fewer", "5 real pictures", "3 real", "not checked"):
        assert part in text
    assert "Kaggle asks for 10,000" in text
    assert "10,000" not in " ".join(score(features(0, 5), features(1, 5), limit=4).warnings)
    whole = score(features(0, 10_000), features(1, 3000)).warnings
    assert [line for line in whole if "memorization" not in line] == []


def test_saved_statistics_in_the_notebooks_form_are_used_as_they_are(tmp_path: Path) -> None:
    fake, real = features(1, 40), features(0, 50)
    mean, covariance = real.values.mean(0, dtype=np.float64), np.cov(real.values, rowvar=False)
    path = tmp_path / "real.npz"
    np.savez(path, m=mean, s=covariance, features=real.values)
    assert score(fake, path).fid == pytest.approx(score(fake, real).fid, rel=1e-9)
    np.savez(path, m=mean + 2, s=covariance, features=real.values)
    shift = fake.values.mean(0, dtype=np.float64) - mean
    moved = ((shift - 2) ** 2).sum() - (shift**2).sum()
    assert score(fake, path).fid == pytest.approx(score(fake, real).fid + moved, rel=1e-9)
    # of fewer rows they would be the moments of others
    assert score(fake, path, limit=30).fid < score(fake, path).fid


@pytest.mark.parametrize(
    "wrong", [{"m": np.zeros(7)}, {"s": np.zeros((8, 7))}, {"s": np.full((8, 8), np.nan)}]
)
def test_saved_statistics_that_do_not_fit_are_refused(tmp_path: Path, wrong: dict) -> None:
    path = tmp_path / "real.npz"
    np.savez(path, **{"m": np.zeros(8), "s": np.eye(8), "features": features(0, 50).values} | wrong)
    with pytest.raises(InputError, match="do not belong"):
        score(features(1, 40), path)
