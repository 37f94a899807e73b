"""Where Kaggle's client finds its credentials, in its order; what is secret is never shown.

What counts is what the client does: a token first, then a user's name with a key, then the login
through the browser. The files are looked at only to say what is there, and to know what to hide.
"""

import base64
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from local.errors import InputError

NEW_TOKEN = (
    "make a token at https://www.kaggle.com/settings/api (Generate New Token) and save it in "
    "~/.kaggle/access_token (chmod 600), or run `kaggle auth login`"
)
HIDDEN = "[hidden]"
SHORTEST = 6  # characters: hiding less would tear other words apart
OTHERS = 0o077  # the rights that a secret file gives to nobody but its owner


@dataclass(frozen=True)
class Credentials:
    """One set of credentials.

    Attributes:
        source: the file or the variables that hold it, in words.
        user: the Kaggle user's name; None where only Kaggle knows it (a token).
        file: that holds the secret; None where that is a variable.
        secrets: never printed, and so left out of `repr`.
    """

    source: str
    user: str | None
    file: Path | None
    secrets: tuple[str, ...] = field(repr=False)


def find() -> Credentials | None:
    """The credentials that the client takes; None where there are none."""
    return next(_all(), None)


def require() -> Credentials:
    """The credentials that the client takes.

    Raises:
        InputError: there are none.
    """
    found = find()
    if found is None:
        raise InputError(f"no credentials for Kaggle: {NEW_TOKEN}")
    return found


def exposed() -> list[Path]:
    """The files with a secret that others on this machine may read or write."""
    if os.name == "nt":
        return []
    files = [each.file for each in _all() if each.file]
    return [file for file in dict.fromkeys(files) if file.stat().st_mode & OTHERS]


def warnings() -> list[str]:
    """One line for each file that others may read, with what to do."""
    return [
        f"{file} with your Kaggle credentials is open to others on this machine: chmod 600 {file}"
        for file in exposed()
    ]


def hidden(text: str) -> str:
    """The text without any secret that is known, in any form in which the client sends it."""
    for each in _all():
        forms = list(each.secrets)
        pairs = [f"{each.user}:{secret}" for secret in each.secrets if each.user]
        forms += [base64.b64encode(pair.encode()).decode() for pair in pairs]
        for form in sorted(forms, key=len, reverse=True):
            text = text.replace(form, HIDDEN) if len(form) >= SHORTEST else text
    return text


def _all() -> Iterator[Credentials]:
    """All credentials that there are, in the order in which the client looks."""
    home = Path.home() / ".kaggle"
    if given := os.environ.get("KAGGLE_API_TOKEN"):  # a token, or the name of a file with one
        try:
            file = Path(given) if Path(given).exists() else None
        except OSError:  # too long for a name
            file = None
        yield from _token("KAGGLE_API_TOKEN", _text(file) if file else given, file)
    for file in (home / "access_token", home / "access_token.txt"):
        yield from _token(str(file), _text(file), file)
    yield from _key()
    login = home / "credentials.json"
    content = _object(login)
    secrets = _words(content, "refresh_token", "access_token")
    if content.get("refresh_token"):
        yield Credentials(str(login), content.get("username") or None, login, secrets)


def _token(source: str, token: str, file: Path | None) -> Iterator[Credentials]:
    if token:
        yield Credentials(source, None, file, (token,))


def _key() -> Iterator[Credentials]:
    """A user's name with a key: variables go before what the file says, one by one."""
    file = _folder() / "kaggle.json"
    content = _object(file)
    variables = {
        "username": os.environ.get("KAGGLE_USERNAME"),
        "key": os.environ.get("KAGGLE_KEY"),
    }
    pair = content | {name: value for name, value in variables.items() if value}
    if pair.get("username") and pair.get("key"):
        by_variable = bool(variables["key"])
        source = "KAGGLE_USERNAME with KAGGLE_KEY" if by_variable else str(file)
        where = None if by_variable else file
        yield Credentials(source, str(pair["username"]), where, (str(pair["key"]),))
    if variables["key"] and content.get("key"):  # not taken, and still a secret in a file
        user = content.get("username")
        yield Credentials(str(file), str(user) if user else None, file, (str(content["key"]),))


def _folder() -> Path:
    """Where the client looks for kaggle.json."""
    if chosen := os.environ.get("KAGGLE_CONFIG_DIR"):
        return Path(chosen)
    home = Path.home() / ".kaggle"
    if sys.platform.startswith("linux") and not home.exists():
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "kaggle"
    return home


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _object(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(_text(file))
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _words(content: dict[str, Any], *names: str) -> tuple[str, ...]:
    return tuple(str(content[name]) for name in names if content.get(name))
