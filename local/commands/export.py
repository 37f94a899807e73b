"""`python -m local export`: a run's generator as a folder that runs anywhere, without the kit."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from local import exported
from local.app.opened import opened
from local.commands.arguments import parser
from local.export import card, licences, modules, network
from local.export.folder import check, placing
from local.pictures import save_png, sheet
from local.progress import say
from local.project import ROOT
from local.report.folder import open_folder
from local.sampling import draw
from local.train import devices
from local.trained import load

EXAMPLES = """\
  python -m local export runs/best --to space
  hf repos create YOUR_NAME/dogs --type space --sdk gradio
  hf upload YOUR_NAME/dogs space . --type space
  python space/app.py"""
LARGE = "".join(
    f"*{end} filter=lfs diff=lfs merge=lfs -text\n" for end in (".safetensors", ".onnx")
)


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parse(words)
    licence = licences.checked(options.licence)
    check(options.to)
    network.check_packages()
    device = devices.choose("cpu")  # where most of those who run it will
    trained = load(options.run, device)
    dogs = opened(trained, device)
    with placing(options.to) as folder:
        code = modules.collect()
        modules.write(code, folder)
        (folder / "requirements.txt").write_text(modules.requirements(code.packages))
        exported.save(dogs, folder)
        say(f"the network as {network.FILE}, and whether it draws the same")
        apart = network.write(dogs, folder / network.FILE)
        few = draw(trained.recipe, trained.classes, card.SHOWN, trained.recipe.seed)
        save_png(sheet(dogs.pictures(few)), folder / card.SHEET)
        about = card.card(trained, open_folder(options.run, images=0), licence, apart)
        (folder / "README.md").write_text(about, encoding="utf-8")
        (folder / "LICENSE").write_bytes((ROOT / "LICENSE").read_bytes())
        (folder / ".gitattributes").write_text(LARGE)
    say(f"pictures of {network.FILE}: at most {apart:.1g} apart, of values in -1..1")
    print(options.to)
    return 0


def _parse(words: Sequence[str]) -> argparse.Namespace:
    command = parser(
        "export", "Writes a folder that a Hugging Face Space runs as it is, and ONNX.", EXAMPLES
    )
    command.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    command.add_argument(
        "--to",
        type=Path,
        required=True,
        metavar="DIR",
        help="a new folder, or an earlier export that nobody has changed",
    )
    command.add_argument(
        "--licence",
        default=licences.OTHER,
        metavar="ID",
        help="of the weights, as the Hub names it (mit, cc-by-nc-4.0, ...), which depends on the"
        " pictures (%(default)s)",
    )
    return command.parse_args(words)
