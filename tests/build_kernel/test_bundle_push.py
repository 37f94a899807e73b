"""Kaggle's own client accepts what was built, shown against a server on this machine."""

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

import build_kernel

KAGGLE = shutil.which("kaggle", path=str(Path(sys.executable).parent))
KINDS = (("kernel.py", "script"), ("kernel.ipynb", "notebook"))
ACCEPTED = {
    "ref": "/code/me/generative-dogs-mini",
    "url": "https://www.kaggle.com/code/me/generative-dogs-mini",
    "versionNumber": 1,
    "kernelId": 42,
    "error": "",
    "invalidTags": [],
    "invalidDatasetSources": [],
    "invalidCompetitionSources": [],
    "invalidKernelSources": [],
    "invalidModelSources": [],
}


@pytest.fixture
def server():
    """Answers every save of a kernel, and keeps what was sent."""
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.path.endswith("KernelsApiService/SaveKernel"):
                received.append(json.loads(body))
            answer = json.dumps(ACCEPTED).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    yield listening.server_port, received
    listening.shutdown()
    listening.server_close()


@pytest.mark.skipif(KAGGLE is None, reason="the kaggle client is not installed beside Python")
@pytest.mark.parametrize("options", [["-p", "kernel"], []], ids=["-p kernel", "plain"])
@pytest.mark.parametrize(("name", "kind"), KINDS, ids=[kind for _, kind in KINDS])
def test_a_push_sends_exactly_the_kernel(project, bundle, server, tmp_path, options, name, kind):
    source = "'''Größe'''\r\n\r\ndef main(build, started):\r\n    return 0\r\n"
    root = project({"local/kernel.py": source})
    text = bundle(root, as_notebook=kind == "notebook").text
    build_kernel.write(root / "kernel" / name, text)
    for path, code_file in (("kernel/", name), ("", f"kernel/{name}")):
        fields = build_kernel.metadata("me", "Generative dogs mini", code_file)
        build_kernel.write(root / f"{path}kernel-metadata.json", fields)

    port, received = server
    hidden = {"NO_PROXY", "no_proxy", "KAGGLE_CONFIG_DIR", "KAGGLE_API_TOKEN"}
    pushed = subprocess.run(
        [str(KAGGLE), "kernels", "push", *options],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name not in hidden}
        | {
            "HOME": str(tmp_path),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "HTTP_PROXY": f"http://127.0.0.1:{port}",
            "KAGGLE_USERNAME": "me",
            "KAGGLE_KEY": "none",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "successfully pushed" in pushed.stdout, pushed.stdout + pushed.stderr
    assert "does not resolve" not in pushed.stdout  # the title gives the slug
    (sent,) = received
    if kind == "notebook":  # Kaggle's client joins the lines of a cell, and writes it anew
        expected = json.loads(text)
        for cell in expected["cells"]:
            cell["source"] = "".join(cell["source"])
        assert json.loads(sent["text"]) == expected
    else:
        assert sent["text"].encode() == (root / "kernel" / name).read_bytes()
    assert sent["slug"] == "me/generative-dogs-mini"
    assert sent["enableInternet"] is False
    assert sent["isPrivate"] is True
    assert sent["enableGpu"] is True
    assert sent["machineShape"] == "NvidiaTeslaT4"
    assert sent["competitionDataSources"] == ["generative-dog-images"]
    assert (sent["language"], sent["kernelType"]) == ("python", kind)
