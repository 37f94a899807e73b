"""A real browser for tests of pages: the system's Chromium, headless, that minds what goes wrong.

A test file that drives it says `pytest_plugins = ["browser"]` and takes the fixture `open_page`.
PYTEST_DONT_REWRITE: those files import this one themselves, before pytest does.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page, Request, Response

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
HERE = ("127.0.0.1", "localhost")
WITHIN = ("data", "blob", "file", "about")  # schemes of what comes from no server
WAIT = 20_000  # ms for anything that a test waits for; a busy machine is slow
# A page that is left, or a download, ends what it was still reading: that is no failure.
LEFT = "net::ERR_ABORTED"


@pytest.fixture(scope="module")  # while it is open an event loop runs, which others cannot have
def browser() -> Iterator["Browser"]:
    """The browser itself; without one the test is skipped, and in CI it fails."""
    found = next(filter(None, map(shutil.which, PROGRAMS)), None)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        found = None
    if found is None:
        says = "needs Chromium (apt-get install chromium) and playwright (requirements-dev.txt)"
        pytest.fail(says) if os.environ.get("CI") else pytest.skip(says)
    # A container's /dev/shm is too small for pictures; and no GPU is there, or needed.
    words = ["--disable-dev-shm-usage", "--disable-gpu"]
    if os.geteuid() == 0:
        words.append("--no-sandbox")  # which root cannot have
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=found, args=words)
        yield opened
        opened.close()


@pytest.fixture
def open_page(browser: "Browser") -> Iterator[Callable[..., "Page"]]:
    """Opens pages: `open_page(url, width=1280, height=900, dark=False, **context)`.

    A Path is opened as a file. `context` is Playwright's own (`has_touch=True`, say). The test
    fails at its end on what `watch` finds in any of them. Pages know nothing of each other.
    """
    contexts: list[BrowserContext] = []
    found: list[str] = []

    def opened(
        url: str | Path, width: int = 1280, height: int = 900, dark: bool = False, **context
    ) -> "Page":
        contexts.append(
            browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                reduced_motion="reduce",  # what moves is never the same twice
                locale="en-GB",
                **context,
            )
        )
        page = contexts[-1].new_page()
        page.set_default_timeout(WAIT)
        watch(page, found)
        page.goto(url.resolve().as_uri() if isinstance(url, Path) else url)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not found, "the browser minds:\n" + "\n".join(found)


def watch(page: "Page", faults: list[str]) -> None:
    """Collects errors of the console, requests that fail, and requests to anywhere but here."""

    def asked(request: "Request") -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in WITHIN and parts.hostname not in HERE:
            faults.append(f"asks another machine: {request.url}")

    def failed(request: "Request") -> None:
        if request.failure != LEFT:
            faults.append(f"request failed: {request.url} ({request.failure})")

    def answered(response: "Response") -> None:
        if response.status >= 400:
            faults.append(f"request failed: {response.url} ({response.status})")

    page.on("request", asked)
    page.on("requestfailed", failed)
    page.on("response", answered)
    page.on("pageerror", lambda error: faults.append(f"error in a script: {error}"))
    page.on(
        "console",
        lambda said: faults.append(f"console: {said.text}") if said.type == "error" else None,
    )


def screenshot(page: "Page", name: str, whole: bool = True) -> bytes:
    """A PNG of the page, whole or what the window shows; kept in $DOGS_SCREENSHOTS where it is set.

    name: of the file there, without its ending.
    """
    folder = os.environ.get("DOGS_SCREENSHOTS")
    path = Path(folder) / f"{name}.png" if folder else None
    return page.screenshot(full_page=whole, path=path)


def scrolls_sideways(page: "Page") -> bool:
    """Whether the page is wider than its window."""
    return page.evaluate("document.documentElement.scrollWidth > window.innerWidth")
