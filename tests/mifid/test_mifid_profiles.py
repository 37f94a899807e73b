"""Profiles, layers and backends, against TensorFlow run by the tests themselves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mifid.errors import InputError
from mifid.features import compute
from mifid.network import open_network
from mifid.profiles import LAYERS, PRIVATE
from mifid.score import score


@pytest.fixture(scope="module")
def tf() -> Any:
    return pytest.importorskip("tensorflow", reason="needs tensorflow, the oracle")


@pytest.fixture(scope="module")
def nasnet(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small graph with NASNet's tensors, and operations that the translation does not know."""
    random = np.random.default_rng(0)
    with tf.Graph().as_default() as graph:
        x = tf.compat.v1.placeholder(tf.float32, (None, 331, 331, 3), name="input")
        filters = random.standard_normal((7, 7, 3, 4)).astype(np.float32)
        x = tf.nn.depthwise_conv2d(x, filters, (1, 5, 5, 1), "SAME")
        x = tf.nn.elu(x)
        with tf.name_scope("final_layer"):
            tf.reduce_mean(x, (1, 2), name="Mean")
    path = tmp_path_factory.mktemp("nasnet") / "nasnet.pb"
    path.write_bytes(graph.as_graph_def().SerializeToString())
    return path


def fetched(tf: Any, path: Path, source: str, target: str, fed: np.ndarray) -> np.ndarray:
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        given = tf.compat.v1.placeholder(tf.float32, (None, *fed.shape[1:]))
        tf.import_graph_def(definition, name="", input_map={source: given})
        values = session.run(target, {given: fed})
    return values.mean((1, 2)) if values.ndim == 4 else values


def difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """The largest ||a - b|| / ||b|| of a picture."""
    return float((np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)).max())


@pytest.mark.slow
def test_the_private_profile_feeds_the_network_as_the_2021_release(
    tf: Any, nasnet: Path, drawn: Callable
) -> None:
    pictures = drawn(0, 6)
    network = open_network(nasnet, PRIVATE)
    assert (network.name, network.features, network.profile.threshold) == ("unverified", 12, 0.25)
    resized = tf.compat.v1.image.resize_bilinear(pictures.astype(np.float32), (331, 331)).numpy()
    theirs = fetched(tf, nasnet, "input:0", "final_layer/Mean:0", resized / 255 * 2 - 1)
    assert difference(compute([pictures], network), theirs) < 1e-5


@pytest.mark.slow
def test_a_private_score_says_what_it_is(nasnet: Path, drawn: Callable, archive: Callable) -> None:
    result = score(
        archive("a.zip", drawn(1, 20)), archive("b.zip", drawn(2, 30)), nasnet, profile=PRIVATE
    )
    assert result.threshold == 0.25
    assert not result.comparable
    assert "private profile" in result.label and "not comparable" in result.label


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_a_layer_is_tensorflows_averaged_over_space(
    tf: Any, graph_file: Path, drawn: Callable, layer: str
) -> None:
    pictures = drawn(3, 4)
    network = open_network(graph_file, layer=layer)
    theirs = fetched(tf, graph_file, "ExpandDims:0", LAYERS[layer], pictures.astype(np.float32))
    if layer.isdecimal():
        assert network.features == int(layer)
    assert difference(compute([pictures], network), theirs) < 1e-5


@pytest.mark.slow
def test_both_backends_agree_and_any_node_is_a_layer(graph_file: Path, drawn: Callable) -> None:
    pictures = drawn(4, 3)
    for layer in (None, "mixed_5/join", "mixed_5/join:0"):
        ours, theirs = (
            compute([pictures], open_network(graph_file, layer=layer, backend=backend))
            for backend in ("torch", "tensorflow")
        )
        assert difference(ours, theirs) < 1e-5


def test_what_only_tensorflow_runs(nasnet: Path) -> None:
    with pytest.raises(InputError, match="DepthwiseConv2dNative"):
        open_network(nasnet, PRIVATE, backend="torch")
    with pytest.raises(InputError, match=r"nasnet\.pb"):
        open_network(nasnet)  # has none of the public profile's tensors


def test_layers_and_the_private_profile_need_a_graph_that_has_them(graph_file: Path) -> None:
    with pytest.raises(InputError, match="--graph"):
        open_network(layer="64")
    with pytest.raises(InputError, match="--graph"):
        open_network(profile=PRIVATE)
    with pytest.raises(InputError, match="no_such_node"):
        open_network(graph_file, layer="no_such_node")


@pytest.mark.slow
def test_features_of_different_layers_are_not_mixed(
    graph_file: Path, drawn: Callable, archive: Callable
) -> None:
    from mifid.features import extract
    from mifid.pictures import open_pictures

    path = archive("a.zip", drawn(5, 4))
    with open_pictures(path, "real") as pictures:
        real = extract(pictures, open_network(graph_file, layer="mixed_7"))
    with pytest.raises(InputError, match="different networks"):
        score(path, real, graph_file, layer="192")
    assert score(path, real, graph_file, layer="768").images == 4  # the same layer's other name


@pytest.mark.slow
def test_a_layers_score_is_labelled_with_it(
    graph_file: Path, drawn: Callable, archive: Callable
) -> None:
    result = score(
        archive("a.zip", drawn(6, 8)), archive("b.zip", drawn(7, 9)), graph_file, layer="mixed_8"
    )
    assert "mixed_8/join:0" in result.label and "not Kaggle's" in result.label
    assert not result.comparable
