"""The networks and their features, saved and not."""

import errno
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mifid import published
from mifid.device import choose_device, full_precision
from mifid.errors import InputError, WorkError
from mifid.features import Features, check_target, compute, extract, load, save
from mifid.network import Network, open_network, random_network
from mifid.pictures import open_pictures

CPU = torch.device("cpu")


def relative_error(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Return the largest error of any picture's features, over their length."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


def test_inception_agrees_with_tensorflows_saved_features(
    inception: Network, saved: dict[str, np.ndarray], squashed: Callable
) -> None:
    spread = np.arange(0, 2100, 2100 // 24)[:24]
    for side in ("a", "b"):
        pictures = squashed(saved[f"names_{side}"][spread])
        ours = compute([pictures], inception)
        assert ours.shape == (24, 2048)
        assert ours.dtype == np.float32
        assert relative_error(ours, saved[f"features_{side}"][spread]) < 1e-5


def test_inception_does_not_depend_on_the_batch(inception: Network, drawn: Callable) -> None:
    pictures = drawn(0, 4)
    together = compute([pictures], inception)
    apart = compute([pictures[:1], pictures[1:]], inception)
    assert relative_error(apart, together) < 1e-5


@pytest.mark.slow
def test_graph_is_named_and_found_in_order(
    graph_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_network().name == "random"
    cached = published.cached_graph()
    assert cached == tmp_path / "cache" / "mifid" / "classify_image_graph_def.pb"
    cached.parent.mkdir(parents=True)
    cached.symlink_to(graph_file.resolve())
    found = open_network()
    assert (found.name, found.graph, found.features, found.profile.threshold) == (
        "reconstructed",
        "eba70efeb1edd6915d74fac8ea55cd3edbb49590",
        2048,
        0.1,
    )
    monkeypatch.setenv("MIFID_GRAPH", str(tmp_path / "from-environment.pb"))
    with pytest.raises(InputError, match=r"from-environment\.pb"):
        open_network()
    with pytest.raises(InputError, match=r"given\.pb"):
        open_network(tmp_path / "given.pb")


def test_random_features_differ_between_pictures_and_not_between_runs(
    stand_in: Network, drawn: Callable
) -> None:
    pictures = drawn(0, 40)
    features = compute([pictures], stand_in)
    assert features.shape == (40, 256)
    assert features.std(axis=0).mean() > 0.1 * features.mean()
    assert features.std(axis=0).min() > 0
    np.testing.assert_array_equal(features, compute([pictures], random_network()))


def test_random_features_do_not_depend_on_the_batch(stand_in: Network, drawn: Callable) -> None:
    pictures = drawn(1, 13)
    together = compute([pictures], stand_in)
    apart = compute([pictures[:1], pictures[1:6], pictures[6:]], stand_in)
    assert relative_error(apart, together) < 1e-6


def test_not_a_number_is_an_error_and_not_a_score(drawn: Callable) -> None:
    broken = random_network()
    with torch.no_grad():
        next(broken.module.parameters()).fill_(float("nan"))
    with pytest.raises(WorkError, match="not finite"):
        compute([drawn(0, 2)], broken)


def test_full_precision_stays_within_its_block() -> None:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    try:
        matmul.allow_tf32 = cudnn.allow_tf32 = True
        with pytest.raises(KeyError), full_precision():
            assert not matmul.allow_tf32
            assert not cudnn.allow_tf32
            raise KeyError
        assert matmul.allow_tf32
        assert cudnn.allow_tf32
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before


def test_gpu_that_does_not_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def ones(*_: object, **__: object) -> torch.Tensor:
        raise RuntimeError("CUDA error: no kernel image is available")

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch, "ones", ones)
    assert choose_device("auto") == CPU
    assert "no kernel image" in capsys.readouterr().err
    with pytest.raises(InputError, match="no kernel image"):
        choose_device("cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_gpu_gives_the_same_features(stand_in: Network, drawn: Callable) -> None:
    pictures = drawn(2, 8)
    there = compute([pictures], random_network(device=torch.device("cuda")))
    assert relative_error(there, compute([pictures], stand_in)) < 1e-5


def test_saved_features_come_back(
    archive: Callable, drawn: Callable, stand_in: Network, tmp_path: Path
) -> None:
    with open_pictures(archive("a.zip", drawn(0, 5)), "generated") as pictures:
        features = extract(pictures, stand_in, batch=2)
    save(features, tmp_path / "a.npz")
    back = load(tmp_path / "a.npz")
    np.testing.assert_array_equal(back.values, features.values)
    assert (back.network, back.graph, back.side) == ("random", stand_in.graph, "generated")
    assert back.names == tuple(f"0000{i}.png" for i in range(5))
    assert back.limited(2).names == ("00000.png", "00002.png")
    np.testing.assert_array_equal(back.limited(2).values, features.values[[0, 2]])


def test_features_of_others_are_of_unknown_origin(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", features=np.ones((3, 4)), m=np.ones(4), s=np.eye(4))
    found = load(tmp_path / "a.npz")
    assert (found.network, found.graph, found.side, len(found)) == ("unknown",) * 3 + (3,)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"m": np.ones(3)}, "no array 'features'"),
        ({"features": np.ones(3)}, "array of finite numbers"),
        ({"features": np.ones((3, 2), int)}, "array of finite numbers"),
        ({"features": np.full((3, 2), np.nan)}, "array of finite numbers"),
        ({"features": np.array([[{}]], dtype=object)}, "array of finite numbers"),
        ({"features": np.ones((3, 2)), "names": np.array([{}], dtype=object)}, "or damaged"),
    ],
)
def test_saved_features_that_are_none(tmp_path: Path, content: dict, message: str) -> None:
    np.savez(tmp_path / "a.npz", **content)
    with pytest.raises(InputError, match=message):
        load(tmp_path / "a.npz")


def test_damaged_features_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, features=np.random.default_rng(0).random((30, 40)))
    whole = path.read_bytes()
    for content in (b"", b"junk", whole[:-60], whole[:300] + b"\xff" * 90 + whole[390:]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.npz"):
            load(path)


def test_failed_save_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.npz"
    save(Features(np.ones((2, 3))), path)
    before = path.read_bytes()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)  # half of the file is written by then
    with pytest.raises(WorkError, match="No space"):
        save(Features(np.zeros((2, 3))), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_target_is_checked_before_the_work(tmp_path: Path) -> None:
    for bad in (tmp_path / "a.zip", tmp_path / "no" / "a.npz"):
        with pytest.raises(InputError):
            check_target(bad)
