"""MNIST and CIFAR-10 in torchvision's layouts, as the pictures that they hold.

The parsing is torchvision's. It is imported where it is needed only: the settings of a run are
read with a bare interpreter, and they lead here (recipes, crops, competition).
"""

import gzip
import hashlib
import io
import pickle
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from local.data.archives import DAMAGES, MEMBER_LIMIT, copy
from local.data.files import File
from local.errors import InputError, reason

MNIST = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte")
CIFAR10 = (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch", "batches.meta")
CIFAR10_ARCHIVE = "cifar-10-python.tar.gz"  # stays beside the folder that it unpacks to


@dataclass(frozen=True)
class Raw:
    """A picture of an array: a file of the plainest format, in a folder named after its class."""

    path: PurePosixPath
    content: bytes

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.content)

    def open(self) -> IO[bytes]:
        """The content as a stream."""
        return io.BytesIO(self.content)

    def digest(self) -> str:
        """A hash of the content."""
        return hashlib.blake2b(self.content, digest_size=16).hexdigest()


@dataclass(frozen=True)
class Stored:
    """A set found: the files that it consists of, by name, and what reads them."""

    folder: PurePosixPath
    files: dict[str, File]
    reader: Callable[["Stored"], list[File]]

    def pictures(self) -> list[File]:
        """The training pictures; MNIST's are grey, CIFAR-10's have three channels.

        Raises:
            InputError: a file is missing, damaged or not the one that torchvision knows.
        """
        try:
            return self.reader(self)
        # All that parsing a damaged file raises: torchvision asserts, looks up, views and casts.
        except (
            *(*DAMAGES, OSError, RuntimeError, ValueError, TypeError, LookupError),
            *(AssertionError, pickle.UnpicklingError),
        ) as error:
            raise InputError(
                f"{self.folder}: damaged, or not as torchvision keeps it ({reason(error)})"
            ) from None


def find_sets(files: Iterable[File]) -> list[Stored]:
    """The sets among some files, one a folder, told by the names of their files."""
    folders: dict[PurePosixPath, dict[str, File]] = {}
    for file in files:
        name = file.path.name.removesuffix(".gz")
        if name in MNIST or name in CIFAR10:
            folders.setdefault(file.path.parent, {})[name] = file
    found = []
    for folder, stored in folders.items():
        if MNIST[0] in stored:
            found.append(Stored(folder, stored, _mnist))
        if CIFAR10[0] in stored:
            found.append(Stored(folder, stored, _cifar10))
    return found


def _mnist(stored: Stored) -> list[File]:
    """Only the training files are needed, so that a cut-down copy (other digests) can be read."""
    from torchvision.datasets.mnist import (  # noqa: PLC0415  (see above)
        read_image_file,
        read_label_file,
    )

    with tempfile.TemporaryDirectory() as name:
        images, labels = _unpack(stored, MNIST, Path(name))
        # FashionMNIST has these names too: the classes are called by their number.
        digits = [str(label) for label in read_label_file(str(labels)).tolist()]
        return _raw_files(read_image_file(str(images)).numpy(), digits)


def _cifar10(stored: Stored) -> list[File]:
    """The batches are pickles: torchvision opens none before its digest is the published one."""
    from torchvision import datasets  # noqa: PLC0415  (see above)

    with tempfile.TemporaryDirectory() as root:
        folder = Path(root) / datasets.CIFAR10.base_folder
        folder.mkdir()
        _unpack(stored, CIFAR10, folder)
        try:
            cifar = datasets.CIFAR10(root, train=True)
        except RuntimeError:
            raise InputError(
                f"{stored.folder}: not CIFAR-10 as it was published; fetch it again"
            ) from None
        return _raw_files(cifar.data, [cifar.classes[label] for label in cifar.targets])


def _unpack(stored: Stored, names: tuple[str, ...], to: Path) -> list[Path]:
    for name in names:
        if name not in stored.files:
            raise InputError(f"{stored.folder}: {name} is missing; fetch the set again")
        file = stored.files[name]
        with file.open() as stream, (to / name).open("wb") as unpacked:
            is_packed = file.path.suffix == ".gz"
            content = gzip.GzipFile(fileobj=stream) if is_packed else stream
            copy(content, unpacked, MEMBER_LIMIT, str(file.path))
    return [to / name for name in names]


def _raw_files(pictures: Any, classes: list[str]) -> list[File]:
    """Files of pictures (N, H, W) or (N, H, W, 3) uint8, in the order of the set."""
    count, height, width = pictures.shape[:3]
    if count != len(classes):
        raise ValueError(f"{count} pictures and {len(classes)} labels")
    kind, suffix = ("P6", "ppm") if pictures.ndim == 4 else ("P5", "pgm")
    header = f"{kind} {width} {height} 255\n".encode()
    return [
        Raw(PurePosixPath(name, f"{i:05}.{suffix}"), header + pictures[i].tobytes())
        for i, name in enumerate(classes)
    ]
