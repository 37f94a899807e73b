"""`python -m bench engines`: pictures a second through the metric's network, engine by engine.

The first side is the same network as plain torch: eager, float32, the usual order of memory.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.sides import alternate, machine
from local.commands.arguments import Parser, count
from local.errors import guarded
from mifid.errors import InputError
from mifid.graph import read_graph
from mifid.network import PRECISIONS, open_network
from mifid.openvino_module import installed
from mifid.pictures import open_pictures
from mifid.profiles import PUBLIC
from mifid.translate import translate

EXAMPLE = "example:\n  python -m bench engines --graph GRAPH.pb --data generative-dog-images.zip"
BATCH = 16  # of the plain side


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    command = Parser(
        prog="python -m bench engines",
        description=__doc__,
        epilog=EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.add_argument("--graph", type=Path, required=True, metavar="FILE")
    command.add_argument("--data", type=Path, required=True, metavar="PATH", help="real pictures")
    command.add_argument("--images", type=count, default=64, metavar="N", help="a round (64)")
    command.add_argument("--rounds", type=count, default=5, metavar="R", help="in turn (5)")
    command.add_argument("--json", action="store_true", help="print one JSON object")
    options = command.parse_args(words)
    return guarded("bench engines", lambda: _run(options), (InputError,))


def _run(options: argparse.Namespace) -> int:
    with open_pictures(options.data, "real", options.images) as found:
        pictures = torch.cat([torch.from_numpy(batch).float() for batch in found.batches(64)])
    sides = {"plain torch": _work(_plain(options.graph), pictures, BATCH)}
    for backend in ("torch", "openvino") if installed() else ("torch",):
        for precision in PRECISIONS:
            network = open_network(
                options.graph, backend=backend, precision=precision, device="cpu"
            )
            if network.precision == precision:  # a processor may have no bfloat16
                name = f"{backend}, {precision}"
                sides[name] = _work(network.module, pictures, network.batch)
    rates = alternate(sides, len(pictures), options.rounds, lambda: None)
    if options.json:
        print(json.dumps({rate.name: rate.rounds for rate in rates}))
        return 0
    print(f"{machine()}\n{len(pictures)} pictures of {options.data}, {options.graph.name}")
    for rate in rates:
        ratios = [a / b for a, b in zip(rate.rounds, rates[0].rounds, strict=True)]
        print(
            f"{rate}   {rate.median / rates[0].median:.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        )
    return 0


def _plain(graph: Path) -> nn.Module:
    module = translate(read_graph(graph), PUBLIC.input, PUBLIC.output)
    return module.to(memory_format=torch.contiguous_format)


def _work(module: nn.Module, pictures: Tensor, batch: int) -> Callable[[], None]:
    def work() -> None:
        with torch.inference_mode():
            for part in pictures.split(batch):
                module(part)

    return work
