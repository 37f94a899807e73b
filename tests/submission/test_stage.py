"""Staged rehearsals: a faster clock, fewer pictures; and that nothing else is different."""

import pytest
from helpers import ROOT

from local.errors import InputError
from submission.isolation import BLOCKED_SOCKETS, NETWORKS
from submission.rehearsal_staging import Staging
from submission.rehearse import rehearse

COUNT = 5


@pytest.mark.slow
def test_all_clocks_run_faster_and_all_waits_end_sooner(kernel, data):
    path = kernel("""
        import threading, queue
        clocks = {name: getattr(time, name) for name in ("monotonic", "perf_counter", "time")}
        clocks |= {name + "_ns": lambda name=name: getattr(time, name + "_ns")() / 1e9
                   for name in list(clocks)}
        def wait_for_a_queue():
            try:
                queue.Queue().get(timeout=50)
            except queue.Empty:
                pass
        waits = lambda: time.sleep(50), lambda: threading.Event().wait(50), wait_for_a_queue
        took = {}
        for wait in waits:
            before = {name: clock() for name, clock in clocks.items()}
            wait()
            for name, clock in clocks.items():
                took.setdefault(name, []).append(clock() - before[name])
        finish(took=took)
    """)
    report = rehearse(path, data, 2000, staging=Staging(speed=100), count=COUNT)
    assert report.failures == []
    assert len(report.result["took"]) == 6
    for spans in report.result["took"].values():
        assert all(50 <= span < 1000 for span in spans)
    assert report.real_seconds < 20
    assert report.total_seconds == pytest.approx(100 * report.real_seconds)
    assert report.staged == {"speed": 100}


@pytest.mark.slow
def test_the_limit_counts_on_the_faster_clock(kernel, data):
    report = rehearse(
        kernel("time.sleep(100_000)"), data, 120, staging=Staging(speed=100), count=COUNT
    )
    assert report.failures[0] == "still running at the limit: killed, as on Kaggle"
    assert 1.2 <= report.real_seconds < 10
    assert report.total_seconds >= report.limit == 120


@pytest.mark.parametrize("networks", [NETWORKS, (BLOCKED_SOCKETS,)], ids=["best", "blocked"])
def test_a_staged_kernel_is_run_like_a_plain_one(kernel, data, networks):
    path = kernel("""
        assert __name__ == "__main__" and sys.modules["__main__"].__file__ == __file__
        assert Path(__file__).parts[-2:] == ("src", "script.py")
        assert sys.flags.isolated and sys.argv == [__file__]
        assert not {"submission", "stage", "faults"} & sys.modules.keys()
        assert not any(Path(place, "stage.py").exists() for place in sys.path)
        finish()
        raise SystemExit(3)
    """)
    staging = Staging(speed=2)
    report = rehearse(path, data, 40, staging=staging, count=COUNT, networks=networks)
    assert report.failures == ["exit code 3: " + report.log[-1]]
    assert report.archive is not None


def test_the_archive_that_a_kernel_carries_has_as_many_pictures_as_asked(carrying, data):
    sources = {
        "submission/__init__.py": "",
        "submission/archive.py": (ROOT / "submission" / "archive.py").read_text(),
        "local/__init__.py": "",
        "local/images.py": """
            from submission import archive
            def number(count=archive.COUNT):
                return count
        """,
    }
    body = """
        import numpy
        from local import images
        from submission import archive
        chance = numpy.random.default_rng(0)
        pictures = chance.integers(0, 256, (images.number(), 64, 64, 3), numpy.uint8)
        archive.write(Path("images.zip"), [pictures], {})
        summary = archive.check(Path("images.zip"))
        print(json.dumps({"images": summary.images, "seconds": {}}))
    """
    report = rehearse(carrying(sources, body), data, 60, staging=Staging(images=7))
    assert report.failures == []
    assert report.archive is not None
    assert report.archive["images"] == report.result["images"] == 7
    assert report.staged == {"images": 7}


def test_fewer_pictures_than_asked_are_caught(kernel, data):
    report = rehearse(kernel("finish(6)"), data, 20, staging=Staging(images=7))
    assert report.failures == ["images.zip: 6 pictures, 7 are asked for"]


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_speed_that_is_none_is_refused(speed):
    with pytest.raises(InputError, match="speed"):
        Staging(speed=speed)


def test_no_pictures_are_refused():
    with pytest.raises(InputError, match="images=0"):
        Staging(images=0)
