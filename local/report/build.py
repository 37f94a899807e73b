"""The page of a run, part by part."""

from collections.abc import Callable
from pathlib import Path

from tqdm import tqdm

from local.atomic import replacing
from local.errors import InputError, reason
from local.page import Section, document, paragraph
from local.report import beside, colour, curves, facts, fairness_part, frames, looks
from local.report.canvas import Canvas
from local.report.folder import Folder
from local.report.subject import Request, Subject, subject
from local.train.devices import Device
from mifid.errors import InputError as MetricInputError
from mifid.errors import WorkError
from submission.ledger import Ledger, Row

Parts = dict[str, tuple[str, Callable[[], list[str]]]]  # titles and makers, by the sections' keys
ORDER = (
    "grids", "reconstructions", "curves", "final", "breeds", "nearest", "walks", "truncation",
    "colours", "fairness", "timeline", "recipe", "hardware",
)  # fmt: skip


def build(request: Request, device: Device, canvas: Canvas) -> str:
    """The whole page of a run.

    Raises:
        InputError, mifid.errors.InputError: no run there; data or graph that cannot be used.
    """
    found = subject(request, device)
    parts = _from_folder(found.folder, canvas) | _from_pictures(found, canvas, request.images)
    order = tqdm([key for key in ORDER if key in parts], "page", disable=None, leave=False)
    sections = [_section(key, *parts[key]) for key in order]
    folder = found.folder
    return document(
        f"Run of {folder.name}",
        f"Folder {request.run.resolve().name}: what it draws, how it got there, what is left out.",
        cards(folder),
        [*_missing(folder), *sections],
        frames.SCRIPT,
    )


def sketch(folder: Folder, canvas: Canvas) -> list[Section]:
    """What is cheap: neither weights nor data are looked at."""
    parts = _from_folder(folder, canvas)
    return [_section(key, *part) for key, part in parts.items()]


def write(page: str, path: Path) -> None:
    """Puts the page in place, whole."""
    with replacing(path) as partial:
        partial.write_text(page, encoding="utf-8")


def _from_folder(folder: Folder, canvas: Canvas) -> Parts:
    parts: Parts = {
        "grids": ("The same latents over time", lambda: looks.over_time(folder, canvas)),
        "reconstructions": ("Reconstructions", lambda: looks.given_back(folder, canvas)),
        "curves": ("Curves", lambda: curves.blocks(folder, canvas)),
        "timeline": ("Where the time went", lambda: facts.timeline_blocks(folder, canvas)),
        "recipe": ("Recipe", lambda: facts.recipe_blocks(folder, canvas, _remembered(folder.path))),
        "hardware": ("Versions and hardware", lambda: facts.hardware_blocks(folder, canvas)),
    }
    if not folder.reconstructions:  # as of all runs but an autoencoder's
        del parts["reconstructions"]
    return parts


def _from_pictures(found: Subject, canvas: Canvas, images: int) -> Parts:
    return {
        "final": ("The final sheet", lambda: looks.final(found, canvas)),
        "breeds": ("Real beside generated", lambda: beside.breed_blocks(found, canvas)),
        "nearest": ("Nearest training pictures", lambda: beside.nearest_blocks(found, canvas)),
        "walks": ("Walks through the latents", lambda: looks.walk_blocks(found, canvas)),
        "truncation": ("Truncation", lambda: looks.truncation_blocks(found, canvas, images)),
        "colours": ("Colours", lambda: colour.blocks(found, canvas)),
        "fairness": ("Bias and fairness", lambda: fairness_part.blocks(found, canvas)),
    }


def _section(key: str, title: str, blocks: Callable[[], list[str]]) -> Section:
    """A part that cannot be made says so, and the others are made."""
    try:
        return Section(key, title, blocks())
    except (InputError, MetricInputError, WorkError, OSError) as error:
        return Section(key, title, [paragraph(f"This part could not be made: {reason(error)}.")])


def _missing(folder: Folder) -> list[Section]:
    told = folder.missing
    return [Section("missing", "What is missing", list(map(paragraph, told)))] if told else []


def cards(folder: Folder) -> dict[str, str]:
    """The figures that matter most."""
    last = folder.ticks[-1] if folder.ticks else {}
    cards = {"recipe": folder.name}
    kimg = last.get("kimg", folder.about.get("kimg"))
    if isinstance(kimg, int | float):
        cards["kimg shown"] = curves.short(kimg)
    if last:
        cards["trained"] = f"{curves.short(last['seconds'] / 60)} min"
    if folder.grids:
        cards["grids"] = f"{len(folder.grids):,}"
    if folder.image_count:
        cards["pictures in images.zip"] = f"{folder.image_count:,}"
    kids = [s["quick_kid"] for s in folder.scores if isinstance(s.get("quick_kid"), float)]
    if kids:
        cards["best quick KID"] = f"{min(kids):.4f}"
    return cards


def _remembered(run: Path) -> list[Row]:
    """The ledger's rows about the run."""
    try:
        return Ledger().find(place=str(run.resolve()))
    except (InputError, OSError):
        return []  # a damaged ledger is the ledger's own commands' to tell
