"""A Kaggle of one's own: answers the real client on this machine, with faults as scripted."""

import base64
import contextlib
import json
import re
import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.version import Version

USER = "me"
KEY = "planted0key0never0shown"
TOKEN = "KGAT_planted0token0never0shown"
MODIFIED = "Mon, 02 Nov 2026 10:00:00 GMT"
DENIED = {"code": 403, "message": "Permission 'kernels.get' was denied"}


@dataclass(frozen=True)
class Fault:
    """An answer that is an error: status, and the message in a JSON body as Kaggle writes it.

    `explained=False` leaves the JSON out, as a gateway in front of Kaggle does.
    """

    status: int
    message: str = "scripted"
    headers: dict[str, str] = field(default_factory=dict)
    explained: bool = True


@dataclass(frozen=True)
class Lost:
    """No answer. `hang`: the connection stays open; `done`: what was asked is done all the same."""

    hang: bool = False
    done: bool = False


@dataclass(frozen=True)
class Received:
    """A request: the method's name (`SaveKernel`, or `logs`, `file`), and what came with it."""

    method: str
    body: dict[str, Any]
    headers: dict[str, str]


class KaggleServer:
    """Kaggle's API as the client uses it.

    Attributes:
        received: the requests.
        waits: seconds that the code under test waited, where the fixture replaces its pauses.
        kernels: by `owner/slug`, the sources of all versions.
        state: of the latest session.
        log: of the latest session, as plain lines.
        files: its output.
        page_size: files a page at most, whatever the client asks for.
        cuts: by file, after how many bytes each coming download of it breaks off.
        submissions: newest first, as `ListSubmissions` answers.
        hours: of GPU: used, and allowed.
        credentials: are checked, unless False.
    """

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.waits: list[float] = []
        self.kernels: dict[str, list[str]] = defaultdict(list)
        self.state = "COMPLETE"
        self.failure = ""
        self.log: list[str] = []
        self.files: dict[str, bytes] = {}
        self.page_size = 20
        self.cuts: dict[str, list[int]] = defaultdict(list)
        self.submissions: list[dict[str, Any]] = []
        self.hours = (1.5, 30.0)
        self.credentials = True
        self._scripts: dict[str, deque[Any]] = defaultdict(deque)
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def on(self, method: str, *answers: Any) -> None:
        """Scripts the coming answers to a method, one each; afterwards it answers as usual.

        An answer: a `Fault`, a `Lost`, a dictionary that is merged into the usual answer, or
        `None` for the usual one.
        """
        self._scripts[method].extend(answers)

    def always(self, method: str, answer: Any) -> None:
        """Scripts all coming answers to a method."""
        self._scripts[method] = _Endless([answer])

    def asked(self, method: str) -> list[dict[str, Any]]:
        """What the requests to a method said."""
        return [each.body for each in self.received if each.method == method]

    # --- Answers as usual -------------------------------------------------------------------------

    def usual(self, method: str, body: dict[str, Any]) -> dict[str, Any] | Fault:
        return getattr(self, f"_{method}", lambda _: Fault(404, f"no {method} here"))(body)

    def _IntrospectToken(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"active": body.get("token") == TOKEN, "username": USER}

    def _SaveKernel(self, body: dict[str, Any]) -> dict[str, Any]:
        sources = self.kernels[body["slug"]]
        sources.append(body["text"])
        return {
            "ref": f"/code/{body['slug']}",
            "url": f"https://www.kaggle.com/code/{body['slug']}",
            "versionNumber": len(sources),
            "kernelId": 42,
            "error": "",
            "invalidTags": [],
            "invalidDatasetSources": [],
            "invalidCompetitionSources": [],
            "invalidKernelSources": [],
            "invalidModelSources": [],
        }

    def _known(self, body: dict[str, Any]) -> str | None:
        slug, _, _ = body["kernelSlug"].partition("/")
        kernel = f"{body['userName']}/{slug}"
        return kernel if self.kernels.get(kernel) else None

    def _GetKernel(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        kernel = self._known(body)
        if not kernel:
            return Fault(403, DENIED["message"])
        sources = self.kernels[kernel]
        slug, _, version = body["kernelSlug"].partition("/")
        metadata = {
            "ref": kernel,
            "id": 42,
            "title": slug,
            "author": USER,
            "slug": slug,
            "currentVersionNumber": len(sources),
        }
        source = sources[int(version or len(sources)) - 1]
        blob = {"source": source, "language": "python", "kernelType": "script", "slug": slug}
        return {"metadata": metadata, "blob": blob}

    def _ListKernels(self, body: dict[str, Any]) -> dict[str, Any]:
        kernels = [
            {"ref": kernel, "title": kernel, "author": USER, "lastRunTime": "2026-11-01T10:00:00Z"}
            for kernel, sources in self.kernels.items()
            if sources
        ]
        return {"kernels": kernels, "nextPageToken": ""}

    def _GetKernelSessionStatus(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        if not self._known(body):
            return Fault(403, DENIED["message"])
        return {"status": self.state, "failureMessage": self.failure}

    def _ListKernelSessionOutput(self, body: dict[str, Any]) -> dict[str, Any] | Fault:
        if not self._known(body):
            return Fault(403, DENIED["message"])
        first = int(body.get("pageToken") or 0)
        last = first + min(int(body.get("pageSize") or 20), self.page_size)
        names = list(self.files)
        return {
            "files": [
                {"url": f"http://localhost/files/{name}?signature=abc", "fileName": name}
                for name in names[first:last]
            ],
            "log": json.dumps(self.events()),
            "nextPageToken": str(last) if last < len(names) else "",
        }

    def events(self) -> list[dict[str, Any]]:
        """The log as Kaggle keeps it."""
        return log_events(*(f"{line}\n" for line in self.log))

    def _GetAcceleratorQuotaStatistics(self, body: dict[str, Any]) -> dict[str, Any]:
        used, allowed = (f"{int(hours * 3600)}s" for hours in self.hours)
        return {
            "quotaRefreshTime": "2026-11-28T00:00:00Z",
            "gpuQuota": {"timeUsed": used, "totalTimeAllowed": allowed},
            "tpuQuota": {"timeUsed": "0s", "totalTimeAllowed": "72000s"},
        }

    def _CreateCodeSubmission(self, body: dict[str, Any]) -> dict[str, Any]:
        ref = 1000 + len(self.submissions)
        submission = {
            "ref": ref,
            "date": f"2026-11-20T10:00:{len(self.submissions):02}Z",
            "description": body.get("submissionDescription", ""),
            "fileName": body.get("fileName", ""),
            "status": "PENDING",
            "publicScore": "",
            "privateScore": "",
        }
        self.submissions.insert(0, submission)
        return {"message": "Successfully submitted to Generative Dog Images", "ref": ref}

    def _ListSubmissions(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"submissions": self.submissions, "nextPageToken": ""}

    def _GetSubmissionLimits(self, body: dict[str, Any]) -> dict[str, Any]:
        return {"numToday": len(self.submissions), "numAllowedNow": 5 - len(self.submissions)}


def client_mends() -> bool:
    """Whether the installed client goes on by itself with a file that broke off: from 2.2.5 on."""
    return Version(metadata.version("kaggle")) >= Version("2.2.5")


def log_events(*written: str, stream: str = "stdout") -> list[dict[str, Any]]:
    """A session's log as Kaggle keeps it: an event for each text that was written, at its time."""
    return [
        {"stream_name": stream, "time": float(number), "data": text}
        for number, text in enumerate(written)
    ]


class _Endless(deque[Any]):
    def popleft(self) -> Any:
        return self[0]


def _handler(kaggle: KaggleServer) -> type[BaseHTTPRequestHandler]:
    """The handler of one server: over a proxy, so paths are whole addresses."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            method = self.path.rpartition("/")[2]
            self.note(method, body)
            scripted = kaggle._scripts[method].popleft() if kaggle._scripts[method] else None
            if isinstance(scripted, Lost):
                if scripted.done:
                    kaggle.usual(method, body)
                return self.lose(scripted)
            if isinstance(scripted, Fault):
                return self.fault(scripted)
            if kaggle.credentials and method != "IntrospectToken" and not self.trusted():
                return self.fault(Fault(401, "Unauthenticated"))
            answer = kaggle.usual(method, body)
            if isinstance(answer, Fault):
                return self.fault(answer)
            return self.send(200, json.dumps(answer | (scripted or {})).encode())

        def do_GET(self) -> None:
            path = unquote(urlsplit(self.path).path)
            kind = "file" if path.startswith("/files/") else "logs"
            self.note(kind, {"path": path})
            scripted = kaggle._scripts[kind].popleft() if kaggle._scripts[kind] else None
            if isinstance(scripted, Lost):
                return self.lose(scripted)
            if isinstance(scripted, Fault):
                return self.fault(scripted)
            if kind == "logs":
                return self.stream() if kaggle.state in ("QUEUED", "RUNNING") else self.blob()
            return self.file(path.removeprefix("/files/"))

        def note(self, method: str, body: dict[str, Any]) -> None:
            kaggle.received.append(Received(method, body, dict(self.headers)))

        def trusted(self) -> bool:
            basic = base64.b64encode(f"{USER}:{KEY}".encode()).decode()
            return self.headers.get("Authorization") in (f"Basic {basic}", f"Bearer {TOKEN}")

        def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | (headers or {})).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def fault(self, fault: Fault) -> None:
            body = {"code": fault.status, "message": fault.message}
            text, kind = (
                (json.dumps(body), "application/json")
                if fault.explained
                else ("<html>sorry</html>", "text/html")
            )
            self.send(fault.status, text.encode(), {"Content-Type": kind} | fault.headers)

        def lose(self, lost: Lost) -> None:
            if lost.hang:
                kaggle._over.wait()
            self.close_connection = True  # without a byte

        def blob(self) -> None:
            self.send(200, json.dumps(kaggle.events()).encode())

        def stream(self) -> None:
            """The live log: what is there, and what comes while the session runs."""
            self.protocol_version = "HTTP/1.1"  # in chunks, or the client would wait for more
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = 0
            while not kaggle._over.is_set():
                running = kaggle.state in ("QUEUED", "RUNNING")
                for event in kaggle.events()[sent:]:
                    self.chunk(f"data: {json.dumps(event)}\n\n")
                    sent += 1
                if not running:
                    self.chunk("data: END_OF_LOG\n\n")
                    break
                time.sleep(0.02)
            self.chunk("")
            self.close_connection = True

        def chunk(self, text: str) -> None:
            data = text.encode()
            self.wfile.write(b"%X\r\n%s\r\n" % (len(data), data))
            self.wfile.flush()

        def file(self, name: str) -> None:
            if name not in kaggle.files:
                return self.fault(Fault(404, "no such file", explained=False))
            content = kaggle.files[name]
            wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            first = int(wanted[1]) if wanted else 0
            body = content[first:]
            self.send_response(206 if wanted else 200)
            if wanted:
                self.send_header(
                    "Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}"
                )
            self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{hash(content) & 0xFFFF:x}"')
            self.send_header("Last-Modified", MODIFIED)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            cuts = kaggle.cuts[name]
            self.wfile.write(body[: cuts.pop(0)] if cuts else body)
            return None

        def handle(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client was ended
                super().handle()

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
