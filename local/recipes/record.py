"""The record of a run's settings, and what no run can have."""

from dataclasses import dataclass, fields

from local.data.crops import POLICIES
from local.errors import InputError
from local.recipes.networks import NETWORKS, SOME, Network

LATENTS = ("normal", "uniform")
SCHEDULES = ("exponential", "cosine")


@dataclass(frozen=True)
class Recipe:
    """Settings of a run; each can be overridden as `key=value`."""

    name: str = "dcgan"
    network: str = "dcgan"  # of NETWORKS
    size: int = 64  # side of the pictures, pixels
    latent: int = 100  # length of the latent vector
    latents: str = "normal"  # of LATENTS: N(0, 1), or evenly from -1 to 1
    g_width: int = 64  # channels before the generator's last layer
    d_width: int = 64  # channels after the discriminator's first layer
    latent_side: int = 8  # of an autoencoder's latent, pixels
    latent_channels: int = 16  # of an autoencoder's latent
    spectral_norm: bool = False  # in the discriminator
    dropout: float = 0.0  # share of a discriminator's values that are left out, where it has any
    crop: str = "box"  # of local.data.crops.POLICIES
    random_crop: int = 0  # pixels a side that a random crop takes off
    flip: bool = True  # mirror half of the real pictures
    rotation: float = 0.0  # real pictures turn by up to so many degrees, either way
    brightness: float = 0.0  # and get brighter or darker by up to that share
    noise: float = 0.0  # deviation of the noise on all that the discriminator sees, levels of -1..1
    loss: str = "bce"  # of the network's losses
    smoothing: float = 0.0  # label smoothing: real pictures count as real to 1 minus that
    penalty: float = 0.0  # weight of the gradient penalty
    d_steps: int = 1  # of the discriminator, for each of the generator
    batch: int = 128
    g_lr: float = 2e-4
    d_lr: float = 2e-4
    schedule: str = "exponential"  # of SCHEDULES: how both rates fall
    lr_hold: float = 1.0  # share of the budget after which they do; 1: never
    lr_end: float = 0.1  # their factor at the end of the budget
    beta1: float = 0.5
    beta2: float = 0.999
    ema: float = 0.05  # half-life of the averaged generator, as a share of the training so far
    epochs: float = 100.0  # horizon without a budget; 0: steps count
    steps: int = 0  # horizon of who counts steps; 0: epochs count
    quick_every: int = 0  # steps from one quick score to the next; 0: none
    quick_images: int = 64  # pictures that a quick score draws
    snapshots: int = 20  # over the whole budget
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that no run can have."""
        _one_of("network", self.network, tuple(NETWORKS))
        _one_of("latents", self.latents, LATENTS)
        _one_of("schedule", self.schedule, SCHEDULES)
        _one_of("crop", self.crop, POLICIES)
        _one_of("size", self.size, self.kind.sizes, f" with network={self.network}")
        _one_of("loss", self.loss, self.kind.losses, f" with network={self.network}")
        for name in ("latent", "g_width", "d_width", "latent_channels", "d_steps", "snapshots"):
            _within(name, getattr(self, name), low=1, below=10_001)
        # One picture a batch has no statistics to normalise by.
        _within("batch", self.batch, low=2, below=100_001)
        _within("quick_images", self.quick_images, low=2, below=100_001)
        for name in ("g_lr", "d_lr"):
            _within(name, getattr(self, name), low=0, open_low=True)
        _within("lr_hold", self.lr_hold, low=0, below=1 + 1e-9)
        _within("lr_end", self.lr_end, low=0, open_low=True, below=1 + 1e-9)
        for name in ("beta1", "beta2", "ema", "dropout", "brightness", "smoothing"):
            _within(name, getattr(self, name), low=0, below=1)
        for name in ("noise", "penalty", "epochs"):
            _within(name, getattr(self, name), low=0)
        _within("rotation", self.rotation, low=0, below=181)
        _within("random_crop", self.random_crop, low=0, below=129)
        for name in ("steps", "quick_every"):
            _within(name, getattr(self, name), low=0, below=10**9)
        _within("seed", self.seed, low=0, below=2**63)
        self._check_settings_of_some()
        self._check_pairs()
        if self.network == "autoencoder":
            self._check_latent()

    def _check_settings_of_some(self) -> None:
        for name in sorted(SOME - self.kind.settings):
            if getattr(self, name) != _default(name):
                users = ", ".join(key for key, kind in NETWORKS.items() if name in kind.settings)
                raise InputError(
                    f"{name}={getattr(self, name)}: network={self.network} has no such setting"
                    f" ({users}: these have); leave it out"
                )

    def _check_pairs(self) -> None:
        """Refuses settings of which one leaves the other without effect, or without sense."""
        if self.smoothing and self.loss != "bce":
            raise InputError(f"smoothing={self.smoothing}: loss={self.loss} has no labels")
        if self.loss == "wgan" and not self.penalty:
            raise InputError("loss=wgan: without a penalty its slope has no bound; add penalty=10")
        if bool(self.epochs) == bool(self.steps):
            both = f"epochs={self.epochs:g} steps={self.steps}"
            raise InputError(f"{both}: one of them is the horizon; set the other to 0")
        for name in ("schedule", "lr_end"):
            if self.lr_hold == 1 and getattr(self, name) != _default(name):
                told = f"{name}={getattr(self, name)}: rates never fall with lr_hold=1"
                raise InputError(f"{told}; add lr_hold=0.5, the share of the budget until they do")

    def _check_latent(self) -> None:
        """An autoencoder's: smaller than the picture, and no smaller than what is drawn from it."""
        sides = tuple(4 * 2**n for n in range(6) if 8 * 2**n <= self.size)
        _one_of("latent_side", self.latent_side, sides, f" with size={self.size}")
        _one_of("latents", self.latents, ("normal",), f" with network={self.network}")
        values = self.latent_channels * self.latent_side**2
        _within("latent", self.latent, low=1, below=values + 1)

    @property
    def kind(self) -> Network:
        """What its network can do."""
        return NETWORKS[self.network]

    @property
    def shown(self) -> int:
        """Real pictures of one step, in all its batches."""
        return self.batch * self.d_steps

    @property
    def prepared_size(self) -> int:
        """Side of the pictures that are made ready for it, pixels."""
        return self.size + self.random_crop


def _default(name: str) -> object:
    return next(field.default for field in fields(Recipe) if field.name == name)


def _one_of(name: str, value: object, possible: tuple[object, ...], where: str = "") -> None:
    if value not in possible:
        listed = ", ".join(map(str, possible))
        raise InputError(f"{name}={value}: {name} must be one of {listed}{where}")


def _within(
    name: str, value: float, low: float, open_low: bool = False, below: float = float("inf")
) -> None:
    # Written so that a NaN fails too.
    if not ((low < value if open_low else low <= value) and value < below):
        bound = f"over {low}" if open_low else f"at least {low}"
        limit = f" and under {below}" if below != float("inf") else " and finite"
        raise InputError(f"{name}={value}: {name} must be {bound}{limit}")
