"""A kernel's log in every form that Kaggle or a rehearsal gives it: both readers find the same."""

import json

import pytest
from kaggle_server import log_events

from local.report import kernel_log
from submission.printed import last_line, parse_events, printed

TOLD = {"images": 10_000, "recipe": {"name": "dcgan"}, "seconds": {"train": 90.0, "write": 10.0}}
LINES = ["kimg 1.0", '{"images": 3}', json.dumps(TOLD)]
NOISE = log_events("a warn", "ing\n", stream="stderr")


def one_line(lines):
    return json.dumps(log_events(*(f"{line}\n" for line in lines)))


def a_line_each(lines):
    events = map(json.dumps, log_events(*(f"{line}\n" for line in lines)))
    return "[" + "\n,".join(events) + "\n]"


def cut(lines):
    """Events end anywhere, and what was written on standard error lies between."""
    text = "".join(f"{line}\n" for line in lines)
    first, second = log_events(text[:-50], text[-50:])
    return json.dumps([NOISE[0], first, NOISE[1], second])


def plain(lines):
    return "\n".join(lines)


@pytest.mark.parametrize("form", [one_line, a_line_each, cut, plain])
def test_the_last_line_is_found_by_both_readers(tmp_path, form):
    (tmp_path / "other.txt").write_text("nothing")
    (tmp_path / "slug.log").write_text(form(LINES))
    assert printed(tmp_path / "slug.log") == LINES
    assert last_line(printed(tmp_path / "slug.log")) == TOLD
    assert kernel_log.last_line(tmp_path) == TOLD


@pytest.mark.parametrize("text", ["[1]", '{"a": 1}', '[{"data": 1}]', "7", "[" * 100_000])
def test_what_is_no_list_of_events_is_plain(text):
    assert parse_events(text, "stdout") == [text]


def test_both_streams_come_in_the_order_of_their_writing():
    events = [*log_events("one\n"), *NOISE, *log_events("two")]
    assert parse_events(json.dumps(events)) == ["one", "a warning", "two"]


def test_a_log_that_is_not_there_has_no_lines(tmp_path):
    assert printed(tmp_path / "gone.log") == []
    assert parse_events("") == []


@pytest.mark.parametrize(
    "line",
    ["", "[]", '{"seconds": {}}', '{"images": 1}', '{"images": 1, "seconds": {"train": "long"}}'],
)
def test_what_is_no_result(line):
    assert last_line([json.dumps(TOLD), line]) == (TOLD if not line else None)
