"""Dogs of generators that have learned nothing, for tests of what is done with dogs."""

from dataclasses import replace

import torch
from torch import nn

from local import nets, recipes
from local.app.dogs import Dogs
from local.data.classes import Classes

BREEDS = Classes(("pug", "old_hound", "boxer"), (5, 3, 2))
NARROW = {"size": 32, "g_width": 4, "d_width": 4, "latent": 12}


def dogs(name: str = "cgan", about: tuple[str, ...] = (), **changes) -> Dogs:
    """Dogs of a narrow network, large enough in its weights that pictures differ."""
    torch.manual_seed(0)
    recipe = replace(recipes.get(name), **NARROW | changes)
    generator = nets.generator(recipe, len(BREEDS)).eval()
    for weights in generator.parameters():
        if weights.ndim > 1:
            nn.init.kaiming_normal_(weights)
    return Dogs(recipe, BREEDS, generator, torch.device("cpu"), about)
