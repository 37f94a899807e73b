"""What several of the metric's tests need: the shared data, small networks, small archives."""

import io
from collections.abc import Callable, Iterable
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from PIL import Image

from mifid.network import Network, open_network, random_network


@pytest.fixture(scope="session")
def saved(shared: Path) -> dict[str, np.ndarray]:
    """What TensorFlow computed on 2 x 2,100 pictures, and the scores between them."""
    with np.load(shared / "inception" / "tensorflow_features.npz") as file:
        return {key: file[key] for key in file}


@pytest.fixture(scope="session")
def dogs(shared: Path) -> ZipFile:
    return ZipFile(shared / "data" / "generative-dog-images.zip")


@pytest.fixture(scope="session")
def graph_file(shared: Path) -> Path:
    return shared / "inception" / "reconstructed_graph_def.pb"


@pytest.fixture(scope="session")
def inception(graph_file: Path) -> Network:
    return open_network(graph_file)


@pytest.fixture(scope="session")
def stand_in() -> Network:
    return random_network()


@pytest.fixture(autouse=True)
def no_graph(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the machine's own graph and cache out of the tests."""
    monkeypatch.delenv("MIFID_GRAPH", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def encoded() -> Callable[..., bytes]:
    """A function: picture (H, W, 3) uint8 -> the bytes of its file."""

    def encode(picture: np.ndarray, form: str = "PNG", mode: str = "RGB") -> bytes:
        file = io.BytesIO()
        Image.fromarray(picture).convert(mode).save(file, form)
        return file.getvalue()

    return encode


@pytest.fixture
def archive(tmp_path: Path, encoded: Callable[..., bytes]) -> Callable[..., Path]:
    """A function: name, pictures (N, H, W, 3) uint8 -> a zip of them as PNG files."""

    def write(name: str, pictures: Iterable[np.ndarray]) -> Path:
        with ZipFile(tmp_path / name, "w") as file:
            for index, picture in enumerate(pictures):
                file.writestr(f"{index:05}.png", encoded(picture))
        return tmp_path / name

    return write


@pytest.fixture(scope="session")
def drawn() -> Callable[..., np.ndarray]:
    """A function: seed, count -> pictures (count, 64, 64, 3) uint8 that differ from each other."""

    def draw(seed: int, count: int, size: int = 64) -> np.ndarray:
        random = np.random.default_rng(seed)
        coarse = random.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        return np.stack([np.asarray(Image.fromarray(p).resize((size, size))) for p in coarse])

    return draw


@pytest.fixture(scope="session")
def squashed(dogs: ZipFile) -> Callable[[Iterable[str]], np.ndarray]:
    """A function: names of members -> (N, 64, 64, 3) uint8, made as the saved features say."""

    def read(names: Iterable[str]) -> np.ndarray:
        images = (Image.open(io.BytesIO(dogs.read(name))).convert("RGB") for name in names)
        return np.stack([np.asarray(i.resize((64, 64), Image.Resampling.LANCZOS)) for i in images])

    return read
