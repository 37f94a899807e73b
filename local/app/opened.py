"""A run as dogs on demand."""

from local.app.sampler import Sampler
from local.train.devices import Device
from local.trained import Trained


def opened(trained: Trained, device: Device) -> Sampler:
    """A run's generator, which is on that device, and what is told of it."""
    return Sampler(
        trained.recipe, trained.classes, trained.generator, device.device, _told(trained)
    )


def _told(trained: Trained) -> tuple[str, ...]:
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
