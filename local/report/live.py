"""The growing report of a run that trains: served on this machine, renewed at each snapshot.

The page is built in a thread of its own, at the lowest priority, and what goes wrong there is told
once and never ends a run.
"""

import os
import threading
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np

from local.browser import open_page
from local.errors import reason
from local.page import Section, document
from local.progress import say
from local.report import frames
from local.report.build import cards, sketch
from local.report.canvas import Canvas
from local.report.folder import open_folder
from local.train.watchers import Record

HOST = "127.0.0.1"
PATIENCE = 20.0  # seconds that the end of a run waits for the last page
ENDS_WITHIN = 0.05  # seconds in which the server notices that it is to end
VERSION = "X-Version"

# While somebody looks at an earlier snapshot the page stays as it is, and says that there is more.
SCRIPT = """
const version = "%(version)s", told = document.getElementById("live-state");
const asked = setInterval(async () => {
  try {
    const answer = await fetch("/", { method: "HEAD", cache: "no-store" });
    if (answer.headers.get("%(header)s") === version) return;
    const slider = document.querySelector("[data-frames] input");
    if (!slider || slider.value === slider.max) location.reload();
    else told.textContent = "There is a newer snapshot: move the slider to its end to see it.";
  } catch {
    clearInterval(asked);
    told.textContent = "The training is over, or was stopped: this page is no longer renewed.";
  }
}, 3000);
"""


class Live:
    """A watcher that serves the report while it is entered.

    Args:
        run: the run's folder. Its own watcher has to be told first.

    Attributes:
        address: of the page.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.page = b""
        self.version = 0
        self._over = False
        self._wanted = threading.Event()
        self._builder = threading.Thread(target=self._build_on, daemon=True)
        self._server = ThreadingHTTPServer((HOST, 0), partial(_Handler, self))
        self.address = f"http://{HOST}:{self._server.server_port}/"

    def __enter__(self) -> "Live":
        self._wanted.set()
        self._builder.start()
        serve = partial(self._server.serve_forever, ENDS_WITHIN)
        threading.Thread(target=serve, daemon=True).start()
        say(f"the report while it grows: {self.address}")
        open_page(self.address)
        return self

    def __exit__(self, *_: object) -> None:
        self._over = True
        self._wanted.set()
        self._builder.join(PATIENCE)
        self._server.shutdown()
        self._server.server_close()

    def tick(self, record: Record) -> None:
        """Nothing: between snapshots the page stays."""

    def pictures(self, record: Record, name: str, pictures: np.ndarray) -> None:
        """Asks for a new page."""
        self._wanted.set()

    def scores(self, record: Record, scores: dict[str, float]) -> None:
        """Nothing: the next snapshot shows them."""

    def _build_on(self) -> None:
        """Builds whenever asked; what is asked meanwhile is one page more."""
        with suppress(AttributeError, OSError):  # a thread's own priority: Linux
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        well = True
        while True:
            self._wanted.wait()
            self._wanted.clear()
            last = self._over
            try:
                self._build()
            except Exception as error:  # whatever it is: the run is worth more
                if well:
                    say(f"the growing report cannot be made ({reason(error)}); training goes on")
                well = False
            if last:
                return

    def _build(self) -> None:
        folder = open_folder(self.run, images=0)
        version = self.version + 1
        told = "The training is over." if self._over else "Training goes on."
        state = f'<p class="notice" id="live-state" role="status">{told}</p>'
        sections = [Section("live", "Now", [state]), *sketch(folder, Canvas())]
        script = frames.SCRIPT + SCRIPT % {"version": version, "header": VERSION}
        page = document(
            f"Run of {folder.name}",
            "While it trains: renewed at each snapshot. The whole report: python -m local report.",
            cards(folder),
            sections,
            script,
            calls_home=True,
        )
        self.page, self.version = page.encode(), version


class _Handler(BaseHTTPRequestHandler):
    """Serves the one page."""

    def __init__(self, live: Live, *connection: object) -> None:
        self.live = live
        super().__init__(*connection)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        """The page."""
        self._answer(body=True)

    def do_HEAD(self) -> None:
        """Its version."""
        self._answer(body=False)

    def _answer(self, body: bool) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        if host not in (HOST, "localhost"):  # another site's name for this address
            self.send_error(HTTPStatus.FORBIDDEN)
            return
        if self.path == "/favicon.ico":  # every browser asks for it
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()
            return
        if self.path != "/":
            self.send_error(HTTPStatus.NOT_FOUND)
            return
        page, version = self.live.page, self.live.version
        if not page:
            page = b'<!doctype html><meta http-equiv="refresh" content="1">A moment: the first page'
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.send_header("Cache-Control", "no-store")
        self.send_header(VERSION, str(version))
        self.end_headers()
        if body:
            with suppress(OSError):  # whoever asked has gone
                self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the terminal is the training's."""
