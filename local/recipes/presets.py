"""The recipes by name. Each is data: settings as their authors state them.

Where authors are silent, the defaults of `Recipe` hold; `ema=0` means that pictures are sampled
from the generator as it is, which is what all of them did before averaging became usual.
"""

from local.errors import InputError
from local.recipes.record import Recipe

DEFAULT = "best-dcgan"
BEST = "hinge-sagan"  # the record holder of docs/records.md, which `best` names too

_ALL = (
    # Radford, Metz and Chintala 2016, https://arxiv.org/abs/1511.06434, pushed as the public
    # leaderboard's first place pushed it: a discriminator held back by labels of 0.95 and a margin,
    # four crops of each dog, an averaged generator. Which four is not stated, nor what its 48
    # channels are the width of: here the layers next to the picture, and each layer further in has
    # twice as many. That batch norm sees the two sides apart is so in every recipe.
    Recipe(
        name="best-dcgan",
        latent=256,
        g_width=48,
        d_width=48,
        crop="box+tight+centre+squash",
        smoothing=0.05,
        margin=0.8,
        g_lr=5e-4,
        d_lr=5e-4,
    ),
    # The same network as a course's project set it: five blocks a side.
    Recipe(
        name="dcgan",
        crop="centre",
        rotation=10.0,
        brightness=0.1,
        g_lr=3e-4,
        d_lr=3e-4,
        ema=0.0,
        epochs=100.0,
    ),
    # The competition's best-known public kernel: relativistic average least squares
    # (Jolicoeur-Martineau 2019, https://arxiv.org/abs/1807.00734).
    Recipe(
        name="ralsgan",
        loss="ralsgan",
        spectral_norm=True,
        rotation=5.0,
        batch=32,
        g_lr=5e-4,
        d_lr=5e-4,
        schedule="cosine",
        lr_hold=0.0,
        lr_end=0.1,
        ema=0.0,
    ),
    # Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661: 80x80x3 = 19,200 values.
    Recipe(
        name="dense-gan",
        network="dense",
        size=80,
        g_width=256,
        d_width=256,
        dropout=0.3,
        flip=False,
        ema=0.0,
        epochs=500.0,
    ),
    # Three convolutions a side, and noise on what the discriminator sees.
    Recipe(name="basic-gan", network="basic", noise=0.1, ema=0.0),
    # Conditional on the breed (Mirza and Osindero 2014, https://arxiv.org/abs/1411.1784).
    Recipe(
        name="cgan",
        network="cgan",
        dropout=0.4,
        random_crop=8,
        batch=32,
        lr_hold=0.72,
        lr_end=0.1,
        ema=0.0,
        epochs=250.0,
    ),
    # Faces of 112x112: a base of 7 pixels, doubled four times.
    Recipe(
        name="dcgan-faces",
        size=112,
        crop="face",
        latents="uniform",
        batch=64,
        d_lr=4e-5,
        ema=0.0,
        epochs=20.0,
    ),
    # 32x32 from a dense layer of 2,048, kernels of 5x5. The quick score keeps the best snapshot.
    Recipe(
        name="dcgan-cifar",
        network="dcgan-5x5",
        size=32,
        crop="squash",
        flip=False,
        batch=64,
        g_lr=1e-4,
        d_lr=1e-4,
        ema=0.0,
        epochs=0.0,
        steps=165_000,
        quick_every=1000,
    ),
    # Self-attention (Zhang et al. 2019, https://arxiv.org/abs/1805.08318) with the Wasserstein loss
    # and its penalty (Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028).
    Recipe(
        name="csagan-wgan",
        network="csagan",
        latent=128,
        loss="wgan",
        penalty=10.0,
        d_steps=5,
        batch=64,
        g_lr=1e-4,
        d_lr=4e-4,
        beta1=0.0,
        beta2=0.9,
        ema=0.0,
    ),
    # The competition's third place: self-attention and conditional batch norm, labels of 0.8, warm
    # restarts (Loshchilov and Hutter 2017, https://arxiv.org/abs/1608.03983). How many is not
    # stated, nor how far its rates fell.
    Recipe(
        name="sagan",
        network="csagan",
        latent=180,
        crop="fill",
        rotation=5.0,
        smoothing=0.2,
        batch=32,
        d_lr=4e-4,
        schedule="cosine",
        lr_hold=0.0,
        lr_end=0.1,
        restarts=3,
        beta1=0.0,
        ema=0.0,
        epochs=170.0,
        truncation=1.0,
    ),
    # The kit's own: the third place's network with the relativistic average hinge loss, which the
    # 21st place had, twice its rates, which fall in the second half, and an averaged generator, on
    # whole pictures, which are what is scored.
    Recipe(
        name="hinge-sagan",
        network="csagan",
        latent=180,
        crop="squash",
        rotation=5.0,
        loss="rahinge",
        batch=32,
        g_lr=4e-4,
        d_lr=8e-4,
        lr_hold=0.5,
        beta1=0.0,
    ),
    # The first place: BigGAN (Brock et al. 2019, https://arxiv.org/abs/1809.11096) with a small
    # batch, BCE and LeakyReLU. How much it smoothed its labels, its slope and its widths are not
    # stated.
    Recipe(
        name="biggan",
        network="biggan",
        latent=120,
        slope=0.2,
        smoothing=0.1,
        batch=32,
        g_lr=3e-4,
        d_lr=3e-4,
        beta1=0.0,
        ema=0.0,
        epochs=130.0,
        truncation=0.8,
    ),
    # Without tricks (Huang et al. 2024, https://arxiv.org/abs/2501.05441), a third of the paper's
    # width and a quarter of its batch.
    Recipe(
        name="r3gan",
        network="r3gan",
        latent=64,
        g_width=128,
        d_width=128,
        loss="rpgan",
        penalty=1.0,
        penalty_kind="r1r2",
        penalty_end=0.1,
        batch=64,
        schedule="cosine",
        lr_hold=0.0,
        lr_end=0.25,
        beta1=0.0,
        beta2=0.9,
        beta2_end=0.99,
        ema=0.025,
    ),
    # One network that learns to see and one that learns to draw what it saw.
    Recipe(
        name="autoencoder",
        network="autoencoder",
        latent=256,
        loss="mse",
        batch=64,
        g_lr=1e-3,
        d_lr=1e-3,
        beta1=0.9,
        ema=0.0,
        epochs=60.0,
    ),
)
PRESETS: dict[str, Recipe] = {recipe.name: recipe for recipe in _ALL}
NAMED = PRESETS | {"best": PRESETS[BEST]}  # all that `get` knows


def get(name: str) -> Recipe:
    """The preset of that name; `best` is the record holder's.

    Raises:
        InputError: there is none; the line lists those that there are.
    """
    if name not in NAMED:
        raise InputError(f"no recipe {name!r}; there are: {', '.join(NAMED)}")
    return NAMED[name]
