"""`--all`, `--interval` and the margins, as a user asks for them."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mifid.__main__ import main
from mifid.features import Features, save
from mifid.published import GRAPH_ID


@pytest.fixture
def sides(tmp_path: Path) -> tuple[str, str]:
    random = np.random.default_rng(0)
    paths = []
    for name, count, shift in (("fake", 300, 0.02), ("real", 400, 0.0)):
        values = (random.random((count, 12)) + shift).astype(np.float32)
        path = tmp_path / f"{name}.npz"
        save(Features(values, "random", "g", "generated" if shift else "real"), path)
        paths.append(str(path))
    return paths[0], paths[1]


def test_every_metric_is_a_number_beside_the_score(
    sides: tuple[str, str], capsys: pytest.CaptureFixture
) -> None:
    fake, real = sides
    assert main([fake, "--real", real, "--all", "--interval", "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    for name in ("kid", "kid_deviation", "fid_infinity"):
        assert np.isfinite(result[name])
    for name in ("precision", "recall", "coverage"):
        assert 0.5 < result[name] <= 1
    assert result["density"] > 0.5
    assert 0 <= result["authenticity"] <= 100
    interval = result["interval"]["fid"]
    assert interval["low"] < result["fid"] < interval["high"]
    assert result["margins"]["public"] == pytest.approx(result["distance"] - 0.1)
    assert result["margins"]["private"] == "not measured"
    assert "standing" not in result


def test_the_table_shows_them_and_plain_scores_do_without(
    sides: tuple[str, str], capsys: pytest.CaptureFixture
) -> None:
    fake, real = sides
    assert main([fake, "--real", real, "--all", "--interval"]) == 0
    table = capsys.readouterr().out
    for word in ("kid", "precision", "coverage", "fid_infinity", "authenticity", "mifid 95%"):
        assert word in table
    assert main([fake, "--real", real]) == 0
    table = capsys.readouterr().out
    assert "kid" not in table and "95%" not in table
    assert "private: not measured" in table


@pytest.mark.slow
def test_too_few_pictures_are_one_line(
    archive: Callable, drawn: Callable, capsys: pytest.CaptureFixture
) -> None:
    few, real = archive("few.zip", drawn(0, 4)), archive("real.zip", drawn(1, 40))
    assert main([str(few), "--real", str(real), "--interval"]) == 2
    assert "at least 30" in capsys.readouterr().err.splitlines()[-1]


def test_only_a_comparable_score_has_a_standing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    random = np.random.default_rng(0)
    paths = []
    for name, count in (("fake", 10_000), ("real", 20_579)):
        values = random.normal(size=(count, 4)).astype(np.float32)
        paths.append(tmp_path / f"{name}.npz")
        save(Features(values, "published", GRAPH_ID, "unknown"), paths[-1])
    assert main([str(paths[0]), "--real", str(paths[1]), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["comparable"]
    assert "released submissions" in result["standing"]
