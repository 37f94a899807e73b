"""The recipe, and on what it ran; where the time went."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch
from matplotlib.figure import Figure

from local import recipes
from local.page import NONE, Cell, folded, paragraph
from local.recipes import Recipe
from local.recipes.text import readable
from local.report.canvas import Canvas, Shown, number
from local.report.folder import SPEED, Folder
from local.themes import BLUE, GREEN, NEUTRAL, ORANGE, PURPLE, SKY, VERMILLION
from submission.ledger import Row

SCORES = ("fid", "kid", "mifid", "distance")
PACKAGES = ("torch", "torchvision", "numpy", "pillow", "scipy")
COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE, NEUTRAL)
HATCHES = ("", "//", "..", "xx", "\\\\", "++", "oo")  # beside colours
NARROW = 0.04  # share of the bar under which a phase has no room for its seconds


def recipe_blocks(folder: Folder, canvas: Canvas, remembered: Sequence[Row]) -> list[str]:
    """What the run was told to do, and what the ledger remembers of it."""
    found = [paragraph(f"Note: {row.note}") for row in remembered if row.note]
    scored = [row for row in remembered if row.label and row.fid is not None]
    if scored:
        names = ("Row of the ledger", "FID", "KID", "MiFID", "Distance", "Measured as")
        scores: list[list[Cell | Shown]] = [
            [
                number(row.number, "d"),
                *(number(getattr(row, name), ".5g") for name in SCORES),
                row.label or "",
            ]
            for row in scored
        ]
        found.append(canvas.table("Scores that the ledger remembers", names, scores))
    if folder.recipe is None:
        return [*found, paragraph("The recipe is not known.")]
    recipe, plain = asdict(folder.recipe), asdict(Recipe())
    preset = recipes.PRESETS.get(folder.recipe.name)
    own = asdict(preset) if preset else {}
    changed = [name for name in recipe if name != "name" and recipe[name] != plain[name]]
    rows = [
        (
            name,
            _setting(recipe[name]),
            _setting(own[name]) if own else number(None, ""),
            _setting(plain[name]),
            ("differs" if recipe[name] != own[name] else "the same") if own else NONE,
        )
        for name in recipe
        if name in changed or (own and name != "name" and recipe[name] != own[name])
    ]
    if rows:
        head = ("Setting", "This run", "Recipe of that name today", "Default", "Against it")
        found.append(canvas.table("Where the recipe differs from the defaults", head, rows))
    else:
        found.append(paragraph("Every setting is the default."))
    everything = [(name, _setting(value)) for name, value in recipe.items()]
    table = canvas.table("All settings", ("Setting", "Value"), everything)
    return [*found, folded(f"All {len(everything)} settings", table)]


def _setting(value: object) -> Shown:
    return Shown(readable(value), value)


def hardware_blocks(folder: Folder, canvas: Canvas) -> list[str]:
    """What the run says it ran on, and what this page was made with."""
    about = folder.about
    trained = [
        (name, Shown(str(about[key]), about[key]))
        for name, key in (("device", "device"), ("commit", "commit"), ("minutes", "minutes"))
        if about.get(key) is not None
    ]
    found = (
        [canvas.table("The run", ("Fact", "As the run says"), trained)]
        if trained
        else [paragraph("The run does not say on which device it ran: its images.zip would.")]
    )
    here = [("Python", platform.python_version())]
    here += [(name, there) for name in PACKAGES if (there := _version(name))]
    here += [("system", f"{platform.system()} {platform.machine()}"), ("device", _device())]
    told = "Versions where this page was made; a run keeps none of its own."
    return [*found, paragraph(told), canvas.table("This machine", ("What", "Version"), here)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""


def _device() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'' if threads == 1 else 's'}"


def timeline_blocks(folder: Folder, canvas: Canvas) -> list[str]:
    """Seconds by phase, as the kernel counted them or as the log tells."""
    seconds, source = phases(folder)
    total = sum(seconds.values())
    if not total:
        return [paragraph("Neither a log nor a kernel's last line tells where the time went.")]
    plot = canvas.plot(
        "timeline",
        partial(timeline, seconds=seconds),
        1.5,
        "A bar: " + ", ".join(f"{name} {took:,.0f} seconds" for name, took in seconds.items()),
        f"{total:,.0f} seconds in all, {source}.",
    )
    rows = [(name, took, 100 * took / total) for name, took in seconds.items()]
    return [plot, canvas.table("Seconds by phase", ("Phase", "Seconds", "%"), rows, folds=True)]


def phases(folder: Folder) -> tuple[dict[str, float], str]:
    """Seconds by phase, and who says so."""
    counted = folder.about.get("seconds")
    if isinstance(counted, dict):
        known = {str(k): float(v) for k, v in counted.items() if isinstance(v, int | float)}
        if sum(known.values()) > 0:
            return known, "as the kernel counted them"
    return _from_log(folder.ticks, folder.recipe), "as log.jsonl tells them"


def _from_log(ticks: Sequence[dict[str, Any]], recipe: Recipe | None) -> dict[str, float]:
    """A tick's pictures over its speed are the seconds of its steps; the rest is between them."""
    if not ticks or recipe is None:
        return {}
    steps, before = 0.0, 0.0
    for tick in ticks:
        steps += max(tick["kimg"] - before, 0) * 1000 / max(tick[SPEED], 1e-9)
        before = tick["kimg"]
    whole = float(ticks[-1]["seconds"])
    return {
        "steps of training": min(steps, whole),
        "snapshots, grids and quick scores": max(whole - steps, 0.0),
    }


def timeline(figure: Figure, seconds: dict[str, float]) -> None:
    """One bar, a part a phase."""
    axes = figure.add_subplot()
    total, left = sum(seconds.values()), 0.0
    for i, (name, took) in enumerate(seconds.items()):
        axes.barh(
            [0],
            [took],
            left=left,
            color=COLOURS[i % len(COLOURS)],
            hatch=HATCHES[i % len(HATCHES)],
            edgecolor=figure.get_facecolor(),
            label=f"{name} {took:,.0f} s",
        )
        if took > NARROW * total:
            style = {"facecolor": figure.get_facecolor(), "edgecolor": "none", "pad": 1.5}
            axes.text(left + took / 2, 0, f"{took:,.0f} s", ha="center", va="center", bbox=style)
        left += took
    axes.set_yticks([])
    axes.set_xlim(0, total)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("seconds since the start")
    figure.legend(loc="outside upper left", ncols=4)
