"""The record of a run's settings, and what no run can have."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from local.data.crops import DRAWN, MOST_CROPS, checked_crop, is_drawn
from local.errors import InputError
from local.recipes.networks import NETWORKS, RECONSTRUCTION, SOME, Network

LATENTS = ("normal", "uniform")
SCHEDULES = ("exponential", "cosine")
OPERATIONS = ("colour", "translation", "cutout")
SELECTIONS = ("judge", "discriminator", "none")
PENALTIES = ("gp", "r1", "r2", "r1r2")  # as in local.train.penalties
LABELS = ("smoothing", "margin")  # of `loss=bce` alone


@dataclass(frozen=True)
class Bounds:
    """Of a number: from `low` to `high`, each of them included unless it is open."""

    low: float = 0.0
    high: float = float("inf")
    open_low: bool = False
    open_high: bool = False

    def check(self, name: str, value: float) -> None:
        """Refuses a value beyond them, naming the setting."""
        # Written so that a NaN fails too; and what has no limit is finite all the same.
        above = self.low < value if self.open_low else self.low <= value
        below = (
            value < self.high
            if self.open_high or self.high == float("inf")
            else (value <= self.high)
        )
        if above and below:
            return
        least = f"{'over' if self.open_low else 'at least'} {self.low:g}"
        most = f"{'under' if self.open_high else 'at most'} {self.high:,g}"
        limit = most if self.high < float("inf") else "finite"
        raise InputError(f"{name}={value}: {name} must be {least} and {limit}")


SHARE = Bounds(high=1, open_high=True)
BOUNDS = {
    ("latent", "g_width", "d_width", "latent_channels", "d_steps"): Bounds(1, 10_000),
    ("snapshots", "penalty_every"): Bounds(1, 10_000),
    # One picture a batch has no statistics to normalise by.
    ("batch", "quick_images"): Bounds(2, 100_000),
    ("g_lr", "d_lr", "ada_kimg", "zcr_noise"): Bounds(open_low=True),
    ("noise", "penalty", "epochs", "auxiliary", "bcr", "zcr_d", "zcr_g", "truncation"): Bounds(),
    ("beta1", "beta2", "beta2_end", "ema", "dropout", "slope", "smoothing", "ada"): SHARE,
    ("brightness", "colour"): SHARE,
    ("lr_hold", "augment_ramp"): Bounds(high=1),
    ("lr_end", "penalty_end", "augment_p"): Bounds(high=1, open_low=True),
    ("margin",): Bounds(0.5, 1, open_low=True),
    ("crops",): Bounds(1, MOST_CROPS),
    ("rotation",): Bounds(high=180),
    ("random_crop",): Bounds(high=128),
    ("steps", "quick_every"): Bounds(high=10**9),
    ("restarts",): Bounds(high=1000),
    ("seed",): Bounds(high=2**63 - 1),
}


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
    conditional: bool = False  # on the breed, of a network that need not be
    latent_side: int = 8  # of an autoencoder's latent, pixels
    latent_channels: int = 16  # of an autoencoder's latent
    spectral_norm: bool = False  # in the discriminator
    dropout: float = 0.0  # share of a discriminator's values that are left out, where it has any
    deviation: bool = False  # the discriminator sees how much the pictures of a batch differ
    slope: float = 0.0  # of the activations below 0, in a BigGAN; 0 is ReLU
    auxiliary: float = 0.0  # weight of the loss of a classifier of breeds in the discriminator
    crop: str = "box"  # of local.data.crops.POLICIES, or several with + between
    crops: int = 1  # of each dog, by a policy that draws them
    random_crop: int = 0  # pixels a side that a random crop takes off
    flip: bool = True  # mirror half of the real pictures
    rotation: float = 0.0  # real pictures turn by up to so many degrees, either way
    brightness: float = 0.0  # and get brighter or darker by up to that share
    colour: float = 0.0  # and their saturation and contrast change by up to that share
    dequantise: bool = False  # and get noise as wide as one of the 256 levels
    diffaugment: str = ""  # of OPERATIONS, with + between: on all that the discriminator sees
    augment_p: float = 1.0  # probability of each of them; where it is adaptive, the highest
    augment_ramp: float = 0.0  # share of the budget over which it grows to that from 0
    ada: float = 0.0  # adaptive: mean sign of the logits of real pictures to aim at; 0: it is not
    ada_kimg: float = 500.0  # thousands of real pictures in which it moves from 0 to 1
    noise: float = 0.0  # deviation of the noise on all that the discriminator sees, levels of -1..1
    loss: str = "bce"  # of the network's losses
    smoothing: float = 0.0  # label smoothing: real pictures count as real to 1 minus that
    margin: float = 1.0  # probability at which a real picture's is cut off; 1: it is not
    penalty: float = 0.0  # weight of the penalty on the discriminator's slope
    penalty_kind: str = "gp"  # of PENALTIES
    penalty_end: float = 1.0  # factor of that weight at the end of the budget; 1: it stays
    penalty_every: int = 1  # steps from one to the next, each with so many times its weight
    bcr: float = 0.0  # weight of balanced consistency: moved pictures keep their logits
    zcr_d: float = 0.0  # weight of latent consistency: so do pictures of latents close by
    zcr_g: float = 0.0  # weight of the generator's side of it: which still should differ
    zcr_noise: float = 0.03  # deviation of how far they are apart
    d_steps: int = 1  # of the discriminator, for each of the generator
    batch: int = 128
    g_lr: float = 2e-4
    d_lr: float = 2e-4
    schedule: str = "exponential"  # of SCHEDULES: how both rates fall
    lr_hold: float = 1.0  # share of the budget after which they do; 1: never
    lr_end: float = 0.1  # their factor at the end of the budget
    restarts: int = 0  # times that a cosine rate starts anew
    beta1: float = 0.5
    beta2: float = 0.999
    beta2_end: float = 0.0  # beta2 at the end of the budget; 0: it stays
    ema: float = 0.05  # half-life of the averaged generator, as a share of the training so far
    epochs: float = 100.0  # horizon without a budget; 0: steps count
    steps: int = 0  # horizon of who counts steps; 0: epochs count
    quick_every: int = 0  # steps from one quick score to the next; 0: none
    quick_images: int = 64  # pictures that a quick score draws
    truncation: float = 0.0  # at sampling: latents beyond it are drawn again; 0: none are
    selection: str = "judge"  # of SELECTIONS: who picks a kernel's pictures out of more draws
    snapshots: int = 20  # over the whole budget
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuses settings that no run can have."""
        _one_of("network", self.network, tuple(NETWORKS))
        _one_of("latents", self.latents, LATENTS)
        _one_of("schedule", self.schedule, SCHEDULES)
        checked_crop(self.crop)
        _one_of("penalty_kind", self.penalty_kind, PENALTIES)
        _one_of("selection", self.selection, SELECTIONS)
        _one_of("size", self.size, self.kind.sizes, f" with network={self.network}")
        _one_of("loss", self.loss, self.kind.losses, f" with network={self.network}")
        for names, bounds in BOUNDS.items():
            for name in names:
                bounds.check(name, getattr(self, name))
        if self.crops > 1 and not is_drawn(self.crop):
            same = f"crop={self.crop} gives the same one each time"
            raise InputError(f"crops={self.crops}: {same}; add crop={DRAWN[0]}")
        self._check_settings_of_some()
        self._check_pairs()
        self._check_augmentation()
        if self.network == "autoencoder":
            self._check_latent()

    def _check_settings_of_some(self) -> None:
        for name in sorted(SOME - self.kind.settings):
            if getattr(self, name) != _default(name):
                users = ", ".join(key for key, kind in NETWORKS.items() if name in kind.settings)
                raise InputError(
                    f"{name}={getattr(self, name)}: network={self.network} has no such setting"
                    f" ({users}: these have); leave it out, or set {name}={_default(name)}"
                )

    def _check_pairs(self) -> None:
        """Refuses settings of which one leaves the other without effect, or without sense."""
        for name in LABELS:
            if getattr(self, name) != _default(name) and self.loss != "bce":
                told = f"{name}={getattr(self, name)}: loss={self.loss} has no labels"
                raise InputError(f"{told}; set {name}={_default(name):g}")
        if 1 > self.margin > 1 - self.smoothing + 1e-9:
            met = f"the label of 1 - smoothing={self.smoothing} is met before it"
            raise InputError(f"margin={self.margin}: {met}; take at most {1 - self.smoothing:g}")
        if self.loss == "wgan" and not (self.penalty and self.penalty_kind == "gp"):
            raise InputError("loss=wgan: needs a slope near 1; add penalty=10 penalty_kind=gp")
        self._check_idle("penalty_kind", "penalty_every", "penalty_end", without=("penalty",))
        self._check_idle("zcr_noise", without=("zcr_d", "zcr_g"))
        self._check_sampling()
        if bool(self.epochs) == bool(self.steps):
            both = f"epochs={self.epochs:g} steps={self.steps}"
            raise InputError(f"{both}: one of them is the horizon; set the other to 0")
        self._check_fall()

    def _check_fall(self) -> None:
        """How rates fall."""
        for name in ("schedule", "lr_end"):
            if self.lr_hold == 1 and getattr(self, name) != _default(name):
                told = f"{name}={getattr(self, name)}: rates never fall with lr_hold=1"
                until = "lr_hold=0.5 for a fall after that share of the budget"
                raise InputError(f"{told}; set {until}, or {name}={_default(name)}")
        if self.restarts and self.schedule != "cosine":
            told = f"restarts={self.restarts}: only a cosine rate starts anew"
            raise InputError(f"{told}; set schedule=cosine, or restarts=0")

    def _check_sampling(self) -> None:
        """What is drawn in the end."""
        if self.latents == "uniform" and self.truncation >= 1:
            told = f"truncation={self.truncation:g}: uniform latents lie between -1 and 1"
            raise InputError(f"{told}; take less than 1, or 0 for none")
        if self.selection == "discriminator" and self.kind.losses == RECONSTRUCTION:
            told = f"selection={self.selection}: network={self.network} has no discriminator"
            raise InputError(f"{told}; set selection=judge or selection=none")

    def _check_augmentation(self) -> None:
        """What both sides go through, and how often."""
        for name in self.augmentations:
            _one_of("diffaugment", name, OPERATIONS, ", or several as in colour+cutout")
        if len(set(self.augmentations)) < len(self.augmentations):
            raise InputError(f"diffaugment={self.diffaugment}: names an operation twice")
        self._check_idle("augment_p", "augment_ramp", "ada", without=("diffaugment",))
        self._check_idle("ada_kimg", without=("ada",))
        if self.ada and self.augment_ramp:
            both = f"ada={self.ada} augment_ramp={self.augment_ramp}"
            raise InputError(f"{both}: adaptive or by the clock; leave one of the two out")

    def _check_idle(self, *names: str, without: tuple[str, ...]) -> None:
        """Refuses settings that only count beside others, all of which are 0."""
        for name in names:
            if getattr(self, name) != _default(name) and not any(getattr(self, w) for w in without):
                told = f"{name}={getattr(self, name)}: has no effect without"
                mend = f"set that too, or {name}={_default(name)}"
                raise InputError(f"{told} {' or '.join(without)}; {mend}")

    def _check_latent(self) -> None:
        """An autoencoder's: smaller than the picture, and no smaller than what is drawn from it."""
        sides = tuple(4 * 2**n for n in range(6) if 8 * 2**n <= self.size)
        _one_of("latent_side", self.latent_side, sides, f" with size={self.size}")
        _one_of("latents", self.latents, ("normal",), f" with network={self.network}")
        values = self.latent_channels * self.latent_side**2
        Bounds(1, values).check("latent", self.latent)

    def changed(self, changes: Mapping[str, Any]) -> "Recipe":
        """The recipe with other values of some settings, by name.

        Who names a loss without labels need not know how this one's were smoothed: that goes.

        Raises:
            InputError: a value does not fit, or not beside the others; the line says what does.
        """
        if changes.get("loss", "bce") != "bce":
            changes = {name: _default(name) for name in LABELS} | dict(changes)
        return replace(self, **changes)

    @property
    def kind(self) -> Network:
        """What its network can do."""
        return NETWORKS[self.network]

    @property
    def by_breed(self) -> bool:
        """Whether its networks draw, and judge, one breed at a time."""
        return self.kind.conditional or self.conditional

    def check_breeds(self, count: int) -> None:
        """Refuses data of so few breeds that a setting has no effect.

        Raises:
            InputError: there is one; the line names it.
        """
        if self.auxiliary and count < 2:
            told = f"auxiliary={self.auxiliary}: has no effect on data of one breed"
            raise InputError(f"{told}; train on several, or set auxiliary={_default('auxiliary')}")

    @property
    def augmentations(self) -> tuple[str, ...]:
        """Operations on all that the discriminator sees, in their order."""
        return tuple(self.diffaugment.split("+")) if self.diffaugment else ()

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
