"""`python -m bench train`: images a second of a training step.

The kit's step (`local.train.adversaries`) beside the loop of PyTorch's DCGAN example
(`bench.example`), with the same networks, batch size and pictures. The example gets its batches
ready in memory, and with --data a further side has its loader, too. It has labels of 1 and no
margin, and so has the kit's step beside it. Other networks than the DCGAN's, and losses other than
BCE, have no such example: there the first side is a plain eager loop of the same step
(`bench.eager`).

First both sides take a step of that very recipe in float32, on an equal batch and from equal
weights: their losses must be equal.
"""

import argparse
import signal
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import replace
from functools import partial
from itertools import repeat
from pathlib import Path

import torch
from torch import Tensor

from bench.eager import Eager, PlainDevice
from bench.example import WORKERS, Example, loader
from bench.form import Measured, carry_out, command
from bench.sides import alternate
from local import nets, recipes
from local.commands.arguments import DEVICE_HELP, Parser, count
from local.data.prepared import TrainingSet
from local.errors import InputError
from local.recipes import Recipe
from local.train import devices
from local.train.adversaries import Adversaries
from mifid.errors import WorkError

PICTURES = 2000
EQUAL = 1e-4  # of a loss, or of 1 if that is more: two orders of summing in float32
STILL = 1e-12  # rates that move no weight


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("train", __doc__, 7, "--batch 128 --data generative-dog-images.zip")
    add_step(parser, steps=4)
    add = parser.add_argument
    add("--data", type=Path, metavar="PATH", help="dogs, for a side with the example's loader")
    add("--compile", action="store_true", help="the kit's networks compiled, as in long runs")
    return carry_out("train", parser, words, _measure)


def add_step(parser: Parser, steps: int) -> None:
    """The options that say which step is taken, and how often a round."""
    add = parser.add_argument
    add("--recipe", default=recipes.DEFAULT, help=f"its network and losses ({recipes.DEFAULT})")
    add("--batch", type=count, metavar="B", help="pictures a step (the recipe's)")
    add("--steps", type=count, default=steps, metavar="S", help=f"a round ({steps})")
    add("--device", default="auto", help=DEVICE_HELP)
    add("settings", nargs="*", metavar="key=value", help="further settings of the recipe")


def _measure(options: argparse.Namespace) -> Measured:
    device = devices.choose(options.device)
    recipe = recipe_of(options)
    has_example = recipe.network == "dcgan" and recipe.loss == "bce"
    if has_example:
        recipe = replace(recipe, smoothing=0.0, margin=1.0)
    dogs = noise(recipe, device.device)
    check = equal_to_example if has_example else equal_to_plain
    notes = [check(recipe, device, dogs)]
    with ExitStack() as around:
        sides: dict[str, Callable[[], object]] = {}
        if has_example:
            sides |= _examples(options, recipe, dogs, around)
        else:
            sides["plain eager loop"] = Eager(recipe, _plain(device), dogs).step
        quick = replace(device, compiles=options.compile and device.compiles)
        if device.dtype != torch.float32:
            exact = replace(quick, dtype=torch.float32)
            sides["this kit in float32"] = Adversaries(recipe, exact, dogs).step
        sides["this kit"] = Adversaries(recipe, quick, dogs).step
        rounds = {name: partial(times, options.steps, side) for name, side in sides.items()}
        found = alternate(rounds, options.steps * recipe.batch, options.rounds, sync_of(device))
    about = f"{recipe.name}, {recipe.size}x{recipe.size}, batch {recipe.batch}, {device.name}"
    return Measured(f"{about}; this kit in {quick.dtype}", found, notes=notes)


def recipe_of(options: argparse.Namespace) -> Recipe:
    """The recipe that the options name, with their settings and their batch."""
    recipe = recipes.override(recipes.get(options.recipe), options.settings)
    if recipe.network == "autoencoder":
        raise InputError("--recipe: an autoencoder has no opponent; choose another recipe")
    return replace(recipe, batch=options.batch or recipe.batch)


def sync_of(device: devices.Device) -> Callable[[], None]:
    """What waits until a device is done."""
    return torch.cuda.synchronize if device.device.type == "cuda" else lambda: None


def noise(recipe: Recipe, device: torch.device) -> TrainingSet:
    """Pictures of noise, on the device: what they show does not change a step's time."""
    side = recipe.prepared_size
    random = torch.Generator().manual_seed(0)
    shape = (PICTURES, 3, side, side)
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8, generator=random)
    labels = torch.arange(PICTURES) % 2
    return TrainingSet(pictures, labels, ["one", "other"]).on(device)


def times(count: int, step: Callable[[], object]) -> None:
    """Takes so many steps."""
    for _ in range(count):
        step()


def _examples(
    options: argparse.Namespace, recipe: Recipe, dogs: TrainingSet, around: ExitStack
) -> dict[str, Callable[[], object]]:
    """The example's loop on a batch in memory; and, with data, on its loader's."""
    some = dogs.pictures[: recipe.batch][:, :, : recipe.size, : recipe.size]
    at_hand = some.float() / 127.5 - 1
    sides = {"PyTorch's example": _loop(recipe, repeat(at_hand), at_hand.device)}
    if options.data:
        # DataLoader would handle the end of every later child of this process, too.
        around.callback(signal.signal, signal.SIGCHLD, signal.getsignal(signal.SIGCHLD))
        folder = Path(around.enter_context(tempfile.TemporaryDirectory(prefix="bench-train-")))
        batches = loader(options.data, folder, recipe)
        sides[f"with its loader, {WORKERS} workers"] = _loop(recipe, batches, at_hand.device)
    return sides


def _loop(recipe: Recipe, batches: Iterator[Tensor], device: torch.device) -> Callable[[], object]:
    networks = nets.generator(recipe, 1).to(device), nets.discriminator(recipe, 1).to(device)
    example = Example(recipe, *networks)

    def step() -> list[float]:
        reals = next(batches).to(device)
        return example.step(reals, torch.randn(len(reals), recipe.latent, device=device))

    return step


def equal_to_example(recipe: Recipe, device: devices.Device, dogs: TrainingSet) -> str:
    """The losses of a step of the example and of this kit, on one batch from the same weights.

    Raises:
        WorkError: they differ, so that the sides would not do the same work.
    """
    kit = Adversaries(recipe, _exact(device), dogs)
    example = Example(recipe, deepcopy(kit.generator), deepcopy(kit.discriminator))
    seen: list[Tensor] = []  # by the kit's networks: reals by the one, latents by the other
    for network in (kit.discriminator, kit.generator):
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    ours = _losses(kit)
    latents = next(tensor for tensor in seen if tensor.ndim == 2)
    reals = next(tensor for tensor in seen if tensor.ndim == 4)
    return _equal(ours, example.step(reals, latents)[:2], "the example's, labels of 1, no margin")


def equal_to_plain(recipe: Recipe, device: devices.Device, dogs: TrainingSet) -> str:
    """The same of the plain eager loop; arguments and errors as of `equal_to_example`.

    At rates of next to nothing: one step of the discriminator's is not to magnify, in the losses
    after it, that the bounds of spectral norm are worked out once a half of a step on one side.
    """
    still = replace(recipe, g_lr=STILL, d_lr=STILL)
    ours = _losses(Adversaries(still, _exact(device), dogs))
    return _equal(ours, _losses(Eager(still, _plain(device), dogs)), "the plain eager loop's")


def _exact(device: devices.Device) -> devices.Device:
    return replace(device, dtype=torch.float32, compiles=False)


def _plain(device: devices.Device) -> PlainDevice:
    return PlainDevice(device.device, device.name, torch.float32)


def _losses(model: Adversaries) -> list[float]:
    """Those of both sides, of a step."""
    found = dict(zip(model.statistics, model.step().tolist(), strict=True))
    return [found["loss_d"], found["loss_g"]]


def _equal(ours: list[float], theirs: list[float], whose: str) -> str:
    pairs = list(zip(("D", "G"), ours, theirs, strict=True))
    said = ", ".join(f"{name} {a:.6f} and {b:.6f}" for name, a, b in pairs)
    if not all(abs(a - b) <= EQUAL * max(abs(b), 1.0) for _, a, b in pairs):
        raise WorkError(f"the losses of one batch differ: {said}")
    return f"losses of one step on one batch in float32, this kit's and {whose}: {said}"
