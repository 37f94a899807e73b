"""A version submitted once, by the real client; its score waited for; what Kaggle refuses."""

import json
import sqlite3

import pytest
from kaggle_server import KEY, Fault, Lost

from local.errors import InputError
from local.lock import exclusive
from submission import client, ledger, pace
from submission.__main__ import main
from submission.client_errors import answered
from submission.client_output import Exchange
from submission.ledger import VERSION, Ledger
from submission.submit_list import ERROR, PENDING, listed
from submission.submit_send import explained

KERNEL = "me/slug-one"
DAILY = (
    "Submission not allowed: Your team has used its daily Submission allowance (5) today, please "
    "try again tomorrow UTC (3 hours from now)."
)


@pytest.fixture
def home(kaggle, tmp_path, monkeypatch):
    """Version 2 of a kernel on Kaggle, pulled and found valid: row 1."""
    monkeypatch.setattr(ledger, "FILE", tmp_path / "ledger.sqlite")
    kaggle.kernels[KERNEL] = ["source of v1", "source of v2"]
    values = {"recipe": "dcgan", "commit": "b2" * 20, "dirty": False}
    Ledger().add(VERSION, kernel=KERNEL, version=2, ok=True, **values)
    return kaggle


def submit(*words: str) -> int:
    """Runs the command; pauses do not last, so a wait without end would ask without end."""
    return main(["submit", KERNEL, "--timeout", "100", *words])


def scored(ref: int = 1000, **more: object) -> dict:
    """Kaggle's list, with a submission that is scored."""
    about = {"ref": ref, "date": "2026-11-20T10:00:00Z", "status": "COMPLETE"}
    scores = {"publicScore": "62.5", "privateScore": "121.25"}
    return {"submissions": [about | scores | more]}


@pytest.mark.slow
def test_a_submission_is_scored_and_remembered(home, capsys):
    home.on("GetSubmissionLimits", Fault(429, "slowly", {"Retry-After": "7"}))
    home.on("ListSubmissions", None, None, Fault(500), None, scored())
    assert submit() == 0  # the latest
    shown = capsys.readouterr()
    (asked,) = home.asked("CreateCodeSubmission")
    assert asked["kernelOwner"] == "me"
    assert asked["kernelSlug"] == "slug-one"
    assert asked["kernelVersion"] == 2
    assert asked["fileName"] == "images.zip"
    assert asked["competitionName"] == "generative-dog-images"
    assert asked["submissionDescription"] == "me/slug-one v2: dcgan, b2b2b2b2b2b2"
    assert "me/slug-one version 2: scored" in shown.out
    assert "public     62.5" in shown.out
    assert home.waits[0] == 7
    assert all(30 <= wait <= 300 for wait in home.waits[1:])  # politely
    row = Ledger().row(1)
    assert (row.submission, row.public, row.private) == ("1000", 62.5, 121.25)

    home.on("ListSubmissions", scored())
    assert submit("--version", "2", "--json") == 0
    shown = capsys.readouterr()
    assert "was submitted, as 1000; once more: --force" in shown.err
    assert json.loads(shown.out)["private"] == 121.25
    assert len(home.asked("CreateCodeSubmission")) == 1

    assert KEY not in shown.out + shown.err
    with sqlite3.connect(ledger.FILE) as connection:
        assert KEY not in "".join(connection.iterdump())


@pytest.mark.slow
def test_a_submission_without_an_answer_is_looked_up_and_not_made_again(home, capsys):
    home.on("CreateCodeSubmission", Lost(done=True))
    home.on("ListSubmissions", None, None, scored())
    assert submit("--version", "2", "-m", "-first try") == 0
    assert [each["description"] for each in home.submissions] == ["me/slug-one v2: -first try"]
    assert "Kaggle took it all the same, as 1000" in capsys.readouterr().err
    assert Ledger().row(1).submission == "1000"


@pytest.mark.slow
def test_a_submission_that_no_ledger_knows_is_not_made_again(home, capsys):
    other = scored(7, description="me/slug-one v22")["submissions"]
    ours = scored(8, description="me/slug-one v2: dcgan")["submissions"]
    home.always("ListSubmissions", {"submissions": other + ours})
    assert submit("--version", "2") == 0
    assert "version 2 was submitted, as 8; once more: --force" in capsys.readouterr().err
    assert home.asked("CreateCodeSubmission") == []
    assert (Ledger().row(1).submission, Ledger().row(1).public) == ("8", 62.5)


def test_two_at_once_do_not_submit_twice(home, tmp_path, capsys):
    with exclusive(tmp_path):  # where the ledger lies: another one is submitting
        assert submit("--version", "2") == 2
    assert "another run is at work there" in capsys.readouterr().err
    assert home.received == []


@pytest.mark.slow
def test_a_submission_that_kaggle_did_not_take_is_made_again(home):
    home.on("CreateCodeSubmission", Lost(), Fault(503))
    home.on("ListSubmissions", None, None, None, scored())
    assert submit("--version", "2") == 0
    assert len(home.asked("CreateCodeSubmission")) == 3
    assert len(home.submissions) == 1


@pytest.mark.slow
def test_another_submission_in_the_meantime_is_not_taken_for_ones_own(home, capsys):
    home.on("CreateCodeSubmission", Lost())
    home.on("ListSubmissions", {"submissions": []}, scored(77, description="of a team mate"))
    assert submit("--version", "2") == 1
    assert "77 is new and may be it: see https" in capsys.readouterr().err.splitlines()[-1]
    assert len(home.asked("CreateCodeSubmission")) == 1
    assert Ledger().row(1).submission is None


@pytest.mark.slow
def test_a_version_that_is_not_valid_takes_force_which_is_noted(home, capsys):
    Ledger().update(1, ok=False, forced="no rehearsal")
    assert submit("--version", "2") == 2
    shown = capsys.readouterr()
    assert "version 2 is no valid submission: python -m submission pull --version 2" in shown.err
    assert home.received == []
    home.on("ListSubmissions", None, scored())
    assert submit("--version", "2", "--force") == 0
    row = Ledger().row(1)
    assert (row.public, row.forced) == (62.5, "no rehearsal, submitted though not valid")
    home.on("ListSubmissions", None, scored(1001))
    assert submit("--version", "2", "--force") == 0
    row = Ledger().row(1)
    assert row.submission == "1001"
    assert row.forced == "no rehearsal, submitted though not valid, submitted once more"


@pytest.mark.slow
def test_a_score_that_does_not_come_in_time(home, monkeypatch, capsys):
    monkeypatch.setattr(pace, "clock", lambda: sum(home.waits))
    assert submit("--version", "1", "--timeout", "20") == 1
    assert home.waits == [20]
    shown = capsys.readouterr()
    assert "warning: nobody has looked at what version 1 made" in shown.err
    last = shown.err.splitlines()[-1]
    assert "1000 has no score after 0:20: python -m submission submit waits on" in last
    row = Ledger().row(2)  # a version that the ledger did not know
    assert (row.version, row.submission, row.public) == (1, "1000", None)


@pytest.mark.slow
def test_a_submission_that_kaggle_cannot_score(home, capsys):
    Ledger().note(1, "heads alone")
    failed = scored(status="ERROR", publicScore="", errorDescription="Evaluation  Exception")
    home.on("ListSubmissions", None, failed, failed)
    words = "Kaggle could not score 1000: Evaluation Exception"
    for _ in range(2):  # the second time it is only looked at, and noted once
        assert submit("--version", "2") == 1
        assert words in capsys.readouterr().err.splitlines()[-1]
        assert Ledger().row(1).note == f"heads alone; {words}"
    assert Ledger().row(1).public is None


@pytest.mark.slow
def test_no_submissions_are_left_today(home, capsys):
    home.on("GetSubmissionLimits", {"numToday": 5, "numAllowedNow": 0})
    assert submit("--version", "2") == 2
    assert "no submissions are left today" in capsys.readouterr().err
    assert home.asked("CreateCodeSubmission") == []


@pytest.mark.slow
def test_a_competition_that_is_closed(home, capsys):
    nothing = {"numToday": 0, "numAllowedNow": 0}  # says Kaggle to who is in no team, too
    home.on("GetSubmissionLimits", nothing)
    home.on("CreateCodeSubmission", Fault(400, "The competition does not accept late submissions"))
    assert submit("--version", "2") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "Kaggle takes no submissions to generative-dog-images any more (400: The comp" in last
    assert Ledger().row(1).submission is None


def refused(status: int, why: str, command: str = "kaggle competitions submit") -> client.Refused:
    error = answered(status, why, 0.0, command)
    assert isinstance(error, client.Refused)
    return error


@pytest.mark.parametrize(
    ("error", "kind", "said"),
    [
        (refused(400, DAILY), InputError, "no more submissions today (400: Submission not"),
        (refused(400, "The deadline has passed"), client.Failed, "any more (400: The deadline"),
        (refused(403, "Late submissions are over."), client.Failed, "any more (403: Late"),
        (refused(404, "Not found"), client.Failed, "no such version to submit, or takes no"),
        (refused(400, "A daily one"), InputError, "try again tomorrow"),
    ],
)
def test_what_kaggle_says_against_a_submission(error, kind, said):
    explanation = explained(error)
    assert type(explanation) is kind
    assert said in str(explanation)


@pytest.mark.parametrize(
    "error",
    [
        refused(403, "You must accept this competition's rules"),  # whose help says Late Submission
        refused(400, "Wrong file"),
        refused(400, "Wrong file", "kaggle competitions submit --message=closed today"),
        client.Refused("no credentials for Kaggle"),
    ],
)
def test_what_says_enough_stays_as_it_is(error):
    assert explained(error) is error


def test_what_kaggles_list_says(monkeypatch):
    def said(body: dict, text: str = "") -> None:
        exchanges = (Exchange("ListSubmissions", 200, 0.0, body),)
        monkeypatch.setattr(client, "ask", lambda *_, **__: client.Said(0, text, "", exchanges))

    said({"submissions": [{"ref": 7}, {"ref": 8, "status": "error", "publicScore": "nan"}]})
    first, second = listed()
    assert (first.id, first.state, first.public, first.message) == ("7", PENDING, None, "")
    assert (second.state, second.public) == (ERROR, None)
    said({}, "No submissions found")
    assert listed() == []
    said({}, "something else")  # an empty list here would let a submission be made twice
    with pytest.raises(client.Failed, match="something else"):
        listed()
