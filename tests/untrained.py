"""Dogs of generators that have learned nothing, for tests of what is done with dogs."""

from dataclasses import replace

import torch
from made_runs import awake

from local import nets, recipes
from local.app.sampler import Sampler
from local.data.classes import Classes

BREEDS = Classes(("pug", "old_hound", "boxer"), (5, 3, 2))
NARROW = {"size": 32, "g_width": 4, "d_width": 4, "latent": 12}


def dogs(name: str = "cgan", about: tuple[str, ...] = (), **changes) -> Sampler:
    """Dogs of a narrow network with weights under which pictures differ."""
    torch.manual_seed(0)
    recipe = replace(recipes.get(name), **NARROW | changes)
    generator = awake(nets.generator(recipe, len(BREEDS))).eval()
    return Sampler(recipe, BREEDS, generator, torch.device("cpu"), about)
