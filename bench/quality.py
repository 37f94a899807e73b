"""`python -m bench quality`: recipes trained alike, and what a whole submission of each is worth.

Built on `python -m local compare`: the same budget, data and device for all, one after another;
here the pictures are as many as Kaggle takes, against all real ones, for several seeds. Beside the
FID stands that on the network's layer of 768 features, whose weights any graph of that form has
exactly. The same --out goes on where it stopped.
"""

import argparse
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.sides import machine
from local.commands.arguments import DEVICE_HELP, Parser, count, output_folder, positive, seed
from local.compare.comparison import Comparison, explained
from local.compare.judge import Judge
from local.compare.request import chosen
from local.compare.row import Row
from local.errors import InputError, guarded
from local.judging import Reals, fake_side, real_side
from local.lock import exclusive
from local.progress import say
from local.sampling import draw
from local.train import devices
from local.train.clock import Budget
from local.train.devices import Device
from local.trained import load
from mifid import errors, history
from mifid.frechet import frechet_distance, moments
from mifid.network import Network, open_network
from submission import archive

LAYER = "768"
EXAMPLES = """\
examples:
  python -m bench quality best-dcgan ralsgan --data generative-dog-images.zip \\
      --graph classify_image_graph_def.pb --minutes 60 --seeds 0 1 --out runs/quality

The table is Markdown. Exit code: 0 done, 1 a recipe failed, 2 wrong input."""
# By heading: the field of a row, and the format of a number.
COLUMNS = {
    "recipe": ("recipe", ""),
    "seed": ("seed", ""),
    "img/s": ("images_per_second", ",.0f"),
    "kimg": ("kimg", ",.0f"),
    "FID": ("fid", ".4g"),
    "of the first": ("share", ".2f"),
    "KID": ("kid", ".3g"),
    "MiFID": ("mifid", ".4g"),
    f"FID {LAYER}": ("fid_of_layer", ".4g"),
    "distance": ("distance", ".3f"),
    "label": ("label", ""),
}


@dataclass(frozen=True)
class Sides:
    """The networks that judge, and all real pictures as each of them sees them."""

    network: Network
    reals: Reals
    layer: Network
    layer_reals: Reals


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse_intermixed_args(words)
    bad_input = (InputError, errors.InputError)
    return guarded(
        "bench quality", lambda: _run(options, words), bad_input, (OSError, errors.WorkError)
    )


def _parser() -> Parser:
    parser = Parser(
        prog="python -m bench quality",
        description=__doc__,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("words", nargs="+", metavar="RECIPE", help="recipes, and key=value settings of them all")
    add("--data", type=Path, required=True, metavar="PATH", help="pictures, trained on and real")
    add("--graph", type=Path, required=True, metavar="FILE", help="the network, a frozen .pb")
    add("--minutes", type=positive, required=True, metavar="M", help="of training, each")
    add("--seeds", type=seed, nargs="+", default=[0], metavar="S", help="of each recipe (0)")
    add("--images", type=count, default=archive.COUNT, metavar="N", help="to score (%(default)s)")
    add("--device", default="auto", help=DEVICE_HELP)
    add("--out", type=Path, default=Path("runs/quality"), metavar="DIR", help="(%(default)s)")
    add("--json", action="store_true", help="print one JSON object")
    return parser


def _run(options: argparse.Namespace, words: Sequence[str]) -> int:
    asked = {number: chosen(options.words, number) for number in dict.fromkeys(options.seeds)}
    budget = Budget(seconds=options.minutes * 60)
    device = devices.choose(options.device).for_budget(budget)
    say(f"features of the real pictures, by the network and by its layer {LAYER}")
    sides = _sides(options.data, options.graph, device.device.type)
    judge = Judge(sides.network, sides.reals, options.images, device.device)
    folder = output_folder(options.out)
    head = {
        "machine": f"{machine()}; trained on {device.name}",
        "command": shlex.join(["python", "-m", "bench", "quality", *words]),
        "data": f"{options.data.name}, {len(sides.reals.labels):,} real pictures",
    }
    rows: list[dict[str, Any]] = []
    with exclusive(folder):
        for number, recipes in asked.items():
            comparison = Comparison(options.data, folder / f"seed-{number}", budget, device)
            comparison.claim(recipes)
            say(f"seed {number}")
            for row in comparison.rows(recipes, judge):
                judged = _with_layer(row, comparison.folder, device, options.images, sides)
                rows.append(judged | {"seed": number})
                history.append(folder / "quality.jsonl", rows[-1], head)
    if options.json:
        print(json.dumps(head | {"rows": rows}, allow_nan=False))
    else:
        print("\n".join([*head.values(), "", *_table(rows)]))
    return 1 if any(row["error"] for row in rows) else 0


def _sides(data: Path, graph: Path, device: str) -> Sides:
    network = open_network(graph, device=device)
    layer = open_network(graph, layer=LAYER, device=device)
    return Sides(network, real_side(data, network), layer, real_side(data, layer))


def _with_layer(
    row: Row, folder: Path, device: Device, images: int, sides: Sides
) -> dict[str, Any]:
    """A row, and the FID on the earlier layer; where that fails, the row keeps what it has."""
    judged = row.as_dict() | {"fid_of_layer": None}
    if row.error:
        return judged
    try:
        fid = _fid_of_layer(folder / row.recipe, device, images, sides)
        return judged | {"fid_of_layer": fid}
    except Exception as error:  # whatever it is, the other recipes' hours go on
        why = f"FID {LAYER}: {explained(error)}"
    say(f"{row.recipe}: {why}")
    return judged | {"error": why}


def _fid_of_layer(run: Path, device: Device, images: int, sides: Sides) -> float:
    """The FID of the same pictures on the earlier layer."""
    trained = load(run, device)
    draws = draw(trained.recipe, trained.classes, images, trained.recipe.seed)
    _, fakes = fake_side(trained.generator, draws, device.device, sides.layer)
    return frechet_distance(moments(fakes.values), moments(sides.layer_reals.features.values))


def _table(rows: Sequence[dict[str, Any]]) -> list[str]:
    """Lines of Markdown, one a recipe and seed."""
    lines = [_line(COLUMNS), _line("---" for _ in COLUMNS)]
    return lines + [_line(_cells(row, rows[0])) for row in rows]


def _cells(row: dict[str, Any], first: dict[str, Any]) -> Iterator[str]:
    """A row's cells; a recipe that failed has its error in place of its label."""
    share = row["fid"] / first["fid"] if row["fid"] and first["fid"] else None
    values = row | {"share": share, "label": row["error"] or row["label"]}
    for name, form in COLUMNS.values():
        yield "" if values[name] is None else format(values[name], form)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
