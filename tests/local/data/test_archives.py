"""Tar archives, made to be read or to do harm; zip archives are tested with the layouts."""

import gzip
import io
import tarfile
import threading
from pathlib import Path

import pytest

from local.data import archives
from local.data.files import listing, read
from local.errors import InputError

CONTENT = bytes(range(256)) * 40


def make_tar(path: Path, *entries: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for entry in entries or (member("Images/a.jpg"), member("./Images/b.jpg")):
            archive.addfile(entry, io.BytesIO(CONTENT))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.linkname = "/etc/passwd"
    entry.size = len(CONTENT) if kind == tarfile.REGTYPE else 0
    return entry


def gzipped(path: Path) -> Path:
    to = path.with_suffix(".tgz")
    to.write_bytes(gzip.compress(path.read_bytes()))
    return to


@pytest.mark.parametrize("pack", [lambda path: path, gzipped], ids=["plain", "gzipped"])
def test_members_are_read_in_any_order_by_several_threads(pack, tmp_path):
    entries = [member(f"{i:03}.jpg") for i in range(40)]
    plain = tmp_path / "a.tar"
    with tarfile.open(plain, "w") as archive:
        for i, entry in enumerate(entries):
            archive.addfile(entry, io.BytesIO(bytes([i]) * entry.size))
    files = listing(pack(plain))
    found = {}

    def work(part):
        for file in part:
            found[str(file.path)] = read(file)

    threads = [threading.Thread(target=work, args=(files[i::4][::-1],)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {f"{i:03}.jpg": bytes([i]) * len(CONTENT) for i in range(40)}
    assert len({file.digest() for file in files}) == 40
    assert [file.digest() for file in files] == [file.digest() for file in listing(pack(plain))]


def test_folders_are_no_files_and_names_are_tidied(tmp_path):
    path = make_tar(tmp_path / "a.tar", member("./x", tarfile.DIRTYPE), member("./x/._a.jpg"))
    assert listing(path) == []
    assert [str(f.path) for f in listing(make_tar(tmp_path / "b.tar"))] == [
        "Images/a.jpg",
        "Images/b.jpg",
    ]


@pytest.mark.parametrize("name", ["../evil.jpg", "/etc/evil.jpg", "a/../../b.jpg", "C:/evil.jpg"])
def test_a_member_that_points_outside_is_refused(name, tmp_path):
    path = make_tar(tmp_path / "evil.tar", member("a.jpg"), member(name))
    for archive in (path, gzipped(path)):
        with pytest.raises(InputError, match="points outside") as error:
            listing(archive)
        assert name in str(error.value)


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_links_and_devices_are_refused(kind, tmp_path):
    path = make_tar(tmp_path / "evil.tar", member("a.jpg"), member("b.jpg", kind))
    with pytest.raises(InputError, match=r"b\.jpg.*link.*refused"):
        listing(path)


def test_what_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = make_tar(tmp_path / "a.tar")
    packed = gzipped(path)
    monkeypatch.setattr(archives, "INNER_ARCHIVE_LIMIT", path.stat().st_size - 1)
    with pytest.raises(InputError, match=r"a\.tgz: unpacks to more than"):
        listing(packed)
    assert len(listing(path)) == 2
    monkeypatch.setattr(archives, "MEMBER_LIMIT", len(CONTENT) - 1)
    with pytest.raises(InputError, match=r"Images/a\.jpg.*10,240 bytes"):
        listing(path)


def test_headers_that_lead_astray_are_refused(tmp_path):
    """One that goes back would be read for ever, one of gigabytes into memory."""
    back = member("a.jpg", tarfile.DIRTYPE)
    back.size = -1024
    long = tarfile.TarInfo("a.jpg")
    long.type, long.size = tarfile.XHDTYPE, archives.LONG_NAME_LIMIT + 1
    for entry in (back, long):
        header = entry.tobuf(tarfile.GNU_FORMAT)
        path = tmp_path / "astray.tar"
        path.write_bytes(make_tar(tmp_path / "a.tar").read_bytes()[: 512 + len(CONTENT)] + header)
        with pytest.raises(InputError, match=f"{entry.size:,} bytes"):
            listing(path)
    twice = member("a.jpg")
    twice.pax_headers = {"size": "-1024"}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(twice, io.BytesIO(CONTENT))
    with pytest.raises(InputError, match="-1024 bytes"):
        listing(path)


def test_long_names_are_read(tmp_path):
    name = "a" * 150 + "/" + "b" * 150 + ".jpg"
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / "a.tar", "w", format=form) as archive:
            archive.addfile(member(name), io.BytesIO(CONTENT))
        (file,) = listing(tmp_path / "a.tar")
        assert (str(file.path), read(file)) == (name, CONTENT)


def test_an_archive_that_is_not_whole_is_refused(tmp_path):
    whole = make_tar(tmp_path / "a.tar").read_bytes()
    second = whole.index(b"Images/b.jpg") - 2  # where its header begins
    damaged = bytearray(whole)
    damaged[second + 150] ^= 0xFF  # in its checksum
    parts = {
        "in a member": whole[: second - 100],
        "between members": whole[:second],
        "in a header": whole[: second + 100],
        "a wrong header": bytes(damaged),
        "nothing": b"",
        "text": b"hello" * 1000,
    }
    for name, content in parts.items():
        path = tmp_path / f"{name}.tar"
        path.write_bytes(content)
        with pytest.raises(InputError, match="not a whole") as error:
            listing(path)
        assert name in str(error.value)
        assert "\n" not in str(error.value)


def test_a_gzip_stream_that_is_damaged_or_holds_no_archive_is_refused(tmp_path):
    packed = gzipped(make_tar(tmp_path / "a.tar")).read_bytes()
    for content in (packed[:-20], packed[:-8] + bytes(8), gzip.compress(CONTENT), b"\x1f\x8bno"):
        (tmp_path / "b.tar.gz").write_bytes(content)
        with pytest.raises(InputError, match=r"b\.tar\.gz: (damaged|not a whole)"):
            listing(tmp_path / "b.tar.gz")
