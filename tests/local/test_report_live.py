"""The growing report while a run trains."""

import queue
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
from PIL import Image

from local import browser
from local.__main__ import main
from local.commands import train
from local.pictures import encoded
from local.report import canvas, live
from local.train.watchers import RunFolder

pytest_plugins = ["browser"]
RECORD = {"step": 8, "kimg": 0.1, "epoch": 1.0, "seconds": 2.0, "seconds_left": 1.0}
RECORD |= {"progress": 0.5, "loss_d": 1.0, "loss_g": 2.0, "images_per_second": 50.0}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run that has begun; plots are not drawn."""
    monkeypatch.setattr(canvas, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)
    monkeypatch.setattr(browser, "_has_screen", lambda: False)
    (tmp_path / "recipe.json").write_text("{}")
    (tmp_path / "images.zip").write_bytes(b"")
    return tmp_path


@pytest.fixture
def begun(run):
    """The same without a recipe, which a growing report has no need of."""
    (run / "recipe.json").unlink()
    return run


def snapshot(watchers, step):
    pictures = np.random.default_rng(step).integers(0, 256, (4, 8, 8, 3), np.uint8)
    for watcher in watchers:
        watcher.tick(RECORD | {"step": step, "kimg": step / 80})
        watcher.pictures(RECORD | {"step": step}, "samples", pictures)


def ask(address, method="GET", host=None):
    request = urllib.request.Request(address, method=method)
    if host:
        request.add_header("Host", host)
    with urllib.request.urlopen(request, timeout=20) as answer:
        return answer.status, int(answer.headers.get(live.VERSION, -1)), answer.read().decode()


def until(address, version):
    """The page of that version or a later one."""
    for _ in range(600):
        _, found, page = ask(address)
        if found >= version:
            return page
        time.sleep(0.05)
    raise AssertionError(f"no version {version}")


def test_each_snapshot_brings_a_page(begun, capsys):
    with live.Live(begun) as growing:
        watchers = [RunFolder(begun, 0), growing]
        assert "No grid of samples is there yet" in until(growing.address, 1)
        snapshot(watchers, 8)
        page = until(growing.address, 2)
        assert "At 1 of 1 snapshots" in page and "step 8, " in page
        assert "connect-src 'self'" in page
        assert ask(growing.address, "HEAD")[1:] == (growing.version, "")
    assert growing.address in capsys.readouterr().err
    with pytest.raises(OSError):
        ask(growing.address)


def test_only_this_machine_by_its_own_name_is_answered(begun):
    with live.Live(begun) as growing:
        until(growing.address, 1)
        assert growing.address.startswith("http://127.0.0.1:")
        assert ask(growing.address + "favicon.ico")[0] == 204
        for path, host, code in (("../log.jsonl", None, 404), ("", "evil.example", 403)):
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(growing.address + path, host=host)
            assert refused.value.code == code


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_a_browser_opens_on_a_screen_alone(variable, monkeypatch):
    asked = queue.Queue()
    monkeypatch.setattr(browser.webbrowser, "open", asked.put)
    monkeypatch.setattr(sys, "platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    browser.open_page("without")
    monkeypatch.setenv(variable, ":0")
    browser.open_page("with")
    assert asked.get(timeout=20) == "with" and asked.empty()


def test_what_goes_wrong_is_told_once_and_hurts_nobody(run, capsys):
    """Its recipe is damaged, so that no page can be made."""
    with live.Live(run) as growing:
        watchers = [RunFolder(run, 0), growing]
        for step in (8, 16):
            snapshot(watchers, step)
        assert "A moment" in ask(growing.address)[2]
    assert capsys.readouterr().err.count("training goes on") == 1
    assert len((run / "log.jsonl").read_text().splitlines()) == 2


@pytest.mark.slow
def test_a_browser_follows_the_run(begun, open_page, monkeypatch):
    grid = Image.new("RGB", (16, 16))
    monkeypatch.setattr(canvas, "light_and_dark", lambda *_: [encoded(grid, "PNG")] * 2)
    with live.Live(begun) as growing:
        watchers = [RunFolder(begun, 0), growing]
        until(growing.address, 1)
        snapshot(watchers, 8)
        until(growing.address, 2)
        page = open_page(growing.address)
        assert page.locator("output").inner_text().startswith("step 8,")
        snapshot(watchers, 16)
        page.locator("output", has_text="step 16, ").wait_for()
        page.locator("input[type=range]").press("Home")
        snapshot(watchers, 24)
        page.get_by_text("There is a newer snapshot").wait_for()
        assert page.locator("output").inner_text().startswith("step 8,")
        page.goto("about:blank")  # before the server goes: its silence would be an error


@pytest.mark.slow
def test_a_training_serves_its_report(tmp_path, make_dogs, monkeypatch, capsys):
    monkeypatch.setattr(canvas, "light_and_dark", lambda *_: [b"\x89PNG"] * 2)
    monkeypatch.setattr(browser, "_has_screen", lambda: False)
    monkeypatch.setattr(train, "CACHE", tmp_path / "cache")
    words = ["train", "--data", str(make_dogs()), "--steps", "2", "--images", "4", "--open"]
    small = ["size=16", "g_width=8", "d_width=8", "latent=8", "batch=8"]
    assert main([*words, "--out", str(tmp_path / "run"), *small]) == 0
    said = capsys.readouterr().err
    assert "the report while it grows: http://127.0.0.1:" in said
    assert "training goes on" not in said
