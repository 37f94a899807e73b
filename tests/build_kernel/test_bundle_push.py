"""Kaggle's own client accepts what was built, shown against a server on this machine."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from kaggle_server import KEY, USER, KaggleServer

import build_kernel

KAGGLE = shutil.which("kaggle", path=str(Path(sys.executable).parent))
KINDS = (("kernel.py", "script"), ("kernel.ipynb", "notebook"))


@pytest.fixture
def server():
    """Answers as Kaggle does, and keeps what was sent."""
    listening = KaggleServer()
    yield listening
    listening.close()


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

    hidden = {"NO_PROXY", "no_proxy", "KAGGLE_CONFIG_DIR", "KAGGLE_API_TOKEN"}
    pushed = subprocess.run(
        [str(KAGGLE), "kernels", "push", *options],
        cwd=root,
        env={name: value for name, value in os.environ.items() if name not in hidden}
        | {
            "HOME": str(tmp_path),
            "KAGGLE_API_ENVIRONMENT": "LOCALHOST",
            "HTTP_PROXY": server.address,
            "KAGGLE_USERNAME": USER,
            "KAGGLE_KEY": KEY,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "successfully pushed" in pushed.stdout, pushed.stdout + pushed.stderr
    assert "does not resolve" not in pushed.stdout  # the title gives the slug
    (sent,) = server.asked("SaveKernel")
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
