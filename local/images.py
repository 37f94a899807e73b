"""From a trained generator to `images.zip`."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from local.pictures import submitted
from local.recipes import Recipe
from local.sampling import Draws, sample
from local.train.devices import Device
from submission import archive


def facts(recipe: Recipe, device: str, images: int, seconds: float, commit: str) -> dict[str, Any]:
    """What the archive's comment says about the run that made it.

    Args:
        recipe: its settings.
        device: on which it trained, for people.
        images: real pictures shown in training.
        seconds: of training.
        commit: of the sources.
    """
    return {
        "commit": commit,
        "recipe": asdict(recipe),
        "seed": recipe.seed,
        "kimg": images / 1000,
        "minutes": round(seconds / 60, 2),
        "device": device,
    }


def write_images(
    path: Path,
    generator: nn.Module,  # in eval mode, its statistics measured
    draws: Draws,
    device: Device,
    comment: dict[str, Any],
) -> None:
    """Samples pictures straight into the archive; sampling and writing overlap.

    They have the size that Kaggle takes, whatever the generator draws.

    Raises:
        OSError: the archive cannot be written; one that was there is as it was.
    """
    try:
        archive.write(path, submitted(sample(generator, draws, device.device)), comment)
    except OSError as error:
        why = f"{path}: cannot be written ({error.strerror or error})"
        raise OSError(f"{why}; make room there, and give the same command again") from error
