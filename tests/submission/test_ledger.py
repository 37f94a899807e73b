"""The ledger: what two processes write, what a killed one leaves, and which files are refused."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from helpers import ROOT

from local.errors import InputError
from submission import ledger
from submission.ledger import COLUMNS, Ledger, sparing


@pytest.fixture
def book(tmp_path):
    return Ledger(tmp_path / "ledger.sqlite")


def start(code: str, *words: object) -> subprocess.Popen:
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_a_row_comes_back_as_it_was_given(book, tmp_path):
    given = {"ok": True, "dirty": False, "recipe": "dcgan", "settings": {"lr": 1e-4, "crop": "ä"}}
    number = book.add("train", **given, minutes=1.5, place=tmp_path, note="'); DROP TABLE rows --")
    row = book.row(number)
    assert {name: getattr(row, name) for name in given} == given
    assert (row.kind, row.minutes, row.place) == ("train", 1.5, str(tmp_path))
    assert row.note == "'); DROP TABLE rows --"
    assert row.at.endswith("+00:00")
    known = {*given, "number", "at", "kind", "minutes", "place", "note"}
    assert all(getattr(row, name) is None for name in COLUMNS if name not in known)


def test_rows_are_found_by_their_values(book):
    book.add("version", kernel="me/a", version=1)
    second = book.add("version", kernel="me/a", version=2, ok=False)
    book.add("train")
    assert [row.number for row in book.find(kind="version", version=2)] == [second]
    assert [row.number for row in book.find(kernel=None)] == [3]
    assert [row.number for row in book.find(ok=False)] == [2]
    assert [row.number for row in book.rows()] == [1, 2, 3]


def test_an_update_changes_what_it_names_alone(book):
    number = book.add("train", fid=3.0, note="first", recipe="dcgan")
    book.update(number, fid=2.0, recipe=None)
    book.note(number, "second")
    row = book.row(number)
    assert (row.fid, row.recipe, row.note) == (2.0, None, "second")


def test_a_row_that_is_not_there(book):
    for ask in (lambda: book.row(7), lambda: book.update(7, fid=1.0), lambda: book.note(7, "x")):
        with pytest.raises(InputError, match=r"no row 7 in .*ledger.sqlite"):
            ask()


def test_a_column_that_is_not_there(book):
    with pytest.raises(TypeError, match="colour"):
        book.add("train", colour="red")


def test_reading_makes_no_file(book):
    assert book.rows() == []
    assert not book.file.exists()


def test_it_makes_its_folder_whatever_its_name(tmp_path):
    file = tmp_path / "a b" / "100%?#ü" / "ledger.sqlite"
    Ledger(file).add("train")
    assert len(Ledger(file).rows()) == 1


WRITER = """
import sys
from pathlib import Path
from submission.ledger import Ledger
book = Ledger(Path(sys.argv[1]))
for turn in range(20):
    number = book.add("train", recipe=sys.argv[2], minutes=float(turn))
    book.update(number, note=f"{sys.argv[2]} {turn}")
    book.update(1, **{sys.argv[2]: turn})
"""


@pytest.mark.slow
def test_two_processes_lose_nothing_of_each_other(tmp_path):
    file = tmp_path / "ledger.sqlite"
    # Both may make the file, and both change the first row: one its fid, the other its kid.
    for process in [start(WRITER, file, name) for name in ("fid", "kid")]:
        assert process.wait(timeout=60) == 0
    rows = Ledger(file).rows()
    assert [row.number for row in rows] == list(range(1, 41))
    for name in ("fid", "kid"):
        own = [row for row in rows if row.recipe == name]
        assert [row.minutes for row in own] == list(range(20))
        assert [row.note for row in own] == [f"{name} {turn}" for turn in range(20)]
    assert (rows[0].fid, rows[0].kid) == (19, 19)


KILLED = """
import sys, time
from pathlib import Path
from submission.ledger import Ledger
with Ledger(Path(sys.argv[1]))._writing() as connection:
    connection.execute("PRAGMA cache_size = 1")  # so that it reaches the disk before the end
    connection.execute("UPDATE rows SET note = 'half'")
    for _ in range(50):
        connection.execute("INSERT INTO rows (at, kind, note) VALUES ('', '', ?)", ["x" * 9000])
    print("in the middle", flush=True)
    time.sleep(60)
"""


def test_a_killed_writer_leaves_what_was_there(book):
    book.add("train", note="whole")
    size = book.file.stat().st_size
    process = start(KILLED, book.file)
    assert process.stdout.readline() == "in the middle\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert book.file.stat().st_size > size  # or nothing was to be taken back
    assert [row.note for row in book.rows()] == ["whole"]
    assert book.add("train") == 2


def test_who_waits_in_vain_is_told(book, monkeypatch):
    book.add("train")
    monkeypatch.setattr(ledger, "PATIENCE", 0.05)
    other = sqlite3.connect(book.file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match=r"ledger.sqlite: database is locked"):
        book.add("train")
    assert len(book.rows()) == 1  # a reader need not wait
    other.close()


# As version 1 has written it: whatever comes later must read this.
FIRST = """
CREATE TABLE rows (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at TEXT NOT NULL, kind TEXT NOT NULL, ok INTEGER,
    "commit" TEXT, dirty INTEGER, recipe TEXT, settings TEXT, kernel TEXT, version INTEGER,
    source_sha256 TEXT, staged INTEGER, device TEXT, minutes REAL, kimg REAL, images_sha256 TEXT,
    fid REAL, kid REAL, mifid REAL, distance REAL, label TEXT, public REAL, private REAL,
    submission TEXT, state TEXT, forced TEXT, place TEXT, note TEXT);
INSERT INTO rows (at, kind, ok, settings, fid, note)
    VALUES ('2026-11-01T00:00:00+00:00', 'train', 1, '{"batch": 64}', 55.5, 'an old one');
PRAGMA application_id = 1146046291;
PRAGMA user_version = 1;
"""


def made_by(script: str, file: Path) -> Path:
    connection = sqlite3.connect(file)
    connection.executescript(script)
    connection.close()
    return file


def user_version(file: Path) -> int:
    connection = sqlite3.connect(file)
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    connection.close()
    return int(found)


def test_a_ledger_of_the_first_version_is_read(book):
    made_by(FIRST, book.file)
    (row,) = book.rows()
    assert (row.ok, row.settings, row.fid, row.note) == (True, {"batch": 64}, 55.5, "an old one")
    assert user_version(book.file) == len(ledger.STEPS)


def test_an_older_ledger_is_migrated_and_keeps_its_rows(book, monkeypatch):
    made_by(FIRST, book.file)
    steps = [
        *ledger.STEPS,
        lambda connection: connection.execute("ALTER TABLE rows ADD COLUMN more TEXT"),
        lambda connection: connection.execute("UPDATE rows SET more = 'migrated', kid = fid / 2"),
    ]
    monkeypatch.setattr(ledger, "STEPS", steps)
    assert book.row(1).kid == pytest.approx(27.75)
    assert book.add("train") == 2
    assert user_version(book.file) == len(steps)


def test_a_migration_that_fails_leaves_the_older_ledger(book, monkeypatch):
    made_by(FIRST, book.file)
    before = book.file.read_bytes()
    steps = [
        *ledger.STEPS,
        lambda connection: connection.execute("UPDATE rows SET note = 'half'"),
        lambda connection: connection.execute("nonsense"),
    ]
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "STEPS", steps)
        with pytest.raises(OSError, match="nonsense"):
            book.rows()
    assert book.file.read_bytes() == before
    assert book.row(1).note == "an old one"


def newer(file: Path) -> None:
    made_by(FIRST + f"PRAGMA user_version = {len(ledger.STEPS) + 1};", file)


def damaged(file: Path) -> None:
    made_by(FIRST, file)
    data = bytearray(file.read_bytes())
    data[4096:4196] = b"\xff" * 100  # the head of the table's page
    file.write_bytes(data)


def cut_off(file: Path) -> None:
    made_by(FIRST, file)
    file.write_bytes(file.read_bytes()[:5000])


def other_database(file: Path) -> None:
    made_by("CREATE TABLE trials (score REAL);", file)


def picture(file: Path) -> None:
    file.write_bytes(b"\x89PNG" + bytes(5000))


def wrong_settings(file: Path) -> None:
    made_by(FIRST + "UPDATE rows SET settings = '{cut';", file)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (newer, "a ledger of version 2, and this kit knows 1 at most; update the kit"),
        (damaged, "is damaged"),
        (cut_off, "is damaged"),
        (picture, "is damaged, or no ledger (file is not a database); move it away, or name"),
        (other_database, "a database, but no ledger; name another, $DOGS_LEDGER"),
        (Path.mkdir, "cannot be opened or written"),
        (wrong_settings, "is damaged in row 1"),
    ],
)
def test_what_is_no_ledger_is_refused_and_left_alone(book, make, message):
    make(book.file)
    before = None if book.file.is_dir() else book.file.read_bytes()
    asks = [book.rows, lambda: book.update(1, fid=1.0), lambda: book.add("train")]
    for ask in asks[: 1 if make is wrong_settings else 3]:
        with pytest.raises(InputError) as raised:
            ask()
        assert message in str(raised.value)
        assert str(book.file) in str(raised.value)
        assert "\n" not in str(raised.value)
    assert book.file.is_dir() or book.file.read_bytes() == before
    assert list(book.file.parent.iterdir()) == [book.file]


@pytest.fixture
def nobody():
    """A folder outside of the superuser's reach for as long as the test is somebody else."""
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    if os.getuid() == 0:
        os.seteuid(0)
    folder.chmod(0o755)
    shutil.rmtree(folder)


def test_a_folder_that_cannot_be_written(nobody, capsys):
    file = nobody / "ledger.sqlite"
    Ledger(file).add("train", note="from before")
    file.chmod(0o444)
    nobody.chmod(0o555)
    if os.getuid() == 0:  # to whom no folder is read-only
        os.seteuid(65534)
    assert [row.note for row in Ledger(file).rows()] == ["from before"]
    for book in (Ledger(file), Ledger(nobody / "new.sqlite"), Ledger(nobody / "new" / "l.sqlite")):
        with pytest.raises(InputError, match="cannot be opened or written"):
            book.add("train")
        with sparing():
            book.add("train")
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"warning: not in the ledger: {book.file}: cannot be opened")
