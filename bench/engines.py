"""`python -m bench engines`: pictures a second through the metric's network, engine by engine.

The first side is the same network as plain torch: eager, float32, the usual order of memory.
"""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from bench.form import Measured, carry_out, command
from bench.sides import alternate
from bench.train import sync_of
from local.commands.arguments import count
from local.train import devices
from mifid.device import full_precision
from mifid.graph import read_graph
from mifid.network import PRECISIONS, open_network
from mifid.openvino_module import installed
from mifid.pictures import open_pictures
from mifid.profiles import PUBLIC
from mifid.translate import translate

EXAMPLE = "--graph GRAPH.pb --data generative-dog-images.zip"
BATCH = 16  # of the plain side


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("engines", __doc__, 5, EXAMPLE)
    parser.add_argument("--graph", type=Path, required=True, metavar="FILE")
    parser.add_argument("--data", type=Path, required=True, metavar="PATH", help="real pictures")
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto"
    )
    parser.add_argument("--images", type=count, default=64, metavar="N", help="a round (64)")
    return carry_out("engines", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    device = devices.choose(options.device)
    on_cpu = device.device.type == "cpu"
    with open_pictures(options.data, "real", options.images) as found:
        pictures = torch.cat([torch.from_numpy(batch).float() for batch in found.batches(64)])
    pictures = pictures.to(device.device)
    sides = {"plain torch": _work(_plain(options.graph).to(device.device), pictures, BATCH)}
    for backend in ("torch", "openvino") if on_cpu and installed() else ("torch",):
        for precision in PRECISIONS:
            network = open_network(
                options.graph, backend=backend, precision=precision, device=device.device.type
            )
            if network.precision == precision:  # a processor may have no bfloat16
                name = f"{backend}, {precision}"
                sides[name] = _work(network.module, pictures, network.batch)
    about = f"{len(pictures)} pictures of {options.data}, {options.graph.name}, {device.name}"
    with full_precision():  # as in a score: float32 is float32 on a GPU, too
        rates = alternate(sides, len(pictures), options.rounds, sync_of(device))
    return Measured(about, rates)


def _plain(graph: Path) -> nn.Module:
    module = translate(read_graph(graph), PUBLIC.input, PUBLIC.output)
    return module.to(memory_format=torch.contiguous_format)


def _work(module: nn.Module, pictures: Tensor, batch: int) -> Callable[[], None]:
    def work() -> None:
        with torch.inference_mode():
            for part in pictures.split(batch):
                module(part)

    return work
