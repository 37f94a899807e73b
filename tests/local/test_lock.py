"""One run a folder."""

import errno
import fcntl

import pytest

from local.errors import InputError
from local.lock import exclusive


def test_a_folder_is_held_by_one(tmp_path):
    with exclusive(tmp_path):
        with pytest.raises(InputError, match="another run is at work"), exclusive(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []
    with exclusive(tmp_path):
        pass


def test_a_file_system_without_locks_is_no_reason_to_stop(tmp_path, monkeypatch):
    def none(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", none)
    with exclusive(tmp_path):
        entered = True
    assert entered
