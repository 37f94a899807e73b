"""What runs the network: which engine is taken, and what half precision may change."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mifid import backend as module
from mifid import network as network_module
from mifid.errors import InputError
from mifid.features import Features, compute
from mifid.frechet import frechet_distance, moments
from mifid.graph import depends, read_graph
from mifid.network import open_network
from mifid.openvino_module import OpenVINOModule
from mifid.profiles import PRIVATE, PUBLIC
from mifid.score import score_features

ENGINES = ("torch", "openvino")


def needs(engine: str) -> None:
    if engine == "openvino":
        pytest.importorskip("openvino")
    # Asked of torch itself: a half_type that found none anywhere would skip what looks at it.
    if not (torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()):
        pytest.skip("needs a processor with bfloat16")


def engine_of(network: object) -> bool:
    return any(isinstance(part, OpenVINOModule) for part in network.module.modules())


@pytest.mark.slow
def test_openvino_is_taken_where_it_is_installed(
    graph_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("openvino")
    assert engine_of(open_network(graph_file, device="cpu"))
    monkeypatch.setattr(module.openvino_module, "installed", lambda: False)
    assert not engine_of(open_network(graph_file, device="cpu"))


@pytest.mark.slow
def test_openvino_that_is_missing_is_said(
    graph_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(InputError, match="pip install openvino"):
        open_network(graph_file, backend="openvino", device="cpu")


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_fast_changes_the_score_by_less_than_half_a_percent(
    graph_file: Path, squashed: Callable, saved: dict[str, np.ndarray], engine: str
) -> None:
    needs(engine)
    network = open_network(graph_file, backend=engine, precision="fast", device="cpu")
    assert network.precision == "fast"
    count = 80
    sides = [compute([squashed(saved[f"names_{s}"][:count])], network) for s in "ab"]
    exact = [saved[f"features_{s}"][:count] for s in "ab"]
    moved = np.linalg.norm(sides[0] - exact[0], axis=1) / np.linalg.norm(exact[0], axis=1)
    assert 1e-3 < moved.max() < 0.08  # it is rounded, and not much
    results = [score_features(*(Features(side) for side in pair)) for pair in (sides, exact)]
    assert abs(results[0].mifid / results[1].mifid - 1) < 0.005
    assert abs(results[0].distance / results[1].distance - 1) < 0.005
    # One side fast and the other one exact, as with real features that were kept.
    mixed = frechet_distance(moments(sides[0]), moments(exact[1]))
    assert abs(mixed / results[1].fid - 1) < 0.005


@pytest.mark.slow
def test_fast_leaves_the_ends_of_the_network_alone(graph_file: Path) -> None:
    graph = read_graph(graph_file)
    half = (PUBLIC.half, torch.bfloat16)

    def cut(target: str) -> list:
        return module._stages(graph, (PUBLIC.input, target), half)

    start, end = PUBLIC.half
    assert cut("pool_3:0") == [
        ((PUBLIC.input, start), torch.float32),
        ((start, end), torch.bfloat16),
        ((end, "pool_3:0"), torch.float32),
    ]
    assert cut("mixed_7/join:0")[-1] == ((start, "mixed_7/join:0"), torch.bfloat16)
    for early in (start, "ResizeBilinear:0"):
        assert cut(early) == [((PUBLIC.input, early), torch.float32)]
    assert depends(graph, "pool_3:0", end) and not depends(graph, end, "pool_3:0")


def test_a_processor_without_half_precision_goes_on_in_full(
    graph_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.setattr(network_module, "half_type", lambda device: None)
    network = open_network(graph_file, backend="torch", precision="fast", device="cpu")
    assert network.precision == "exact"
    assert "no bfloat16" in capsys.readouterr().err


@pytest.mark.slow
def test_what_fast_was_not_measured_for_is_refused(
    graph_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network_module, "half_type", lambda device: torch.bfloat16)
    with pytest.raises(InputError, match="not measured for --profile private"):
        open_network(graph_file, PRIVATE, precision="fast")
    pytest.importorskip("tensorflow")
    with pytest.raises(InputError, match="leave out --precision fast"):
        open_network(graph_file, backend="tensorflow", precision="fast", device="cpu")


def test_a_fast_score_says_so_and_is_not_kaggles() -> None:
    random = np.random.default_rng(0)

    def side(precision: str) -> Features:
        values = random.random((40, 8), dtype=np.float32)
        return Features(values, "reconstructed", "g", precision=precision)

    assert score_features(side("exact"), side("exact")).label == "FID (reconstructed)"
    for pair in (("fast", "exact"), ("exact", "fast")):
        assert "fast" in score_features(*map(side, pair)).label
