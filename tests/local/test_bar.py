"""The bar of a training, and the lines above it."""

import io

from local.bar import Bar
from local.train.watchers import StatusLine

RECORD = {"kimg": 1.5, "epoch": 0.1, "loss": 0.25, "images_per_second": 90.0, "seconds_left": 61.0}
RECORD |= {"step": 1200, "progress": 0.4}


class Terminal(io.StringIO):
    def isatty(self):
        return True


def told(stream):
    with Bar(stream) as bar:
        for watcher in (StatusLine(bar.lines), bar):
            watcher.tick(RECORD)
            watcher.scores(RECORD, {"quick_kid": 0.5})
    return stream.getvalue()


def test_a_terminal_has_a_bar_below_whole_lines():
    said = told(Terminal())
    assert "trained  40%|" in said and "step 1,200" in said
    assert "0:01:01 left\n" in said


def test_elsewhere_there_are_the_lines_alone():
    lines = told(io.StringIO()).splitlines()
    assert [line.split()[2] for line in lines] == ["epoch", "quick_kid"]
