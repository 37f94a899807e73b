"""The published algorithm, written anew from its description: TensorFlow, NumPy and SciPy alone.

What `python -m bench metric` holds the others against, and nothing of ``mifid`` is in it:
`python -m bench.published GENERATED REAL GRAPH cpu`, two folders of pictures.

Reference: the competition's published notebook, "Demo MiFID metric for Dog image generation comp".
"""

from pathlib import Path

import numpy as np
import scipy
import tensorflow as tf
from PIL import Image
from scipy import linalg

from bench.answer import answer

SIZE = 64
BATCH = 50
THRESHOLD = 0.1


def score(generated: Path, real: Path, graph: Path, _device: str) -> dict[str, float]:
    """Return the FID, the distance and the MiFID of two folders of pictures."""
    session, source, target = _open(graph)
    fake, true = (
        features(pictures, session, source, target)
        for pictures in (_generated(generated), _real(real))
    )
    fid, distance = frechet_distance(fake, true), memorization_distance(fake, true)
    return {"fid": fid, "distance": distance, "mifid": quotient(fid, distance)}


def frechet_distance(fake: np.ndarray, true: np.ndarray) -> float:
    """Return |m1 - m2|^2 + tr S1 + tr S2 - 2 tr (S1 S2)^(1/2) of (N, D) and (M, D), float64.

    Raises ValueError for a root that is complex beyond a rounding error.
    """
    shift = fake.mean(axis=0) - true.mean(axis=0)
    first, second = (np.cov(rows, rowvar=False) for rows in (fake, true))
    root = linalg.sqrtm(first @ second)
    if not np.isfinite(root).all():
        more = 1e-6 * np.eye(len(first))
        root = linalg.sqrtm((first + more) @ (second + more))
    if np.abs(np.diagonal(root).imag).max() > 1e-3:
        raise ValueError("the root is complex")
    return float(shift @ shift + np.trace(first) + np.trace(second) - 2 * np.trace(root.real))


def memorization_distance(fake: np.ndarray, true: np.ndarray) -> float:
    """Return the mean over the generated rows of 1 - |cosine| to the nearest real row."""
    rows, others = (side[side.sum(axis=1) != 0] for side in (fake, true))
    rows, others = (side / np.linalg.norm(side, axis=1, keepdims=True) for side in (rows, others))
    distances = 1 - np.abs(rows @ others.T)  # all pairs at once: (N, M) float64
    return float(distances.min(axis=1).mean())


def quotient(fid: float, distance: float) -> float:
    """Return the MiFID."""
    return fid / ((distance if distance < THRESHOLD else 1) + 1e-14)


def features(
    pictures: np.ndarray, session: tf.compat.v1.Session, source: tf.Tensor, target: tf.Tensor
) -> np.ndarray:
    """Return (N, 2048) float64 of (N, 64, 64, 3) uint8, computed in float32."""
    rows = np.empty((len(pictures), 2048))
    for start in range(0, len(pictures), BATCH):
        batch = pictures[start : start + BATCH]
        values = session.run(target, {source: batch.astype(np.float32)})
        rows[start : start + BATCH] = values.reshape(len(batch), -1)
    return rows


def _open(path: Path) -> tuple[tf.compat.v1.Session, tf.Tensor, tf.Tensor]:
    definition = tf.compat.v1.GraphDef.FromString(path.read_bytes())
    with tf.Graph().as_default() as graph:
        source = tf.compat.v1.placeholder(tf.float32, (None, SIZE, SIZE, 3))
        tf.import_graph_def(definition, name="", input_map={"ExpandDims:0": source})
    return tf.compat.v1.Session(graph=graph), source, graph.get_tensor_by_name("pool_3:0")


def _generated(folder: Path) -> np.ndarray:
    pictures = []
    for file in sorted(folder.iterdir()):
        with Image.open(file) as image:
            if image.size != (SIZE, SIZE) or image.format != "PNG":
                raise ValueError(f"{file.name} is not a PNG of {SIZE}x{SIZE}")
            pictures.append(np.asarray(image.convert("RGB")))
    return np.stack(pictures)


def _real(folder: Path) -> np.ndarray:
    pictures = []
    for file in sorted(folder.iterdir()):
        with Image.open(file) as image:
            whole = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
            pictures.append(np.asarray(whole))
    return np.stack(pictures)


if __name__ == "__main__":
    answer(score, {"tensorflow": tf.__version__, "scipy": scipy.__version__})
