"""A generator in a folder of its own: what `python -m local export` writes and its app reads."""

import json
from dataclasses import asdict
from pathlib import Path

from safetensors.torch import load_file, save_file

from local import nets, recipes
from local.app.sampler import Sampler
from local.data.classes import Classes
from local.train import devices

WEIGHTS = "generator.safetensors"
ABOUT = "generator.json"  # all that its network is built and sampled by


def save(dogs: Sampler, folder: Path) -> None:
    """Writes a generator's two files."""
    # Safetensors keeps no strides: channels_last is chosen again when loading.
    state = dogs.generator.state_dict()
    save_file({name: value.contiguous() for name, value in state.items()}, folder / WEIGHTS)
    about = {
        "recipe": asdict(dogs.recipe),
        "breeds": dogs.classes.names,
        "counts": dogs.classes.counts,
        "about": dogs.about,
    }
    (folder / ABOUT).write_text(json.dumps(about, indent=2) + "\n")


def load(folder: Path, device: str = "auto") -> Sampler:
    """The generator of a folder, on a device as `local.train.devices.choose` takes it."""
    about = json.loads((folder / ABOUT).read_text())
    recipe = recipes.from_dict(about["recipe"])
    classes = Classes(tuple(about["breeds"]), tuple(about["counts"]))
    chosen = devices.choose(device)
    generator = nets.generator(recipe, len(classes))
    generator.load_state_dict(load_file(folder / WEIGHTS))
    placed = chosen.place(generator).eval()
    return Sampler(recipe, classes, placed, chosen.device, tuple(about["about"]))
