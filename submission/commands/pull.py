"""`python -m submission pull`: brings home what a version on Kaggle made."""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from local.commands.arguments import add_graph, count, positive
from local.progress import say
from submission.archive import IMAGES
from submission.commands import Commands, command
from submission.commands.kernel import add_kernel, kernel_of
from submission.ledger_rows import of_run
from submission.pull import Pulled, pull

EXAMPLES = """\
examples:
  python -m submission pull
  python -m submission pull --real generative-dog-images.zip --graph classify_image_graph_def.pb
  python -m submission pull yourname/generative-dogs-best-dcgan --version 3 --out third"""

LONGEST = 1800.0  # seconds for one attempt: 100 MB at half a megabit a second


def add(commands: Commands) -> None:
    """Puts the command on the parser."""
    about = "fetches, checks and scores what a version on Kaggle made"
    parser = command(commands, "pull", run, about, EXAMPLES)
    option = parser.add_argument
    add_kernel(parser)
    option("--version", type=count, metavar="N", help="must be the latest, or lie here already")
    option("--out", type=Path, metavar="DIR", help="default: runs/kernels/OWNER/SLUG/vN")
    option("--real", type=Path, metavar="PATH", help="the training pictures, to score against")
    about = "for an attempt at the download (30 minutes)"
    option("--timeout", type=positive, default=LONGEST, metavar="S", help=about)
    add_graph(parser)


def run(options: argparse.Namespace) -> int:
    """Brings home what a version on Kaggle made."""
    pulled = pull(
        kernel_of(options),
        options.version,
        options.out,
        real=options.real,
        graph=options.graph,
        seconds=options.timeout,
    )
    for warning in pulled.warnings:
        say(f"warning: {warning}")
    print(json.dumps(asdict(pulled)) if options.json else text(pulled))
    return 0 if pulled.ok else 1


def text(pulled: Pulled) -> str:
    """What came, for people; the verdict last."""
    lines = [f"{pulled.kernel} version {pulled.version}: {pulled.state or 'state unknown'}"]
    rows = [("folder", pulled.folder)]
    if pulled.images:
        size = f"{pulled.images['bytes']:,} bytes"
        rows.append((IMAGES, f"{pulled.images['images']:,} pictures, {size}, valid"))
    rows += facts(of_run(pulled.result | (pulled.images or {}).get("comment", {})))
    rows += scored(pulled)
    rows += [("ledger", f"row {pulled.row}")] if pulled.row else []
    lines += [f"  {name:<11} {value}" for name, value in rows]
    lines += [f"failed: {failure}" for failure in pulled.failures]
    if pulled.ok:
        lines.append(f"next: python -m submission submit --version {pulled.version}")
    return "\n".join(lines)


def facts(values: dict[str, Any]) -> list[tuple[str, str]]:
    """What the run said of itself."""
    shown = {
        "recipe": values.get("recipe"),
        "commit": str(values.get("commit") or "")[:12],
        "device": values.get("device"),
        "trained": ", ".join(
            f"{values[name]:,.1f} {unit}"
            for name, unit in {"minutes": "min", "kimg": "kimg"}.items()
            if name in values
        ),
    }
    return [(name, str(value)) for name, value in shown.items() if value]


def scored(pulled: Pulled) -> list[tuple[str, str]]:
    """The scores, under the name that they may have; or how to get them."""
    if scores := pulled.scores:
        names = {"fid": "FID", "mifid": "MiFID", "kid": "KID", "distance": "distance"}
        values = [f"{name} {scores[key]:.5g}" for key, name in names.items() if scores.get(key)]
        return [("scored", f"{', '.join(values)}: {scores['label']}")]
    if not pulled.images:
        return []
    again = f"history score {pulled.row}" if pulled.row else f"pull --version {pulled.version}"
    return [("not scored", f"python -m submission {again} --real PATH [--graph FILE]")]
