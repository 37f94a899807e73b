"""What a recipe may ask of each network: sides of its pictures, losses, breeds.

Sides are one formula for all: a small base, doubled by each layer.
"""

from dataclasses import dataclass

LARGEST = 128  # pixels a side
# Losses of two sides that play against each other, and those where a slope can be penalised.
GAME = ("bce", "hinge", "lsgan", "rabce", "ralsgan", "rahinge", "rpgan")
SLOPED = (*GAME, "wgan")
RECONSTRUCTION = ("mse",)  # of one network alone
AUGMENTED = frozenset({"diffaugment", "augment_p", "augment_ramp", "ada", "ada_kimg"})
OF_TWO_SIDES = AUGMENTED | frozenset(
    {"smoothing", "margin", "noise", "d_steps", "bcr", "zcr_d", "zcr_g", "zcr_noise"}
)
# Under batch norm a logit depends on the whole batch, so that no picture has a slope of its own
# (Gulrajani et al. 2017, arXiv 1704.00028, section 4): a penalty is for discriminators without.
OF_SLOPED = OF_TWO_SIDES | {"penalty", "penalty_kind", "penalty_every", "penalty_end"}
SOME = OF_SLOPED | {
    *("spectral_norm", "dropout", "deviation", "slope", "auxiliary", "conditional"),
    *("latent_side", "latent_channels"),
}


@dataclass(frozen=True)
class Network:
    """A network's limits.

    bases: sides, pixels, from which its layers double. layers: the fewest that double.
    losses: that fit it. conditional: whether it always draws, and judges, one breed at a time.
    settings: of SOME, those that mean something to it.
    """

    bases: tuple[int, ...] = (4, 7)
    layers: int = 2
    losses: tuple[str, ...] = GAME
    conditional: bool = False
    settings: frozenset[str] = OF_TWO_SIDES

    @property
    def sizes(self) -> tuple[int, ...]:
        """All sides that it can draw, pixels, the smallest first."""
        counts = range(self.layers, LARGEST.bit_length())
        return tuple(sorted({b * 2**n for b in self.bases for n in counts if b * 2**n <= LARGEST}))

    def doublings(self, size: int) -> tuple[int, int]:
        """The base b and the number of layers n with size = b * 2**n; size is one of `sizes`."""
        for base in sorted(self.bases, reverse=True):
            times, rest = divmod(size, base)
            if not rest and times.bit_count() == 1 and times >= 2**self.layers:
                return base, times.bit_length() - 1
        raise ValueError(f"{size} is none of {self.sizes}")


NETWORKS = {
    "autoencoder": Network(
        bases=(4,), losses=RECONSTRUCTION, settings=frozenset({"latent_side", "latent_channels"})
    ),
    "basic": Network(bases=(2, 4, 5, 7, 8, 10, 14, 16), layers=3),
    "biggan": Network(
        bases=(4,),
        losses=SLOPED,
        conditional=True,
        settings=OF_SLOPED | {"deviation", "slope", "auxiliary"},
    ),
    "cgan": Network(layers=3, conditional=True, settings=OF_TWO_SIDES | {"dropout"}),
    "csagan": Network(bases=(4,), layers=3, losses=SLOPED, conditional=True, settings=OF_SLOPED),
    "dcgan": Network(settings=OF_TWO_SIDES | {"spectral_norm", "deviation", "conditional"}),
    "dcgan-5x5": Network(bases=(2,), layers=4),
    "dense": Network(bases=(4, 5, 7), losses=SLOPED, settings=OF_SLOPED | {"dropout"}),
    "r3gan": Network(
        losses=SLOPED, conditional=True, settings=OF_SLOPED - {"zcr_g"} | {"deviation"}
    ),
}
