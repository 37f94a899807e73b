"""What a run has learned: its newest generator, with all that is needed to sample from it."""

from dataclasses import dataclass
from pathlib import Path

from torch import nn

from local import nets
from local.data.classes import Classes
from local.errors import InputError
from local.recipes import Recipe
from local.runs import load_classes, load_recipe
from local.train import snapshots
from local.train.devices import Device
from local.train.snapshots import Snapshot


@dataclass(frozen=True)
class Trained:
    """A run's averaged generator in eval mode on a device, and where it is from."""

    recipe: Recipe
    classes: Classes
    generator: nn.Module
    snapshot: Snapshot

    @property
    def images(self) -> int:
        """Real pictures that it was shown."""
        return self.snapshot.steps * self.recipe.shown

    def label(self, breed: str) -> int:
        """The label of a breed that somebody asked for.

        Raises:
            InputError: the recipe knows no breeds, or the data none of that name.
        """
        if not self.recipe.by_breed:
            told = f"recipe {self.recipe.name} does not know breeds"
            raise InputError(f"--breed {breed}: {told}; leave it out")
        return self.classes.index(breed)


def load(run: Path, device: Device) -> Trained:
    """The generator of the newest snapshot that is whole.

    Raises:
        InputError: the folder holds no run, no snapshot, or none that can be used.
    """
    recipe, classes = load_recipe(run), load_classes(run)
    generator = nets.generator(recipe, len(classes))
    snapshot = snapshots.newest(
        run, lambda found: snapshots.load_weights(found, "average", generator)
    )
    if snapshot is None:
        raise InputError(f"{run}: no snapshot yet; train it first")
    return Trained(recipe, classes, device.place(generator).eval(), snapshot)
