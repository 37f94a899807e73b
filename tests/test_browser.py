"""The browser that tests of pages use notices what it is there to notice."""

from pathlib import Path

import pytest
from browser import screenshot, scrolls_sideways, watch

pytest_plugins = ["browser"]
pytestmark = pytest.mark.slow

FAULTS = {
    "an error in a script": "<script>nothing.at.all()</script>",
    "an error on the console": "<script>console.error('lost')</script>",
    "a file that is not there": "<img src='none.png' alt='none'>",
    "another machine": "<script src='http://192.0.2.1/far.js'></script>",
}


def page_of(folder: Path, body: str) -> Path:
    file = folder / "page.html"
    file.write_text(f"<!doctype html><title>page</title><link rel=icon href='data:,'>{body}")
    return file


@pytest.mark.parametrize("case", FAULTS)
def test_a_fault_is_noticed(case, browser, tmp_path):
    faults: list[str] = []
    page = browser.new_page()
    page.route("http://**", lambda route: route.abort())
    watch(page, faults)
    page.goto(page_of(tmp_path, FAULTS[case]).as_uri())
    page.wait_for_load_state("networkidle")
    page.close()
    assert faults


def test_a_page_without_fault_is_opened_as_asked(open_page, tmp_path, monkeypatch):
    monkeypatch.setenv("DOGS_SCREENSHOTS", str(tmp_path))
    file = page_of(tmp_path, "<p style='width:600px'>a dog</p>")
    wide, narrow = open_page(file), open_page(file, width=320, dark=True)
    assert not scrolls_sideways(wide) and scrolls_sideways(narrow)
    dark = "matchMedia('(prefers-color-scheme: dark)').matches"
    assert not wide.evaluate(dark) and narrow.evaluate(dark)
    assert (tmp_path / "wide.png").exists() is False
    assert screenshot(wide, "wide") == (tmp_path / "wide.png").read_bytes()
