"""`python -m local compare`: recipes side by side, on the same data and for the same time."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from local.atomic import replacing
from local.commands.arguments import (
    DEVICE_HELP,
    add_data,
    add_graph,
    count,
    output_folder,
    parser,
    positive,
    seed,
)
from local.compare import budgets
from local.compare.comparison import SHOWN, Comparison
from local.compare.judge import Judge
from local.compare.picture import picture
from local.compare.remarks import remarks
from local.compare.request import chosen
from local.compare.row import Row
from local.compare.table import Table
from local.data.default import data_path
from local.errors import InputError
from local.judging import real_side
from local.lock import exclusive
from local.pictures import save_png
from local.recipes import Recipe
from local.train import devices
from local.train.clock import Budget
from local.train.cluster import refuse
from mifid.network import open_network
from mifid.pictures import evenly_spaced

EXAMPLES = """\
  python -m local compare best-dcgan ralsgan autoencoder --minutes 5
  python -m local compare all --data generative-dog-images.zip --minutes 20 --out runs/all
  python -m local compare dcgan basic-gan --steps 500 --images 500 batch=64 crop=squash
The same --out again goes on where the comparison stopped."""


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    refuse("compare", "start it without torchrun, which train is for")
    options = _parse(words)
    recipes = chosen(options.words, options.seed)
    _several("--images", options.images)
    budget = Budget(options.minutes * 60 if options.minutes else None, options.steps)
    device = devices.choose(options.device).for_budget(budget)
    # Opened before the training, so that a graph that is not there costs no hours.
    network = open_network(options.graph, device=device.device.type)
    data, folder = data_path(options.data), output_folder(options.out)
    comparison = Comparison(data, folder, budget, device)
    with exclusive(folder):
        comparison.claim(recipes)
        reals = real_side(data, network, options.real_limit)
        _several("real pictures", len(reals.labels))
        judge = Judge(network, reals, options.images, device.device)
        table = None
        rows: list[Row] = []
        try:
            for row in comparison.rows(recipes, judge):
                rows.append(row)
                table = _write(comparison, recipes, rows, judge)
        except KeyboardInterrupt:
            print("stopped; the same command goes on from there", file=sys.stderr)
            return 130
    assert table is not None  # there is one recipe at least
    print(table.json() if options.json else table.markdown(), end="\n" if options.json else "")
    return 1 if any(row.error for row in rows) else 0


def _write(
    comparison: Comparison, recipes: Sequence[Recipe], rows: Sequence[Row], judge: Judge
) -> Table:
    """Writes what there is so far: a comparison of hours may be stopped."""
    table = Table(
        data=str(comparison.data),
        budget=budgets.said(comparison.budget),
        seed=recipes[0].seed,
        device=comparison.device.name,
        images=judge.images,
        real_images=len(judge.reals.features),
        network=judge.network.name,
        graph=judge.network.identity,
        rows=list(rows),
        remarks=remarks(recipes, rows),
    )
    texts = {"md": table.markdown(), "csv": table.csv(), "json": table.json() + "\n"}
    for suffix, text in texts.items():
        with replacing(comparison.folder / f"compare.{suffix}") as partial:
            partial.write_text(text, encoding="utf-8")
    reals = judge.reals.pictures
    shown = reals[evenly_spaced(len(reals), SHOWN)]
    save_png(picture(rows, shown, table.caption), comparison.folder / "compare.png")
    return table


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser("compare", "Trains recipes alike and sets them side by side.", EXAMPLES)
    command.add_argument(
        "words",
        nargs="+",
        metavar="RECIPE",
        help="recipes by name, or all; key=value among them is a setting of every one",
    )
    add_data(command)
    budget = command.add_mutually_exclusive_group(required=True)
    budget.add_argument("--minutes", type=positive, metavar="M", help="of training, each recipe")
    budget.add_argument("--steps", type=count, metavar="S", help="of training, each recipe")
    command.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("runs/compare"), help="folder (%(default)s)"
    )
    command.add_argument(
        "--images", type=count, default=2000, metavar="N", help="pictures to score, each (2,000)"
    )
    command.add_argument(
        "--real-limit", type=count, default=5000, metavar="R", help="real pictures (5,000)"
    )
    add_graph(command)
    command.add_argument("--seed", type=seed, default=0, help="of every recipe (0)")
    command.add_argument("--device", default="auto", help=DEVICE_HELP)
    command.add_argument("--json", action="store_true", help="print compare.json")
    return command.parse_intermixed_args(words)


def _several(what: str, count: int) -> None:
    if count < 2:
        raise InputError(f"{what}: {count} is too few; a score needs at least 2 of each side")
