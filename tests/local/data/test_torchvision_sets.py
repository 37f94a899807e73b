"""Small sets in torchvision's layouts, the real ones where they are, and their downloads."""

import gzip
import hashlib
import pickle
import shutil
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import noise, zip_folder
from torchvision import datasets

from local.data import default, downloads
from local.data.competition import find, write_kaggle_layout
from local.data.prepared import prepare
from local.errors import InputError

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
RNG = np.random.default_rng(0)
DIGITS = RNG.integers(0, 256, (12, 28, 28), np.uint8)
DIGIT_LABELS = [9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0]
COLOURS = RNG.integers(0, 256, (60, 3, 32, 32), np.uint8)


def idx(array: np.ndarray) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in array.shape)
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype(np.uint8).tobytes()


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    raw = tmp_path / "root" / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for split in ("train", "t10k"):
        pictures, labels = idx(DIGITS), idx(np.array(DIGIT_LABELS))
        (raw / f"{split}-images-idx3-ubyte.gz").write_bytes(gzip.compress(pictures))
        (raw / f"{split}-labels-idx1-ubyte.gz").write_bytes(gzip.compress(labels))
    return raw


@pytest.fixture
def cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Ten pictures a batch, with digests that torchvision is told to expect."""
    folder = tmp_path / "cifar" / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    digests = {}

    def write(name: str, content: dict) -> None:
        data = pickle.dumps(content)
        (folder / name).write_bytes(data)
        digests[name] = hashlib.md5(data).hexdigest()

    names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
    for i, name in enumerate(names):
        write(name, {"data": COLOURS[i * 10 :][:10].reshape(10, -1), "labels": list(range(10))})
    write("batches.meta", {"label_names": CLASSES})
    pairs = [[name, digests[name]] for name in names]
    monkeypatch.setattr(datasets.CIFAR10, "train_list", pairs[:5])
    monkeypatch.setattr(datasets.CIFAR10, "test_list", pairs[5:])
    meta = {"filename": "batches.meta", "key": "label_names", "md5": digests["batches.meta"]}
    monkeypatch.setattr(datasets.CIFAR10, "meta", meta)
    return folder


def cifar10_archive(folder: Path) -> Path:
    path = folder.parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def check_mnist(path: Path) -> None:
    dogs = prepare(path, 28, "box")
    assert dogs.breeds == [str(digit) for digit in range(10)]
    assert dogs.labels.tolist() == DIGIT_LABELS
    assert torch.equal(dogs.pictures, torch.from_numpy(DIGITS)[:, None].expand(-1, 3, -1, -1))


def check_cifar10(path: Path) -> None:
    dogs = prepare(path, 32, "centre")
    assert dogs.breeds == CLASSES
    assert dogs.labels.tolist() == list(range(10)) * 5
    assert torch.equal(dogs.pictures, torch.from_numpy(COLOURS[:50]))


def test_mnist_is_found_in_every_form(mnist, tmp_path):
    root = mnist.parents[1]
    for path in (root, mnist.parent, mnist, zip_folder(root, tmp_path / "mnist.zip")):
        check_mnist(path)
    for packed in mnist.iterdir():  # as torchvision leaves it: both forms of each file
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    check_mnist(root)
    for packed in mnist.glob("*.gz"):
        packed.unlink()
    check_mnist(root)


def test_cifar10_is_found_in_every_form(cifar10):
    check_cifar10(cifar10)
    archive = cifar10_archive(cifar10)
    check_cifar10(cifar10.parent)  # as torchvision leaves it: the archive beside the folder
    shutil.rmtree(cifar10)
    check_cifar10(cifar10.parent)
    check_cifar10(archive)


def test_other_sizes_and_the_cache(mnist, tmp_path):
    first = prepare(mnist, 80, "face", tmp_path / "cache")
    again = prepare(mnist, 80, "face", tmp_path / "cache")
    assert first.pictures.shape == (12, 3, 80, 80)
    assert torch.equal(first.pictures[:], again.pictures[:])
    assert first.sources == again.sources
    (mnist / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(idx(255 - DIGITS)))
    changed = prepare(mnist, 80, "face", tmp_path / "cache")
    assert not torch.equal(first.pictures[:], changed.pictures[:])


def test_digits_can_be_mounted_for_a_rehearsal(mnist, tmp_path):
    assert write_kaggle_layout(mnist, tmp_path / "mount") == 12
    mounted = prepare(tmp_path / "mount", 28, "box").pictures
    assert torch.equal(mounted, prepare(mnist, 28, "box").pictures)


def refused(path: Path) -> str:
    with pytest.raises(InputError) as error:
        find(path)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_damaged_digits_are_refused_in_one_line(mnist):
    images, labels = mnist / "train-images-idx3-ubyte.gz", mnist / "train-labels-idx1-ubyte.gz"
    whole = images.read_bytes()
    few = idx(DIGITS[:5])
    for content in (whole[:-20], b"junk", gzip.compress(b""), gzip.compress(idx(DIGITS)[:-1])):
        images.write_bytes(content)
        assert "MNIST/raw: damaged" in refused(mnist.parents[1])
    images.write_bytes(gzip.compress(few))
    assert "5 pictures and 12 labels" in refused(mnist)
    images.write_bytes(whole)
    labels.unlink()
    assert "train-labels-idx1-ubyte is missing" in refused(mnist)


def test_digits_that_unpack_to_too_much_are_refused(mnist, monkeypatch):
    monkeypatch.setattr("local.data.torchvision_sets.MEMBER_LIMIT", DIGITS.size)
    assert "unpacks to more than 9,408 bytes" in refused(mnist)


class Trap:
    def __reduce__(self):
        return (sys.exit, ("a pickle was opened",))


def test_a_pickle_that_is_not_the_published_one_is_never_opened(cifar10):
    (cifar10 / "data_batch_3").write_bytes(pickle.dumps(Trap()))
    assert "not CIFAR-10 as it was published" in refused(cifar10)
    (cifar10 / "data_batch_3").unlink()
    assert "data_batch_3 is missing" in refused(cifar10)


def test_several_sets_in_one_folder_are_refused_by_name(mnist, cifar10):
    root = mnist.parents[1]
    shutil.copytree(cifar10, root / "cifar-10-batches-py")
    line = refused(root)
    assert "MNIST/raw" in line
    assert "cifar-10-batches-py" in line
    shutil.rmtree(root / "cifar-10-batches-py")
    zip_folder(cifar10, root / "other.zip")
    assert "other.zip" in refused(root)


def celeba(root: Path) -> Path:
    """Pictures of 178x218 in torchvision's layout, the archive kept beside its folder."""
    folder = root / "celeba" / "img_align_celeba"
    folder.mkdir(parents=True)
    for i in range(3):
        noise(178, 218, i).save(folder / f"{i + 1:06}.png")
    zip_folder(folder, root / "celeba" / "img_align_celeba.zip", "img_align_celeba/")
    (root / "celeba" / "list_attr_celeba.txt").write_text("3\n")
    return root


def test_celeba_is_one_class_of_faces(tmp_path):
    root = celeba(tmp_path / "root")
    expected = torch.stack(
        [
            torch.from_numpy(np.array(noise(178, 218, i).crop((35, 55, 143, 163)))).permute(2, 0, 1)
            for i in range(3)
        ]
    )
    archive = root / "celeba" / "img_align_celeba.zip"
    for path in (root, archive, root / "celeba" / "img_align_celeba"):
        faces = prepare(path, 108, "face")
        assert torch.equal(faces.pictures, expected)
        assert len(faces.breeds) == 1
    shutil.rmtree(root / "celeba" / "img_align_celeba")
    assert torch.equal(prepare(root, 108, "face").pictures, expected)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of `tmp_path`, on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    monkeypatch.setenv("no_proxy", "*")
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_a_named_set_is_downloaded_once(served, mnist, cifar10, tmp_path, monkeypatch, capfd):
    cache = tmp_path / "cache"
    monkeypatch.setattr(default, "CACHE", cache)
    known = [
        (path.name, hashlib.md5(path.read_bytes()).hexdigest()) for path in sorted(mnist.iterdir())
    ]
    monkeypatch.setattr(datasets.MNIST, "resources", known)
    monkeypatch.setattr(datasets.MNIST, "mirrors", [f"{served}{mnist.relative_to(tmp_path)}/"])
    archive = cifar10_archive(cifar10)
    monkeypatch.setattr(datasets.CIFAR10, "url", f"{served}{archive.relative_to(tmp_path)}")
    monkeypatch.setattr(datasets.CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    monkeypatch.setattr(datasets.CelebA, "__init__", lambda _, root, **__: celeba(root) and None)
    for _ in range(2):
        check_mnist(default.data_path(Path("mnist")))
        check_cifar10(default.data_path(Path("cifar10")))
        assert len(prepare(default.data_path(Path("celeba")), 16, "face")) == 3
    assert sorted(path.name for path in cache.iterdir()) == ["celeba", "cifar10", "mnist"]
    out, err = capfd.readouterr()
    assert out == ""
    assert [line.split()[:2] for line in err.splitlines()] == [
        ["downloading", name] for name in ("mnist", "cifar10", "celeba")
    ]


@pytest.mark.parametrize(
    ("name", "kind", "stands"),
    [
        ("mnist", datasets.MNIST, "train-images-idx3-ubyte.gz"),
        ("cifar10", datasets.CIFAR10, "cifar-10-python.tar.gz"),
        ("celeba", datasets.CelebA, "img_align_celeba.zip"),
    ],
)
def test_without_a_network_one_line_says_what_else_to_name(
    name, kind, stands, tmp_path, monkeypatch
):
    def fail(self):
        (Path(self.root) / "half").write_bytes(b"half")
        raise RuntimeError("no route to host\nand more")

    monkeypatch.setattr(kind, "download", fail)
    with pytest.raises(InputError, match=f"--data {name}: .*no route to host.*{stands}") as error:
        downloads.downloaded(name, tmp_path)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_that_name_is_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mnist").mkdir()
    assert default.data_path(Path("mnist")) == Path("mnist")


@pytest.mark.slow
def test_the_real_digits(shared):
    path = shared / "data" / "MNIST"
    digits = prepare(path, 28, "box")
    assert digits.pictures.shape == (20_000, 3, 28, 28)
    assert digits.breeds == [str(digit) for digit in range(10)]
    with gzip.open(path / "raw" / "train-images-idx3-ubyte.gz") as stream:
        pixels = np.frombuffer(stream.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(path / "raw" / "train-labels-idx1-ubyte.gz") as stream:
        labels = np.frombuffer(stream.read(), np.uint8, offset=8)
    assert np.array_equal(digits.pictures[:, 0], pixels)
    assert np.array_equal(digits.labels, labels)


@pytest.mark.slow
def test_the_real_cifar10_pictures(shared):
    pictures = prepare(shared / "data" / "cifar10-10k.zip", 32, "box")
    assert pictures.pictures.shape == (10_000, 3, 32, 32)
    assert pictures.breeds == CLASSES
    assert pictures.labels.bincount().tolist() == [1000] * 10
    assert pictures.counts.not_decoded == 0


def test_the_folder_of_several_real_sets_is_refused(shared):
    line = refused(shared / "data")
    assert all(name in line for name in ("MNIST/raw", "cifar10-10k.zip", "name one of them"))
