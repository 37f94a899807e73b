"""``python -m mifid``: scores pictures, saves features, fetches the published graph."""

import argparse
import json
import os
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from PIL import Image

from mifid import breeds, cache, history, published, report, sheet
from mifid.backend import BACKENDS
from mifid.errors import InputError, WorkError
from mifid.features import Features, check_alike, check_target, extract, save
from mifid.fetch import fetch
from mifid.network import PRECISIONS, open_network
from mifid.pictures import open_pictures
from mifid.processes import ALONE, Gone, Team, joined
from mifid.profiles import LAYERS, PROFILES, PUBLIC
from mifid.score import add_up, both_sides, score_sums

SCORE_HELP = """\
Scores generated pictures as Kaggle's "Generative Dog Images" did on its public leaderboard: FID,
divided by the distance to the nearest training picture when that is under 0.1. Lower is better.

other commands, each with its own --help:
  python -m mifid features PATH --out FILE.npz   save features, to be given in place of pictures
  python -m mifid fetch                          get the published network (96 MB)
  python -m mifid cache                          list or clear the real features that are kept

on several GPUs or machines, with the same result (docs/scale.md), started by torchrun:
  torchrun --nproc-per-node 4 -m mifid IMAGES --real PATH
"""
SCORE_EXAMPLES = """\
examples:
  python -m mifid images.zip --real generative-dog-images.zip
  python -m mifid images.zip --real real.npz --graph classify_image_graph_def.pb --json
  python -m mifid runs/7/images.zip --real all-dogs/ --limit 2000
  python -m mifid images.zip --real all-dogs/ --breeds --sheet nearest.png --history scores.jsonl

The network is --graph, else $MIFID_GRAPH, else the fetched one, else a small random one whose
scores are comparable with nothing. Exit code: 0 done, 1 the work failed, 2 wrong input.
A folder that has the name of a command is given as ./features, ./fetch or ./cache.
"""
FEATURES_EXAMPLES = """\
examples:
  python -m mifid features generative-dog-images.zip --out real.npz
  python -m mifid features images.zip --generated --out images.npz
"""
FETCH_EXAMPLES = """\
examples:
  python -m mifid fetch
  python -m mifid fetch --from ~/Downloads/inception-2015-12-05.tgz
"""

CACHE_EXAMPLES = """\
examples:
  python -m mifid cache
  python -m mifid cache --clear
"""

UNREAD = 128 + 13  # SIGPIPE's exit code, as a shell says it


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where argparse prints the usage too."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(2, f"{self.prog}: {message}; see --help\n")


def main(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    # Our own limit on pixels is the stricter one, and says which picture.
    warnings.simplefilter("ignore", Image.DecompressionBombWarning)
    warnings.filterwarnings("ignore", module=r"PIL\.")  # what matters in a picture is said by us
    team = ALONE
    try:
        with joined() as team:
            _run(arguments, team)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough, as `head` does
        _drop_output()
        return UNREAD
    except (InputError, WorkError, Gone) as error:
        line = " ".join(str(error).split())
        return team.fail(2 if isinstance(error, InputError) else 1, f"mifid: {line}")
    except torch.OutOfMemoryError:
        return team.fail(1, "mifid: the GPU's memory is full; give a smaller --batch")
    except OSError as error:  # a full disk, behind the standard output say
        _drop_output()
        return team.fail(1, f"mifid: {error}")
    except KeyboardInterrupt:
        return team.fail(130, "mifid: interrupted")
    return 0


def _drop_output() -> None:
    """Drop what cannot be printed.

    The interpreter would try again at its end, and complain where nobody can help it.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: Sequence[str], team: Team) -> None:
    alone: dict[str, Callable[[Sequence[str]], None]]
    alone = {"fetch": fetch_command, "cache": cache_command}
    command, *others = arguments or [""]
    if command in alone:
        if team.leads:
            alone[command](others)
    elif command == "features":
        features_command(others, team)
    else:
        score_command(arguments, team)


def score_command(arguments: Sequence[str], team: Team = ALONE) -> None:
    """Score and print, and write what else was asked for; the first process of the team does."""
    given = _score_parser().parse_args(arguments)
    start = time.perf_counter()
    names, sources = _prepared(given) if team.leads else ({}, {})
    fake, true = both_sides(
        given.images,
        given.real,
        given.graph,
        **_network_choice(given),
        batch=given.batch,
        limit=given.limit,
        team=team,
    )
    sums = add_up(fake, true)
    if given.interval or given.all or given.breeds:
        fake, true = _in_one_place(fake, true)
    if not team.leads:
        return
    profile = PROFILES[given.profile]
    result = score_sums(fake, true, sums, profile, given.limit)
    extras = report.margins(result)
    if given.interval:
        extras["interval"] = report.interval(fake, true, profile, sums.pairs)
    if given.all:
        extras |= report.all_metrics(fake, true)
    rows = breeds.by_breed(fake, true, sums.pairs, names) if given.breeds else []
    result = replace(result, seconds=time.perf_counter() - start)
    for warning in result.warnings:
        print(f"mifid: warning: {warning}", file=sys.stderr)
    score = result.as_dict() | extras
    if rows:
        score["breeds"] = [asdict(row) for row in rows]
    said = json.dumps(score, allow_nan=False) if given.json else report.table(result, extras, rows)
    # Printed first, and whatever comes of that: where one place is full, the others get the score.
    try:
        print(said, flush=True)
    finally:
        if given.history:
            history.append(given.history, score, sources)
        if given.sheet:
            sheet.write(given.sheet, result, given.images, given.real, fake, true, sums.pairs)


def _prepared(given: argparse.Namespace) -> tuple[dict[str, str], dict[str, Any]]:
    """Return the breeds' names and the history's sources, where they are asked for.

    What can be refused is refused here, and not after an hour's work.
    """
    if given.sheet:
        sheet.check(given.sheet, given.images, given.real)
    if given.history:
        history.check(given.history)
    names = breeds.known_names(given.real, given.limit) if given.breeds else {}
    sources = history.sources(given.images, given.real, given.graph) if given.history else {}
    return names, sources


def _in_one_place(fake: Features, true: Features) -> tuple[Features, Features]:
    """Return both sides with all their rows, which further metrics need, on the first process."""
    if fake.team.size > 1:
        size = sum(len(side) * side.values.shape[1] * side.values.itemsize for side in (fake, true))
        print(
            "mifid: --all, --interval and --breeds need all features in the first process:"
            f" {size / 1e9:.1f} GB",
            file=sys.stderr,
        )
    return fake.whole(), true.whole()


def features_command(arguments: Sequence[str], team: Team = ALONE) -> None:
    """Extract and save; the first process of the team writes what all have extracted."""
    about = "Saves the features of pictures, to be given to python -m mifid in their place."
    parser = _parser("python -m mifid features", about, FEATURES_EXAMPLES)
    parser.add_argument("path", metavar="PATH", type=Path, help="a folder or a zip of pictures")
    parser.add_argument("--out", metavar="FILE.npz", type=Path, required=True)
    parser.add_argument(
        "--generated",
        action="store_true",
        help="hold every picture to Kaggle's checks (PNG, RGB, 64x64) in place of squashing it",
    )
    _add_network_options(parser)
    given = parser.parse_args(arguments)
    if team.leads:
        check_target(given.out)
    network = open_network(given.graph, **_network_choice(given))
    with open_pictures(given.path, "generated" if given.generated else "real") as pictures:
        check_alike(team, network, given.batch, pictures)
        features = extract(pictures, network, given.batch, team)
    save(features, given.out)
    for note in features.notes:
        print(f"mifid: warning: {note}", file=sys.stderr)
    print(f"{given.out}: {len(features):,} pictures, network {network.name} {network.graph[:12]}")


def fetch_command(arguments: Sequence[str]) -> None:
    """Fetch and say where it is."""
    target = published.cached_graph()
    about = f"Gets the organisers' network, verifies it and keeps it as {target}."
    parser = _parser("python -m mifid fetch", about, FETCH_EXAMPLES)
    parser.add_argument("--url", default=published.ARCHIVE_URL, help="default: %(default)s")
    parser.add_argument(
        "--from",
        dest="source",
        type=Path,
        metavar="FILE",
        help="the archive, or the graph itself, downloaded by hand",
    )
    given = parser.parse_args(arguments)
    fresh = fetch(target, url=given.url, source=given.source)
    print(f"{target}: {'fetched and' if fresh else 'was there already,'} verified")


def cache_command(arguments: Sequence[str]) -> None:
    """List what is kept, or remove it."""
    about = "Lists the features of real pictures that are kept, so that they are computed once."
    parser = _parser("python -m mifid cache", about, CACHE_EXAMPLES)
    parser.add_argument("--clear", action="store_true", help="remove them all")
    if parser.parse_args(arguments).clear:
        print(f"{cache.folder()}: {cache.clear()} files removed")
        return
    files = cache.listing()
    for name, size in files:
        print(f"{size / 2**20:8.1f} MiB  {name}")
    print(f"{cache.folder()}: {len(files)} files, {sum(s for _, s in files) / 2**20:.1f} MiB")


def _score_parser() -> Parser:
    parser = _parser("python -m mifid", SCORE_HELP, SCORE_EXAMPLES)
    parser.add_argument("images", metavar="IMAGES", help="a folder, a zip or saved features")
    parser.add_argument("--real", metavar="PATH", required=True, help="the training pictures, same")
    _add_network_options(parser)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--limit",
        type=_positive,
        metavar="N",
        help="only N pictures of each side, evenly spaced in the order of their names",
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help="also KID, precision and recall, density and coverage, FID at infinity, authenticity",
    )
    parser.add_argument(
        "--interval", action="store_true", help="also how sure the score is: limits at 95 %%"
    )
    parser.add_argument(
        "--breeds", action="store_true", help="also breed by breed, and which are forgotten"
    )
    parser.add_argument(
        "--sheet",
        type=Path,
        metavar="PNG",
        help="draw the generated pictures nearest to a real one, beside that one",
    )
    parser.add_argument(
        "--history",
        type=Path,
        metavar="FILE",
        help="add the score to FILE, a line of JSON each, to be plotted later",
    )
    return parser


def _parser(prog: str, about: str, examples: str) -> Parser:
    return Parser(
        prog=prog,
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_network_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--graph", metavar="FILE", help="the frozen network, a .pb")
    parser.add_argument(
        "--profile",
        choices=PROFILES,
        default=PUBLIC.name,
        help="whose rules: the public leaderboard's (default) or the private one's (NASNet)",
    )
    parser.add_argument(
        "--layer",
        metavar="NAME",
        help=f"score on an earlier layer, averaged over space: {', '.join(LAYERS)} or a node",
    )
    parser.add_argument(
        "--backend", choices=BACKENDS, default="auto", help="what runs the graph (default: auto)"
    )
    parser.add_argument(
        "--precision",
        choices=PRECISIONS,
        default="exact",
        help="fast: half precision where it is harmless, about twice as fast, within 0.5 %%",
    )
    parser.add_argument(
        "--batch",
        type=_positive,
        metavar="N",
        help="pictures at once; more take more memory (default: what suits the device)",
    )
    parser.add_argument(
        "--device", choices=("auto", "cpu", "cuda"), default="auto", help="default: auto"
    )


def _network_choice(given: argparse.Namespace) -> dict[str, Any]:
    return {
        "profile": PROFILES[given.profile],
        "layer": given.layer,
        "backend": given.backend,
        "precision": given.precision,
        "device": given.device,
    }


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a whole number above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
