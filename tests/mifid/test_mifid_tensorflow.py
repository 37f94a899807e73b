"""The network against TensorFlow itself: one operation at a time, then all of Inception."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import pytest
import torch

from mifid.errors import InputError
from mifid.features import compute
from mifid.graph import read_graph
from mifid.network import Network
from mifid.score import score
from mifid.translate import translate


@pytest.fixture(scope="module")
def tf() -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    return pytest.importorskip("tensorflow", reason="needs tensorflow, the oracle")


class Oracle:
    """A graph that is built node by node, and run by TensorFlow."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self.tf, self.folder = tf, folder
        self.graph = tf.compat.v1.GraphDef()
        self.graph.versions.producer = 8  # the last that knows the 2015 batch normalisation
        self.add("Placeholder", "in", [], dtype=tf.float32)

    def add(self, op: str, name: str, inputs: list[str], **attributes: Any) -> str:
        node = self.graph.node.add(op=op, name=name, input=inputs)
        if "dtype" not in attributes:
            attributes["T"] = self.tf.float32
        for key, value in attributes.items():
            slot = node.attr[key]
            if isinstance(value, bool):
                slot.b = value
            elif isinstance(value, int):
                slot.i = value
            elif isinstance(value, float):
                slot.f = value
            elif isinstance(value, str):
                slot.s = value.encode()
            elif isinstance(value, list):
                slot.list.i.extend(value)
            elif isinstance(value, np.ndarray):
                slot.tensor.CopyFrom(self.tf.make_tensor_proto(value))
            else:
                slot.type = value.as_datatype_enum
        return name

    def constant(self, name: str, value: Any, dtype: Any = np.float32) -> str:
        array = np.asarray(value, dtype)
        return self.add("Const", name, [], dtype=self.tf.as_dtype(array.dtype), value=array)

    def both(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the last node's value, (N, C x H x W): by this package, and by TensorFlow."""
        path = self.folder / "graph.pb"
        path.write_bytes(self.graph.SerializeToString())
        last = self.graph.node[-1].name
        with torch.inference_mode():
            ours = translate(read_graph(path), "in:0", last)(torch.from_numpy(x)).flatten(1).numpy()
        with self.tf.Graph().as_default(), self.tf.compat.v1.Session() as session:
            self.tf.import_graph_def(self.graph, name="")
            theirs = session.run(f"{last}:0", {"in:0": x})
        return ours, theirs.transpose(0, 3, 1, 2).reshape(len(x), -1)


@pytest.fixture
def oracle(tf: Any, tmp_path: Path) -> Oracle:
    return Oracle(tf, tmp_path)


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(sum(shape)).standard_normal(shape, dtype=np.float32)


WINDOWS = [
    (padding, kernel, stride)
    for padding in ("SAME", "VALID")
    for kernel in ((1, 1), (2, 2), (3, 3), (1, 7), (4, 3))
    for stride in ((1, 1), (2, 2), (3, 1))
]


@pytest.mark.parametrize(("padding", "kernel", "stride"), WINDOWS)
def test_windows(oracle: Oracle, padding: str, kernel: tuple, stride: tuple) -> None:
    for op in ("Conv2D", "MaxPool", "AvgPool"):
        for height, width in ((9, 10), (7, 7)):
            one = Oracle(oracle.tf, oracle.folder)
            strides = [1, *stride, 1]
            if op == "Conv2D":
                one.constant("w", noise(*kernel, 3, 5))
                one.add(op, "out", ["in", "w"], strides=strides, padding=padding)
            else:
                one.add(op, "out", ["in"], ksize=[1, *kernel, 1], strides=strides, padding=padding)
            # Far from 0: padding that counts as a pixel shows.
            ours, theirs = one.both(noise(2, height, width, 3) - 10)
            np.testing.assert_allclose(ours, theirs, rtol=2e-5, atol=2e-5, err_msg=op)


@pytest.mark.parametrize("scaled", [False, True])
def test_batch_normalisation_is_folded(oracle: Oracle, scaled: bool) -> None:
    oracle.constant("w", noise(3, 3, 3, 4))
    oracle.add("Conv2D", "conv", ["in", "w"], strides=[1, 1, 1, 1], padding="SAME")
    for name, value in (
        ("mean", noise(4)),
        ("variance", [0.0, 1e-3, 1.0, 50.0]),
        ("beta", noise(4) + 3),
        ("gamma", [0.1, 2.0, -1.0, 5.0]),
    ):
        oracle.constant(name, value)
    oracle.add(
        "BatchNormWithGlobalNormalization",
        "norm",
        ["conv", "mean", "variance", "beta", "gamma"],
        variance_epsilon=0.01,
        scale_after_normalization=scaled,
    )
    oracle.add("CheckNumerics", "check", ["norm"], message="not finite")
    oracle.add("Identity", "same", ["norm", "^check"])
    oracle.add("Relu", "out", ["same"])
    ours, theirs = oracle.both(noise(2, 6, 6, 3))
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_concat_and_arithmetic(oracle: Oracle) -> None:
    oracle.constant("128", 128.0)
    oracle.constant("scale", 0.0078125)
    oracle.constant("axis", 3, np.int32)
    oracle.constant("down", 1, np.int32)
    oracle.add("Sub", "centred", ["in", "128"])
    oracle.add("Mul", "scaled", ["centred", "scale"])
    oracle.add("Concat", "channels", ["axis", "in", "scaled", "centred"], N=3)
    oracle.add("Concat", "rows", ["down", "channels", "channels"], N=2)
    ours, theirs = oracle.both(noise(2, 3, 4, 2) * 100)
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("source", "target"), [(64, 299), (64, 331), (5, 7), (7, 5), (1, 4), (299, 64)]
)
def test_resizing(oracle: Oracle, source: int, target: int) -> None:
    oracle.constant("size", [target, target + 1], np.int32)
    oracle.add("ResizeBilinear", "out", ["in", "size"], align_corners=False)
    ours, theirs = oracle.both(noise(1, source, source + 2, 3) * 255)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=255 * 2e-6)


def test_resizing_has_no_half_pixel_centres(tf: Any) -> None:
    from mifid.operations import resize_bilinear

    ramp = np.arange(4, dtype=np.float32).reshape(1, 1, 4, 1)
    theirs = tf.compat.v1.image.resize_bilinear(ramp, (1, 8)).numpy().ravel()
    ours = resize_bilinear(torch.from_numpy(ramp).permute(0, 3, 1, 2), 1, 8).numpy().ravel()
    np.testing.assert_array_equal(ours, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "message"),
    [
        ("Tanh", ["in"], {}, "node out has operation Tanh"),
        ("Relu", ["nowhere"], {}, "node nowhere is not in the graph"),
        ("Relu", ["c"], {}, "has the constant c where it needs pictures"),
        ("Sub", ["in", "in"], {}, "needs a constant"),
        ("Sub", ["in", "list"], {}, "not one number"),
        ("Relu", ["out"], {}, "is computed from itself"),
        ("MaxPool", ["in"], {"ksize": [1, 2, 2, 2]}, "not \\[1, height, width, 1\\]"),
        ("MaxPool", ["in"], {}, "lacks the attribute ksize"),
        ("ResizeBilinear", ["in", "list"], {"align_corners": True}, "align_corners"),
    ],
)
def test_what_is_not_known_is_refused_by_name(
    oracle: Oracle, op: str, inputs: list[str], attributes: dict[str, Any], message: str
) -> None:
    oracle.constant("c", 1.0)
    oracle.constant("list", [2, 2], np.int32)
    oracle.add(op, "out", inputs, **attributes)
    path = oracle.folder / "graph.pb"
    path.write_bytes(oracle.graph.SerializeToString())
    with pytest.raises(InputError, match=message):
        translate(read_graph(path), "in:0", "out:0")


def test_the_translation_exports(oracle: Oracle) -> None:
    oracle.constant("w", noise(3, 3, 3, 2))
    oracle.add("Conv2D", "conv", ["in", "w"], strides=[1, 2, 2, 1], padding="SAME")
    path = oracle.folder / "graph.pb"
    path.write_bytes(oracle.graph.SerializeToString())
    module = translate(read_graph(path), "in", "conv")
    x = torch.from_numpy(noise(2, 8, 8, 3))
    exported = torch.export.export(module, (x,)).module()
    torch.testing.assert_close(exported(x), module(x), rtol=0, atol=0)


class Inception:
    """The frozen graph in a TensorFlow session: (N, 64, 64, 3) -> (N, 2048)."""

    def __init__(self, tf: Any, path: Path) -> None:
        definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
        graph = tf.Graph()
        with graph.as_default():
            # The file's own input allows for one picture at a time.
            self.pictures = tf.compat.v1.placeholder(tf.float32, (None, 64, 64, 3))
            inputs = {"ExpandDims:0": self.pictures}
            tf.import_graph_def(definition, name="", input_map=inputs)
        self.session = tf.compat.v1.Session(graph=graph)

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        feed = {self.pictures: pictures.astype(np.float32)}
        return self.session.run("pool_3:0", feed).reshape(len(pictures), -1)


@pytest.fixture(scope="module")
def reference(tf: Any, graph_file: Path) -> Iterator[Inception]:
    inception = Inception(tf, graph_file)
    yield inception
    inception.session.close()


@pytest.mark.slow
def test_inception_features(
    reference: Inception, inception: Network, squashed: Callable, saved: dict[str, np.ndarray]
) -> None:
    random = np.random.default_rng(0)
    pictures = np.concatenate(
        [
            squashed(saved["names_b"][:4]),
            random.integers(0, 256, (2, 64, 64, 3), dtype=np.uint8),
            np.zeros((1, 64, 64, 3), np.uint8),
            np.full((1, 64, 64, 3), 255, np.uint8),
        ]
    )
    theirs = reference(pictures)
    ours = compute([pictures], inception)
    error = np.linalg.norm(ours - theirs, axis=1) / np.linalg.norm(theirs, axis=1)
    assert error.max() < 1e-5


def published_algorithm(fake: np.ndarray, real: np.ndarray) -> tuple[float, float]:
    """Return FID and distance by the notebook's formulas, in another form than the package's.

    tr (S1 S2)^(1/2) is the sum of the singular values of X1 X2^T / sqrt((n1-1)(n2-1)), X being the
    centred features: well defined for fewer pictures than features, where sqrtm is not.
    """
    x, y = (f - f.mean(axis=0) for f in (fake.astype(np.float64), real.astype(np.float64)))
    scale = (len(x) - 1) * (len(y) - 1)
    root = np.linalg.svd(x @ y.T, compute_uv=False).sum() / scale**0.5
    shift = ((fake.mean(axis=0, dtype=float) - real.mean(axis=0, dtype=float)) ** 2).sum()
    spread = (x**2).sum() / (len(x) - 1) + (y**2).sum() / (len(y) - 1)
    a, b = (f / np.linalg.norm(f, axis=1, keepdims=True) for f in (fake.astype(float), real))
    return shift + spread - 2 * root, float((1 - abs(a @ b.T)).min(axis=1).mean())


@pytest.mark.slow
def test_whole_score_through_pictures(
    reference: Inception,
    graph_file: Path,
    archive: Callable,
    squashed: Callable,
    saved: dict[str, np.ndarray],
    dogs: ZipFile,
    tmp_path: Path,
) -> None:
    names, real_names = saved["names_a"][:40], saved["names_b"][:60]
    with ZipFile(tmp_path / "real.zip", "w") as file:
        for name in real_names:
            file.writestr(str(name), dogs.read(name))
    images = archive("images.zip", squashed(names))

    result = score(images, tmp_path / "real.zip", graph_file, device="cpu", batch=16)

    fid, distance = published_algorithm(reference(squashed(names)), reference(squashed(real_names)))
    assert (result.images, result.real_images) == (40, 60)
    assert result.fid == pytest.approx(fid, rel=1e-5)
    assert result.distance == pytest.approx(distance, rel=1e-5)
    assert result.mifid == pytest.approx(fid / (distance if distance < 0.1 else 1), rel=1e-5)
