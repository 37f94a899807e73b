"""The model card, which is also what a Hugging Face Space is set up by (its front matter).

https://huggingface.co/docs/hub/spaces-config-reference. Only what the run itself tells is on it;
what nobody measured is called so.
"""

import json
import sys
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from local.compare import judge
from local.export import network
from local.exported import ABOUT, WEIGHTS
from local.recipes import Recipe
from local.recipes.text import readable
from local.report.folder import SPEED, Folder
from local.trained import Trained

SHEET = "samples.png"
SHOWN = 36  # pictures on it
NOT_MEASURED = "not measured"
COLOURS = ("yellow", "indigo")  # of the Space's card, by the site's names
SCORES = {  # of a comparison's score.json, with what they are called here
    "fid": "FID",
    "kid": "KID",
    "mifid": "MiFID",
    "distance": "memorization distance",
    "variety": "variety (1: as real pictures)",
}
DISTRIBUTIONS = {"normal": "normal, N(0, 1)", "uniform": "uniform, from -1 to 1"}
MARKUP = "<>&|`*[]\\"  # what Markdown or HTML would take for something else
LIMITS = """\
- It draws what its training pictures show, their habits of framing included, and nothing else. Its
  pictures have {size} x {size} pixels, and may show no dog that could live.
- {breeds}
- A generator can come close to a training picture. Whether this one does is what the memorization
  distance above says, where it is measured.
- Made for study and play. Its pictures are not photographs; say so where they are shown."""
BREEDS = """\
It knows breeds as the data names them; what it calls a breed is no statement about an animal.
  Those with few pictures were seen less often; how well each is drawn was not measured here."""
NO_BREEDS = "It knows no breeds: which of them it draws, and how often, was not measured here."
LICENCE = """\
The code is under the MIT licence (`LICENSE`). The weights were learned from pictures, and whoever
passes them on is bound by the terms of those: the pictures of Kaggle's *Generative Dog Images* are
from ImageNet (Stanford Dogs), for non-commercial research and under the competition's rules. A run
does not know where its pictures are from: `{licence}`, in the head of this file, is what whoever
exported it put there."""
USE = """\
    pip install -r requirements.txt
    python app.py

serves the page on this machine. In Python, `from app import draw; draw(16, seed=7)` gives pictures
(16, {size}, {size}, 3) in uint8.

`{onnx}` is the same network for other programs: {inputs} give `pictures`
(N, 3, {size}, {size}) float32, RGB in -1..1. When it was made they were at most {apart:.1g} from
those of the weights. Latents are {latents}."""


def front_matter(trained: Trained, licence: str) -> str:
    """What the site reads of a Space, as YAML; JSON's strings are YAML's too."""
    lines = {
        "title": f"Dogs on demand: {trained.recipe.name}",
        "emoji": "🐕",
        "colorFrom": COLOURS[0],
        "colorTo": COLOURS[1],
        "sdk": "gradio",
        "sdk_version": _gradio(),
        "python_version": f"{sys.version_info.major}.{sys.version_info.minor}",
        "app_file": "app.py",
        "pinned": False,
        "license": licence,
        "short_description": f"A GAN that draws dogs, {trained.recipe.size} pixels wide",
    }
    told = (f"{k}: {json.dumps(v, ensure_ascii=False)}\n" for k, v in lines.items() if v != "")
    return f"---\n{''.join(told)}---\n"


def card(trained: Trained, folder: Folder, licence: str, apart: float) -> str:
    """The whole README.md.

    Args:
        trained: what is exported.
        folder: of the run.
        licence: by the site's identifiers.
        apart: how far the ONNX pictures are from the weights', at most.
    """
    recipe = trained.recipe
    use = USE.format(
        size=recipe.size,
        onnx=network.FILE,
        inputs=_inputs(trained),
        apart=apart,
        latents=DISTRIBUTIONS[recipe.latents],
    )
    parts = {
        f"Dogs on demand: {_plain(recipe.name)}": "A generator of dogs, trained with the dog kit."
        f"\n\n![{SHOWN} pictures, nothing picked out]({SHEET})",
        "Use": use,
        "Data": _data(trained, folder),
        "Training": _training(trained, folder),
        "Metrics": _metrics(trained, folder),
        "Limits": LIMITS.format(size=recipe.size, breeds=BREEDS if recipe.by_breed else NO_BREEDS),
        "Licence": LICENCE.format(licence=licence),
        "Files": _files(),
    }
    (title, first), *rest = parts.items()
    body = "".join(f"\n## {name}\n{text}\n" for name, text in rest)
    return f"{front_matter(trained, licence)}\n# {title}\n{first}\n{body}"


def _inputs(trained: Trained) -> str:
    latents = f"`latents` (N, {trained.recipe.latent}) float32"
    if not trained.recipe.by_breed:
        return latents
    return f"{latents} and `labels` (N,) int64, a breed's place in `{ABOUT}` counted from 0,"


def _data(trained: Trained, folder: Folder) -> str:
    classes = trained.classes
    each = sorted(zip(classes.counts, classes.names, strict=True), key=lambda c: (-c[0], c[1]))
    listed = ", ".join(f"{_plain(name)} {count:,}" for count, name in each)
    identity = _json(folder.run / "data.json").get("sha256", "unknown")
    return (
        f"{sum(classes.counts):,} pictures of {_number(len(classes), 'breed')}, cropped by"
        f" `{trained.recipe.crop}` to {trained.recipe.size} x {trained.recipe.size} pixels."
        f" SHA-256 of the prepared pictures and labels: `{_plain(str(identity))}`."
        f"\n\nPictures of each breed: {listed}."
    )


def _training(trained: Trained, folder: Folder) -> str:
    recipe, about = trained.recipe, folder.about
    speeds = [tick[SPEED] for tick in folder.ticks]
    rows = {
        "recipe": recipe.name,
        "network": recipe.network,
        "loss": recipe.loss,
        "steps": f"{trained.snapshot.steps:,}",
        "real pictures shown": f"{trained.images:,}",
        "seconds": f"{trained.snapshot.seconds:,.0f}",
        "speed": f"{median(speeds):.0f} img/s" if speeds else NOT_MEASURED,
        "device": str(about.get("device") or "not known"),
        "commit of the kit": str(about.get("commit") or "not known"),
    }
    changed = ", ".join(f"`{_plain(k)}={_plain(v)}`" for k, v in _changed(trained))
    return f"{_table('what', 'value', rows)}\n\nSettings other than the kit's defaults: {changed}."


def _metrics(trained: Trained, folder: Folder) -> str:
    """Scores of these very weights, and what they may be called."""
    kept = judge.kept_scores(folder.run, trained.snapshot)
    scores = kept["scores"] if kept else {}
    rows = {title: _score(scores.get(key)) for key, title in SCORES.items()}
    rows["distance under the private leaderboard's network"] = NOT_MEASURED
    told = _table("score", "value", rows)
    if kept:
        told += f"\n\nThese scores are to be called: {_plain(str(scores['label']))}."
        told += f" Over {kept['of']['images']:,} generated pictures."
    return told


def _files() -> str:
    return _table(
        "file",
        "is",
        {
            WEIGHTS: "the weights, averaged over the end of the training where the recipe does so",
            ABOUT: "the breeds and all settings",
            network.FILE: "the same network as ONNX",
            "app.py": "the page; the folders beside it are the code that it runs",
            "export.json": "these files with their SHA-256",
        },
    )


def _changed(trained: Trained) -> list[tuple[str, str]]:
    plain = asdict(Recipe())
    settings = asdict(trained.recipe).items()
    return [(name, readable(value)) for name, value in settings if value != plain[name]]


def _table(what: str, value: str, rows: dict[str, str]) -> str:
    body = "".join(f"| {_plain(name)} | {_plain(text)} |\n" for name, text in rows.items())
    return f"| {what} | {value} |\n|---|---|\n{body}".rstrip()


def _score(value: Any) -> str:
    return f"{value:,.4g}" if isinstance(value, int | float) else NOT_MEASURED


def _plain(text: str) -> str:
    """Text from elsewhere, of one line and without markup."""
    return "".join(f"&#{ord(c)};" if c in MARKUP else c for c in " ".join(text.split()))


def _number(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def _gradio() -> str:
    """The version that the page was made with; empty where it is not installed."""
    try:
        return version("gradio")
    except PackageNotFoundError:
        return ""


def _json(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
