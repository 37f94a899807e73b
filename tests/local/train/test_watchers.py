"""What looks on must not end the training: a disk that is full is said, and the run goes on."""

import errno

import numpy as np
import pytest

from local.tensorboard import TensorBoard
from local.train.watchers import OnDisk, RunFolder

RECORD = {"step": 3, "kimg": 0.1, "loss_d": 1.0}
PICTURES = np.zeros((4, 16, 16, 3), np.uint8)


@pytest.fixture
def full(tmp_path):
    """A run's folder whose log lies on a full disk."""
    folder = RunFolder(tmp_path, 0)
    folder.log.symlink_to("/dev/full")
    return folder


def test_a_full_disk_is_said_once_and_the_others_are_told(full, tmp_path, capsys):
    board = TensorBoard(tmp_path, 0)
    both = OnDisk(tmp_path, full, board)
    both.tick(RECORD)
    both.scores(RECORD, {"fid": 90.0})
    both.pictures(RECORD, "samples", PICTURES)
    said = capsys.readouterr().err.splitlines()
    why = "log, grids or curves cannot be written (No space left on device)"
    assert said == [f"{tmp_path}: {why}; the training goes on, make room there"]
    assert (tmp_path / "samples" / "step-000000003.png").is_file()
    (events,) = (tmp_path / "tensorboard").iterdir()
    assert b"loss_d" in events.read_bytes() and b"fid" in events.read_bytes()


def test_what_tensorboards_thread_dies_of_is_one_line_too(tmp_path, monkeypatch, capsys):
    from tensorboard.summary.writer.record_writer import RecordWriter

    def write(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    board = OnDisk(tmp_path, TensorBoard(tmp_path, 0))
    monkeypatch.setattr(RecordWriter, "write", write)
    for _ in range(3):
        board.tick(RECORD)
    (said,) = capsys.readouterr().err.splitlines()
    assert "No space left on device" in said and "Traceback" not in said


def test_other_errors_are_not_the_disks(full, tmp_path):
    with pytest.raises(TypeError):
        OnDisk(tmp_path, full).tick({"step": object()})
