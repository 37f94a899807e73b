"""How a command ends: by a line and a code, and without a word where nobody reads it."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.errors import UNREAD, InputError, guarded


@contextlib.contextmanager
def unread() -> Iterator[None]:
    """Within it stdout is a pipe whose reader has left."""
    reading, writing = os.pipe()
    os.close(reading)
    # Its own end would raise, had anything been left to be written.
    with os.fdopen(writing, "w") as stdout, contextlib.redirect_stdout(stdout):
        yield


def prints(text: str) -> int:
    print(text)
    return 0


def refuse(text: str = "") -> int:
    print(text)
    raise InputError("what is wrong")


@pytest.mark.parametrize("size", [1, 10**6])  # kept until the end, or written at once
def test_results_that_nobody_reads_end_it_quietly(capsys, size):
    with unread():
        assert guarded("kit", lambda: prints("x" * size)) == UNREAD
    assert capsys.readouterr().err == ""


def test_help_that_nobody_reads(capsys):
    def helps() -> int:
        print("use: kit")
        raise SystemExit(0)  # as argparse ends

    with unread():
        assert guarded("kit", helps) == UNREAD
    assert capsys.readouterr().err == ""


def test_what_is_wrong_is_said_to_whoever_reads_no_results(capsys):
    with unread():
        assert guarded("kit", lambda: refuse("x")) == 2
    assert capsys.readouterr().err == "kit: what is wrong\n"


def test_another_broken_pipe_is_a_failure(capsys):
    def work() -> int:
        raise BrokenPipeError("a worker is gone")

    assert guarded("kit", work) == 1
    assert capsys.readouterr().err == "kit: a worker is gone\n"
    reading, writing = os.pipe()
    with (
        os.fdopen(reading),
        os.fdopen(writing, "w") as stdout,
        contextlib.redirect_stdout(stdout),
    ):
        assert guarded("kit", work) == 1
    assert capsys.readouterr().err == "kit: a worker is gone\n"


def test_results_that_find_no_room_are_a_failure(capsys):
    with Path("/dev/full").open("w") as full, contextlib.redirect_stdout(full):
        assert guarded("kit", lambda: prints("x")) == 1
    assert "kit: results cannot be written: [Errno 28]" in capsys.readouterr().err


def test_usual_ends():
    assert guarded("kit", lambda: prints("x")) == 0
    assert guarded("kit", refuse) == 2
    with pytest.raises(SystemExit):
        guarded("kit", lambda: sys.exit(3))

    def interrupted() -> int:
        raise KeyboardInterrupt

    assert guarded("kit", interrupted) == 130
