"""Pictures in mapped files: what is asked for is what a tensor would give."""

import numpy as np
import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from local.data import shards
from local.data.prepared import TrainingSet
from local.data.shards import Shards, ShardWriter, blocks, in_folder

SIDE, COUNT = 8, 23


@pytest.fixture
def pictures():
    random = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (COUNT, 3, SIDE, SIDE), dtype=torch.uint8, generator=random)


@pytest.fixture
def folder(pictures, tmp_path, monkeypatch):
    """Five shards, the last of which is shorter."""
    monkeypatch.setattr(shards, "SHARD", 5 * 3 * SIDE * SIDE + 1)
    with ShardWriter(tmp_path, SIDE) as writer:
        for picture in pictures:
            writer.write(picture.numpy())
    assert len(list(tmp_path.iterdir())) == 5
    return tmp_path


ROWS = [
    slice(None), slice(4, 11), slice(21, 99), slice(None, None, 6), slice(3, 3), slice(-2, None), 0,
    22, -1, -23, torch.tensor([22, 0, 5, 5, 4, 14]), torch.tensor([], dtype=torch.long),
    torch.arange(COUNT) % 3 == 0,
]  # fmt: skip


@pytest.mark.parametrize("rows", ROWS, ids=str)
def test_rows_are_those_of_a_tensor(rows, folder, pictures):
    found = in_folder(folder)
    assert torch.equal(found[rows], pictures[rows])
    assert found.shape == pictures.shape and len(found) == COUNT
    assert found.nbytes == pictures.nbytes


def test_what_is_read_belongs_to_the_reader_and_rows_end(folder, pictures):
    found = in_folder(folder)
    found[3:5].zero_()
    found[torch.tensor([3])].zero_()
    assert torch.equal(found[:], pictures)
    assert torch.equal(torch.stack(list(found)), pictures)
    assert np.array_equal(np.asarray(found), pictures.numpy())
    for row in (COUNT, -COUNT - 1):
        with pytest.raises(IndexError):
            found[row]


def test_a_shard_is_a_file_that_others_can_read(folder, pictures):
    parts = [load_file(file)["pictures"] for file in sorted(folder.iterdir())]
    assert torch.equal(torch.cat(parts), pictures)


@pytest.mark.parametrize("size", [1, 3 * SIDE * SIDE, 7 * 3 * SIDE * SIDE, 10**9])
def test_blocks_are_all_pictures_a_few_at_a_time(size, folder, pictures, monkeypatch):
    monkeypatch.setattr(shards, "BLOCK", size)
    for kept in (in_folder(folder), pictures):
        parts = list(blocks(kept))
        assert torch.equal(torch.cat(parts), pictures)
        assert max(part.nbytes for part in parts) <= max(size, 3 * SIDE * SIDE)


def test_a_set_is_the_same_wherever_it_lies(folder, pictures, monkeypatch):
    monkeypatch.setattr(shards, "BLOCK", 4 * 3 * SIDE * SIDE)
    labels = torch.arange(COUNT) % 2
    inside, outside = (
        TrainingSet(kept, labels, ["a", "b"]) for kept in (pictures, in_folder(folder))
    )
    assert inside.sha256 == outside.sha256
    loaded = outside.on(torch.device("cpu"))
    assert torch.equal(loaded.pictures, pictures) and torch.equal(loaded.labels, labels)
    some = torch.tensor([20, 1])
    assert torch.equal(outside.rows(some).pictures, pictures[some])
    assert outside.rows(some).labels.tolist() == [0, 1]
    other = TrainingSet(pictures, labels.flip(0) * 0, ["a", "b"])
    assert other.sha256 != inside.sha256


def test_files_that_are_no_set_are_refused(folder, tmp_path):
    files = sorted(folder.iterdir())
    with pytest.raises(ValueError, match="are no set"):
        Shards([])
    with pytest.raises(ValueError, match="are no set"):
        Shards([files[-1], files[0]])  # the shorter one is not the last
    (tmp_path / "other").mkdir()
    with ShardWriter(tmp_path / "other", 4) as writer:
        writer.write(np.zeros((3, 4, 4), np.uint8))
    with pytest.raises(ValueError, match="different sizes"):
        Shards([files[0], *(tmp_path / "other").iterdir()])
    files[2].write_bytes(files[2].read_bytes()[:-1])
    with pytest.raises(SafetensorError):
        Shards(files)
