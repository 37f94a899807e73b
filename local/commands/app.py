"""`python -m local app`: dogs on demand, as a page in the browser."""

import argparse
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from local.browser import open_page
from local.commands.arguments import DEVICE_HELP, parser
from local.data.default import data_path
from local.progress import say
from local.train import devices
from local.trained import load

HOST, PORT = "127.0.0.1", 7860
EXAMPLES = """\
  python -m local app runs/best --open
  python -m local app runs/best --data generative-dog-images.zip --graph graph_def.pb
  python -m local app runs/best --port 0
Ctrl-C ends it. It is for this machine alone unless --host says otherwise."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    # Gradio counts its uses and looks for a newer release of itself, unless it is told not to.
    os.environ |= {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_DISABLE_TELEMETRY": "1"}
    from local.app.neighbours import neighbours  # noqa: PLC0415  (Gradio takes seconds to load)
    from local.app.opened import opened  # noqa: PLC0415
    from local.app.page import build  # noqa: PLC0415
    from local.app.server import free, served  # noqa: PLC0415

    port = free(options.host, options.port)  # before the features, which may take minutes
    device = devices.choose(options.device)
    dogs = opened(load(options.run, device), device)
    data = data_path(options.data) if options.data else None
    nearest = neighbours(options.run, data, options.graph, device.device.type)
    if nearest is None:
        say("no training pictures at hand; --data PATH for those nearest to a dog")
    if options.host not in ("127.0.0.1", "localhost", "::1"):
        say(f"--host {options.host}: whoever reaches it can use the page; there is no password")
    with served(build(dogs, nearest), options.host, port) as url:
        print(url, flush=True)
        say("Ctrl-C ends it")
        if options.open:
            open_page(url)
        with suppress(KeyboardInterrupt):  # the way to end it
            threading.Event().wait()
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("app", "Dogs on demand: a page in the browser.", EXAMPLES)
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument(
        "--host", default=HOST, help="address to listen on (%(default)s: this machine alone)"
    )
    command.add_argument(
        "--port", type=_port, default=PORT, help="0 for any that is free (%(default)s)"
    )
    command.add_argument(
        "--open", action="store_true", help="open the page, where there is a screen"
    )
    command.add_argument(
        "--data",
        type=Path,
        metavar="PATH",
        help="what the run was trained on, to show the pictures nearest to a dog (default: found in"
        " the cache, if it was prepared here)",
    )
    command.add_argument(
        "--graph",
        type=Path,
        metavar="FILE",
        help="the network by whose features they are near, a frozen graph (default: $MIFID_GRAPH,"
        " the fetched one, or none: by their pixels)",
    )
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    return command.parse_args(words)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is not a port, from 0 to 65535")
    return int(text)
