"""Real features are computed once, and anew when anything that decides them changes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mifid import cache, score
from mifid.__main__ import main


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sides whose features were computed, in order."""
    sides: list[str] = []
    extract = score.extract

    def counting(pictures, *others):
        sides.append(pictures.side)
        return extract(pictures, *others)

    monkeypatch.setattr(score, "extract", counting)
    return sides


@pytest.mark.slow
def test_only_the_first_score_reads_the_real_pictures(
    archive: Callable, drawn: Callable, counted: list[str]
) -> None:
    fake, real = archive("fake.zip", drawn(0, 5)), archive("real.zip", drawn(1, 6))
    first, second = score.score(fake, real), score.score(fake, real)
    assert counted == ["generated", "real", "generated"]
    assert (first.mifid, first.real_images) == (second.mifid, second.real_images)


@pytest.mark.slow
def test_other_pictures_networks_and_limits_are_computed_anew(
    archive: Callable, drawn: Callable, counted: list[str], graph_file: Path
) -> None:
    fake = archive("fake.zip", drawn(0, 5))
    score.score(fake, archive("real.zip", drawn(1, 6)))
    changed = drawn(1, 6)
    changed[3, 0, 0, 0] ^= 1
    real = archive("real.zip", changed)
    score.score(fake, real)
    score.score(fake, real, limit=4)
    score.score(fake, real, graph_file)
    score.score(fake, real, graph_file, layer="64")
    assert counted.count("real") == 5
    assert len(cache.listing()) == 5


@pytest.mark.slow
def test_a_damaged_file_is_computed_anew_and_one_that_cannot_be_written_is_done_without(
    archive: Callable,
    drawn: Callable,
    counted: list[str],
    capsys: pytest.CaptureFixture,
) -> None:
    fake, real = archive("fake.zip", drawn(0, 5)), archive("real.zip", drawn(1, 6))
    expected = score.score(fake, real).mifid
    (kept,) = cache.folder().glob("*.npz")
    kept.write_bytes(kept.read_bytes()[:50])
    assert score.score(fake, real).mifid == expected
    assert "anew" in capsys.readouterr().err
    kept.unlink()
    cache.folder().rmdir()
    cache.folder().write_text("a file where the folder should be")
    assert score.score(fake, real).mifid == expected
    assert "not kept" in capsys.readouterr().err
    assert counted.count("real") == 3


@pytest.mark.slow
def test_the_command_lists_and_clears(
    archive: Callable, drawn: Callable, capsys: pytest.CaptureFixture
) -> None:
    score.score(archive("fake.zip", drawn(0, 5)), archive("real.zip", drawn(1, 6)))
    assert main(["cache"]) == 0
    assert "1 files" in capsys.readouterr().out
    assert main(["cache", "--clear"]) == 0
    assert cache.listing() == []


@pytest.mark.slow
def test_folders_are_keyed_by_content_too(
    drawn: Callable, archive: Callable, encoded: Callable, counted: list[str], tmp_path: Path
) -> None:
    fake, folder = archive("fake.zip", drawn(0, 5)), tmp_path / "real"
    folder.mkdir()
    for i, picture in enumerate(drawn(2, 4)):
        (folder / f"{i}.png").write_bytes(encoded(picture))
    score.score(fake, folder)
    score.score(fake, folder)
    assert counted.count("real") == 1
    (folder / "0.png").write_bytes(encoded(np.zeros((64, 64, 3), np.uint8)))
    score.score(fake, folder)
    assert counted.count("real") == 2
