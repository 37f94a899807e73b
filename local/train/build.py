"""The trainer that a recipe asks for."""

from local.data.prepared import TrainingSet
from local.recipes import Recipe
from local.train.adversaries import Adversaries
from local.train.devices import Device
from local.train.reconstruction import Reconstruction
from local.train.team import ALONE, Team
from local.train.trainer import Trainer


def trainer(recipe: Recipe, device: Device, data: TrainingSet, team: Team = ALONE) -> Trainer:
    """New networks of the recipe on a device, and what trains them.

    Args:
        recipe: all settings.
        device: that has proved to work.
        data: pictures of `recipe.prepared_size`.
        team: the processes that train the same networks.

    Raises:
        InputError: the data leave a setting without effect.
    """
    recipe.check_breeds(len(data.breeds))
    kind = Reconstruction if recipe.network == "autoencoder" else Adversaries
    return kind(recipe, device, data, team)
