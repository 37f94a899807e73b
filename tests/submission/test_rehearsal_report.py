"""The budget of a rehearsal as people read it."""

from dataclasses import replace

from submission.rehearsal_report import Report, budget, text, timeline

PHASES = {"start": 2.0, "data": 4.0, "train": 70.0, "sample": 5.0, "write": 9.0}
REPORT = Report(
    ok=True,
    failures=[],
    kernel_sha256="ab" * 32,
    staged={},
    isolation={"network": "none"},
    limit=100.0,
    total_seconds=91.0,
    real_seconds=91.0,
    seconds=PHASES,
    timeline=timeline(PHASES, 91.0, 100.0),
    exit_code=0,
    peak_memory=2**30,
    memory_limit=30.0,
    pictures=3,
    archive=None,
    result={},
    log=[],
    out=None,
)


def test_the_timeline_has_every_phase_and_adds_up_to_the_limit():
    spans = REPORT.timeline
    assert [span.phase for span in spans] == [*PHASES, "uncounted", "spare"]
    assert sum(span.seconds for span in spans) == 100
    assert sum(span.share for span in spans) == 1


def test_nothing_is_spare_after_the_limit_and_a_silent_kernel_is_uncounted():
    assert [(s.phase, s.seconds) for s in timeline({}, 7.0, 5.0)] == [
        ("uncounted", 7.0),
        ("spare", 0.0),
    ]


def test_each_phase_is_a_bar_of_its_share():
    assert budget(REPORT) == [
        "time       91.0 s of 100 s",
        "start             2.0 s    2.0%  #",
        "data              4.0 s    4.0%  #",
        "train            70.0 s   70.0%  #####################",
        "sample            5.0 s    5.0%  ##",
        "write             9.0 s    9.0%  ###",
        "uncounted         1.0 s    1.0%",
        "spare             9.0 s    9.0%  ...",
    ]


def test_real_time_stands_beside_that_of_a_faster_clock():
    lines = budget(replace(REPORT, staged={"speed": 100.0}, real_seconds=0.91))
    assert lines[0] == "time       91.0 s of 100 s; in real time 0.9 s, 100 times less"
    assert lines[3] == "train            70.0 s   70.0%  real     0.70 s  #####################"


def test_the_verdict_comes_last_and_says_what_was_staged():
    assert text(REPORT).splitlines()[-1].startswith("passed: this kernel")
    staged = replace(REPORT, staged={"speed": 100.0, "images": 200, "inject": ["nan@5"]})
    assert "speed 100, images 200, nan@5" in text(staged).splitlines()[-1]
    failed = replace(REPORT, ok=False, failures=["one", "two"])
    assert text(failed).splitlines()[-2:] == ["failed: one", "failed: two"]
