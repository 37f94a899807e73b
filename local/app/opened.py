"""A run as dogs on demand."""

from pathlib import Path

from local.app.dogs import Dogs
from local.train.devices import Device
from local.trained import Trained, load


def opened(run: Path, device: Device) -> Dogs:
    """The generator of a run's newest snapshot, and what is told of it.

    Raises:
        InputError: the folder holds no run, no snapshot, or none that can be used.
    """
    trained = load(run, device)
    return Dogs(trained.recipe, trained.classes, trained.generator, device.device, told(trained))


def told(trained: Trained) -> tuple[str, ...]:
    """What a page says of a generator, a sentence each."""
    recipe, classes = trained.recipe, trained.classes
    breeds = "1 breed" if len(classes) == 1 else f"{len(classes)} breeds"
    return (
        f"Recipe {recipe.name}: {recipe.size}×{recipe.size} pixels, trained on"
        f" {sum(classes.counts):,} pictures of {breeds}; {trained.images / 1000:,.1f} thousand"
        f" were shown to it in {_spoken(trained.snapshot.seconds)}.",
    )


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
