"""Credentials are found where Kaggle's client finds them, and never shown."""

import base64
import json
from pathlib import Path

import pytest
from kaggle_server import KEY, TOKEN, USER

from local.errors import InputError
from submission import credentials


def put(file: Path, content: str | dict[str, str], mode: int = 0o600) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    file.chmod(mode)
    return file


def test_without_any_it_says_what_to_do(kaggle_home: Path) -> None:
    assert credentials.find() is None
    assert credentials.warnings() == []
    with pytest.raises(InputError, match=r"no credentials.*settings/api.*access_token"):
        credentials.require()


def test_the_order_is_the_clients(kaggle_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the last choice to the first: each new one is taken, and nothing is shown."""
    folder = kaggle_home / ".kaggle"
    steps = []

    def taken(source: str, user: str | None) -> None:
        found = credentials.require()
        assert (found.source, found.user) == (source, user)
        steps.append(repr(found))

    login = {"refresh_token": "refresh-secret", "access_token": "", "username": "browser"}
    taken_from = put(folder / "credentials.json", login)
    taken(str(taken_from), "browser")
    key = put(folder / "kaggle.json", {"username": "filed", "key": "key-in-file"})
    taken(str(key), "filed")
    monkeypatch.setenv("KAGGLE_USERNAME", USER)  # over the file's name, with the file's key
    taken(str(key), USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    taken("KAGGLE_USERNAME with KAGGLE_KEY", USER)
    token = put(folder / "access_token.txt", TOKEN + "\n")
    taken(str(token), None)
    token = put(folder / "access_token", TOKEN + "\n")
    taken(str(token), None)
    monkeypatch.setenv("KAGGLE_API_TOKEN", TOKEN)
    taken("KAGGLE_API_TOKEN", None)
    secrets = ("refresh-secret", "key-in-file", KEY, TOKEN)
    assert not any(secret in step for step in steps for secret in secrets)
    shown = credentials.hidden(" ".join(secrets))
    assert shown == " ".join([credentials.HIDDEN] * 4)


def test_a_key_travels_in_base64_and_is_hidden_so_too(
    kaggle_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAGGLE_USERNAME", USER)
    monkeypatch.setenv("KAGGLE_KEY", KEY)
    header = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
    assert credentials.hidden(f"Authorization: Basic {header}") == "Authorization: Basic [hidden]"


def test_folders_that_the_client_looks_in(
    kaggle_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    legacy = {"username": USER, "key": KEY}
    put(kaggle_home / ".config" / "kaggle" / "kaggle.json", legacy)
    assert credentials.require().user == USER
    (kaggle_home / ".kaggle").mkdir()  # now the client looks here, and here only
    assert credentials.find() is None
    put(kaggle_home / "elsewhere" / "kaggle.json", legacy)
    monkeypatch.setenv("KAGGLE_CONFIG_DIR", str(kaggle_home / "elsewhere"))
    assert credentials.require().user == USER


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o622])
def test_a_file_open_to_others_is_warned_about(kaggle_home: Path, mode: int) -> None:
    file = put(kaggle_home / ".kaggle" / "kaggle.json", {"username": USER, "key": KEY}, mode)
    (warning,) = credentials.warnings()
    assert warning.endswith(f"chmod 600 {file}")
    assert KEY not in warning
    file.chmod(0o600)
    assert credentials.warnings() == []


@pytest.mark.parametrize("content", ["", "no json", "[]", '{"username": "me"}', '{"key": "k"}'])
def test_files_that_hold_nothing_are_none(kaggle_home: Path, content: str) -> None:
    put(kaggle_home / ".kaggle" / "kaggle.json", content)
    put(kaggle_home / ".kaggle" / "access_token", "\n")
    put(kaggle_home / ".kaggle" / "credentials.json", content)
    assert credentials.find() is None


def test_a_token_may_be_the_name_of_a_file(
    kaggle_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = put(kaggle_home / "token", TOKEN, 0o644)
    monkeypatch.setenv("KAGGLE_API_TOKEN", str(file))
    assert credentials.require().source == "KAGGLE_API_TOKEN"
    assert credentials.hidden(TOKEN) == credentials.HIDDEN
    assert credentials.exposed() == [file]
    monkeypatch.setenv("KAGGLE_API_TOKEN", "x" * 5000)  # no file can have this name
    assert credentials.require().source == "KAGGLE_API_TOKEN"
