"""The real client against a Kaggle of one's own: what goes wrong is said so that it helps."""

import base64
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from kaggle_server import KEY, TOKEN, USER, Fault, KaggleServer, Lost, client_mends

from local.errors import InputError
from submission import client, kernels
from submission.client_output import read

KERNEL = "me/slug-one"
LIST = ("competitions", "submissions", client.COMPETITION, "--format", "json")
BASIC = base64.b64encode(f"{USER}:{KEY}".encode()).decode()

pytestmark = pytest.mark.usefixtures("kaggle_home")  # without any of this machine's credentials

REQUEST = f"""\
---------------------Request----------------------
POST http://localhost/api/v1/kernels.KernelsApiService/GetKernelSessionStatus
Accept: */*
Content-Type: application/json
Authorization: Basic {BASIC}

b'{{"userName": "me", "kernelSlug": "slug-one"}}'
--------------------------------------------------
"""


def response(status: int, body: str, headers: str = "Content-Type: application/json") -> str:
    dashes = "-" * 21
    return f"{dashes}Response{dashes}\n{status}\n{headers}\n\n{body}\n{'-' * 50}\n"


def failed(stdout: str = "", stderr: str = "", code: int | None = 1) -> Exception:
    error = client.trouble(read(code, stdout, stderr), "kaggle X", 120)
    assert error is not None
    assert KEY not in str(error) and BASIC not in str(error)
    assert "\n" not in str(error)
    return error


def explained(status: int, message: str, headers: str = "Server: x") -> Exception:
    body = f'{{"code": {status}, "message": "{message}"}}'
    return failed(REQUEST + response(status, body, headers), message)


# --- Recorded output: quick -----------------------------------------------------------------------


def test_what_the_client_exchanges_is_read_and_dropped() -> None:
    answer = response(200, '{"status": "RUNNING"}')
    said = read(
        0, f"{REQUEST}{answer}me/slug-one has status", "DEBUG:kaggle.api:Authenticated\nwords\n"
    )
    assert (said.text, said.errors) == ("me/slug-one has status", "words")
    assert said.body("GetKernelSessionStatus") == {"status": "RUNNING"}
    assert said.body("SaveKernel") == {}
    assert BASIC not in repr(said)


def test_an_ended_client_leaves_no_half_request() -> None:
    for end in range(20, len(REQUEST)):
        assert BASIC not in repr(read(None, REQUEST[:end], ""))


def test_of_the_clients_own_warnings_only_results_are_left() -> None:
    said = read(
        0,
        "Warning: Your Kaggle API key is readable by other users on this system! To fix this, you "
        "can run 'chmod 600 /x'\nWarning: Looks like you're using an outdated `kaggle` version\n[]",
        "",
    )
    assert said.text == "[]"


ADVICE = {  # of 2.2.5, by status
    403: "You don't have access to this resource.\nIf this is a competition, you may need to "
    "accept its rules first at\n  https://www.kaggle.com/competitions/<competition>/rules",
    404: "The resource was not found. Check the spelling of the reference you passed.\nReferences "
    "are usually '<owner>/<slug>', which you can find in the resource's URL.\nTo search for one, "
    "try 'kaggle search <query>'.",
    429: "You have been rate limited. Wait a little while before retrying.",
    502: "This is a problem on Kaggle's side, not with your command. Please try again later.",
}
BUG = (
    "If this is unexpected, you can re-run with `kaggle --debug [command]` to see the full\n"
    "traceback. If you think this is a bug, please report it at https://github.com/x"
)


@pytest.mark.parametrize("status", ADVICE)
def test_the_clients_advice_is_not_taken_for_kaggles_words(status: int) -> None:
    words = f"{status} Client Error: Unhappy for url: http://localhost/api"
    error = failed(
        REQUEST + response(status, "<html>sorry</html>"), f"{words}\n\n{ADVICE[status]}\n"
    )
    assert f"{status}: {words})" in str(error)
    assert getattr(error, "status", None) == status


def test_nor_is_its_advice_about_a_bug_of_its_own() -> None:
    broken = failed(stderr=f"KeyError: 'x'\n\n{BUG}\n")
    assert type(broken) is client.Failed
    assert str(broken) == "kaggle X failed: KeyError: 'x'"


@pytest.mark.parametrize(
    ("exit_code", "statuses", "bad"),
    [
        (0, (200, 503, 206), None),  # 2.2.5: broke off, tried again, whole
        (0, (200, 416, 200), None),
        (0, (503,), 503),  # before: the error page lies in the file
        (1, (503,), 503),
        (1, (200, 403, 403), 403),
    ],
)
def test_the_last_answer_for_a_file_counts(
    exit_code: int, statuses: tuple[int, ...], bad: int | None
) -> None:
    address = "/files/1.bin?signature=abc"
    logged = 'DEBUG:urllib3.connectionpool:http://localhost:80 "GET {} HTTP/1.1" {} 9'
    lines = [logged.format("/files/0.bin?signature=abc", 200)]
    lines += [logged.format(address, status) for status in statuses]
    error = client.trouble(read(exit_code, "", "\n".join(lines)), "kaggle X", 120)
    assert getattr(error, "status", None) == bad
    assert isinstance(error, client.Unreachable) == (bad is not None)


@pytest.mark.parametrize(
    ("message", "advice"),
    [
        ("You must accept this competition's rules", client.RULES + " and click"),
        ("Phone verification is required", r"www.kaggle.com/settings \(Phone"),
        ("Permission 'kernels.get' was denied", "check owner and slug"),
        ("Forbidden", "check owner and slug.*click.*Phone"),
    ],
)
def test_403_says_what_to_click(message: str, advice: str) -> None:
    error = explained(403, message)
    assert isinstance(error, client.Refused)
    assert error.status == 403
    assert re.search(advice, str(error))


def test_statuses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    for status, kind, words in (
        (400, client.Refused, "refuses"),
        (401, client.Refused, "KAGGLE_USERNAME with KAGGLE_KEY.*settings/api"),
        (404, client.Refused, "owner and slug.*kernel-metadata.json"),
        (500, client.Unreachable, "trouble of its own"),
        (503, client.Unreachable, "trouble of its own"),
        (429, client.Unreachable, "too often"),
    ):
        error = explained(status, "scripted", "retry-after: 17")
        assert type(error) is kind
        assert error.status == status
        assert re.search(words, str(error))
        if isinstance(error, client.Unreachable):
            assert error.wait == 17


@pytest.mark.parametrize(
    ("headers", "wait"),
    [
        (["Date: {now}", "Retry-After: Wed, 25 Nov 2026 00:01:30 GMT"], 90),
        (["Date: {now}", "Retry-After: Wednesday, 25-Nov-26 00:00:07 GMT"], 7),  # an older form
        (["Date: {now}", "Retry-After: Tue, 24 Nov 2026 00:00:00 GMT"], 0),  # over by now
        (["Retry-After: Tue, 24 Nov 2020 00:00:00 GMT"], 0),  # by our own clock
        (["Date: nonsense", "Retry-After: soon"], 0),
        (["Date: {now}"], 0),
    ],
)
def test_retry_after_may_name_a_date(headers: list[str], wait: float) -> None:
    """By Kaggle's clock, where it tells the time."""
    text = "\n".join(headers).format(now="Wed, 25 Nov 2026 00:00:00 GMT")
    error = explained(429, "slow", text)
    assert isinstance(error, client.Unreachable)
    assert error.wait == wait


def test_a_client_that_prints_no_exchanges_is_understood_too() -> None:
    error = failed(stderr="404 Client Error: Not Found for url: http://localhost/api")
    assert isinstance(error, client.Refused)
    assert error.status == 404
    for words in (
        "HTTPConnectionPool(host='x', port=80): Max retries exceeded with url: /",
        "('Connection aborted.', RemoteDisconnected('Remote end closed'))",
        "('Connection broken: IncompleteRead(5000 bytes read, 95000 more expected)',)",
        "HTTPSConnectionPool(host='x', port=443): Read timed out.",
    ):
        assert isinstance(failed(stderr=words), client.Unreachable)


def test_other_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = failed(code=None)
    assert isinstance(lost, client.Unreachable)
    assert lost.status is None
    assert isinstance(failed(stdout=REQUEST), client.Unreachable)  # never answered
    old = failed(stderr="kaggle: error: unrecognized arguments: --format json", code=2)
    assert type(old) is InputError
    assert "too old" in str(old) and "pip install --upgrade" in str(old)
    broken = failed(stderr="Traceback (most recent call last):\nKeyError: 'x'")
    assert type(broken) is client.Failed
    out = failed(stdout=client_help())
    assert "no credentials for Kaggle" in str(out)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    ignoring = 'DEBUG:kaggle.api:Ignoring invalid/expired access token in "KAGGLE_API_TOKEN".'
    expired = failed(stdout=client_help(), stderr=ignoring)
    assert isinstance(expired, client.Refused)
    assert "KAGGLE_API_TOKEN holds has expired" in str(expired)


def client_help() -> str:
    return "Authentication required to call the Kaggle API.\n\nFirst, you will need"


def test_retries_wait_longer_each_time_and_obey_kaggle(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(client, "pause", waits.append)
    answers = [
        client.Unreachable("lost"),
        client.Unreachable("slow", 429, 60),
        client.Unreachable("lost"),
        7,
    ]

    def work() -> int:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert client.persist(work) == 7
    assert waits == [5, 60, 20]
    assert "slow; try 3 of 6 in 60 s" in capsys.readouterr().err
    answers += [client.Unreachable("lost", 500)] * 9
    with pytest.raises(client.Unreachable):
        client.persist(work)
    assert len(answers) == 3
    waits.clear()
    answers[:] = [client.Unreachable("tomorrow", 429, 40_000), 7]
    with pytest.raises(client.Unreachable):
        client.persist(work)
    answers[:] = [client.Refused("no"), 7]
    with pytest.raises(client.Refused):
        client.persist(work)
    assert waits == []


def test_a_missing_client_is_said(kaggle_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(kaggle_home / "python"))
    monkeypatch.setenv("PATH", str(kaggle_home))
    with pytest.raises(InputError, match="not installed: pip install"):
        client.ask("quota")
    other = kaggle_home / "kaggle"  # on PATH: an old client, which knows no quota
    other.write_text("#!/bin/sh\necho \"kaggle: error: invalid choice: 'quota'\" >&2\nexit 2\n")
    other.chmod(0o755)
    with pytest.raises(InputError, match="too old for `kaggle quota`"):
        client.ask("quota")


@pytest.mark.parametrize(
    ("text", "state", "failure"),
    [
        ('me/slug-one has status "KernelWorkerStatus.RUNNING"', "RUNNING", ""),
        ('me/slug-one has status "complete"', "COMPLETE", ""),
        (
            'me/slug-one has status "KernelWorkerStatus.ERROR"\nFailure message: "out of memory"',
            "ERROR",
            "out of memory",
        ),
    ],
)
def test_states(monkeypatch: pytest.MonkeyPatch, text: str, state: str, failure: str) -> None:
    monkeypatch.setattr(client, "ask", lambda *_: read(0, text, ""))
    session = kernels.session(KERNEL)
    assert (session.state, session.failure) == (state, failure)


# --- The real client ------------------------------------------------------------------------------


@pytest.mark.slow
def test_every_fault_of_an_answer(kaggle: KaggleServer) -> None:
    faults: list[tuple[Fault | Lost, type[Exception], str]] = [
        (Fault(401), client.Refused, "does not take the credentials"),
        (Fault(403, "You must accept the rules"), client.Refused, "I Understand and Accept"),
        (Fault(404, "Not found"), client.Refused, "404: Not found"),
        (Fault(429, "slow", {"Retry-After": "7"}), client.Unreachable, "429: slow"),
        (Fault(500), client.Unreachable, "500: scripted"),
        (Fault(502, explained=False), client.Unreachable, "502: 502 Server Error"),
        (Lost(), client.Unreachable, "no connection.*RemoteDisconnected"),
    ]
    for fault, kind, words in faults:
        kaggle.on("ListSubmissions", fault)
        with pytest.raises(kind, match=words) as caught:
            client.ask(*LIST)
        assert getattr(caught.value, "status", None) == getattr(fault, "status", None)
        assert getattr(caught.value, "wait", 0) in (0, 7)
        assert KEY not in str(caught.value)
    kaggle.on("ListSubmissions", Fault(429, "slow", {"Retry-After": "17"}))
    assert client.table(*LIST[:3]) == []
    assert kaggle.waits == [17]
    kaggle.on("ListSubmissions", Lost(hang=True))
    with pytest.raises(client.Unreachable, match="no answer from Kaggle in 6 s"):
        client.ask(*LIST, seconds=6)


@pytest.mark.slow
def test_credentials_as_the_client_meets_them(
    kaggle: KaggleServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_KEY")
    with pytest.raises(client.Refused, match="no credentials for Kaggle"):
        client.ask("quota")
    monkeypatch.setenv("KAGGLE_API_TOKEN", "KGAT_it_was_good_once")
    with pytest.raises(client.Refused, match="KAGGLE_API_TOKEN holds has expired") as caught:
        client.ask("quota")
    assert "good_once" not in str(caught.value)
    kaggle.on("IntrospectToken", Fault(401), Fault(401))
    with pytest.raises(client.Refused, match="credentials in KAGGLE_API_TOKEN"):
        client.ask("quota")
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    assert kernels.gpu_hours_left() == (28.5, "2026-11-28T00:00:00")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")  # nothing listens there
    with pytest.raises(client.Unreachable, match="no connection to Kaggle"):
        client.ask("quota")


@pytest.mark.slow
def test_downloads_that_fail_are_errors(kaggle: KaggleServer, tmp_path: Path) -> None:
    """Before 2.2.5 the client writes an error page into the file and exits 0."""
    kaggle.kernels[KERNEL] = ["source"]
    kaggle.files = {f"{number}.bin": bytes([number]) * 100_000 for number in range(3)}
    kaggle.page_size = 2
    words = ("kernels", "output", KERNEL, "-p", str(tmp_path / "output"))
    kaggle.on("file", None, Fault(403, explained=False))
    with pytest.raises(client.Unreachable, match=r"a file did not come \(403; kaggle"):
        client.ask(*words)
    kaggle.cuts["1.bin"] = [5000]
    if client_mends():  # through what comes in between, too: the exit code is 0 and counts
        kaggle.on("file", None, None, Fault(503, explained=False))
    else:
        with pytest.raises(client.Unreachable, match="IncompleteRead"):
            client.ask(*words)
    client.ask(*words)
    for name, content in kaggle.files.items():
        assert (tmp_path / "output" / name).read_bytes() == content


@pytest.mark.slow
def test_a_kernel_is_looked_at(kaggle: KaggleServer) -> None:
    assert kernels.latest(KERNEL) is None
    kaggle.kernels[KERNEL] = ["one", "two\n"]
    latest = kernels.latest(KERNEL)
    assert latest == kernels.Latest(2, hashlib.sha256(b"two\n").hexdigest())
    kaggle.log = ["recipe: x", "kimg 1.0"]
    assert kernels.log(KERNEL) == kaggle.log
    kaggle.state, kaggle.failure = "ERROR", "Your notebook ran out of memory."
    session = kernels.session(KERNEL)
    assert (session.state, session.failure) == ("ERROR", kaggle.failure)
    assert session.ended


PUSHES: dict[str, Callable[[str], bool]] = {
    "Maximum batch GPU session count of 2 reached.": lambda text: "wait for a running" in text,
    "Notebook not found": lambda text: "check `id`" in text,
    "Your GPU quota is exhausted": lambda text: "kaggle quota" in text,
    "Phone verification needed for GPUs": lambda text: "Phone Verification" in text,
    "You have to accept the competition rules": lambda text: client.RULES in text,
}


@pytest.mark.parametrize("why", PUSHES)
def test_refused_pushes_exit_0_and_say_what_to_do(
    monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    said = read(0, f"Kernel push error: {why}\n", "")
    monkeypatch.setattr(client, "ask", lambda *_: said)
    with pytest.raises(client.Refused) as caught:
        kernels.save(Path("kernel"), 60)
    assert why in str(caught.value)
    assert PUSHES[why](str(caught.value))
