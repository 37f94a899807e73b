"""`python -m bench train`: images a second of a training step.

The kit's step (`local.train.adversaries`) beside the loop of PyTorch's DCGAN example
(`bench.example`), with the same networks, batch size and pictures. The example gets its batches
ready in memory, and with --data a further side has its loader, too. Other networks than the DCGAN's
have no such example: there the first side is a plain eager loop of the same step (`bench.eager`).

First both sides take one step on equal batches in float32: their losses must be equal.
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
EQUAL = 1e-4  # relative: two orders of summing in float32


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
    dogs = noise(recipe, device.device)
    with ExitStack() as around:
        sides: dict[str, Callable[[], object]] = {}
        notes = []
        if recipe.network == "dcgan":
            notes.append(equal_losses(recipe, device, dogs))
            sides |= _examples(options, recipe, dogs, around)
        else:
            plain = PlainDevice(device.device, device.name, torch.float32)
            sides["plain eager loop"] = Eager(recipe, plain, dogs).step
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


def equal_losses(recipe: Recipe, device: devices.Device, dogs: TrainingSet) -> str:
    """Both sides' losses of a step on one batch in float32, from the same weights, in words.

    Raises:
        WorkError: they differ, so that the sides would not do the same work.
    """
    plain = replace(recipes.get("dcgan"), size=recipe.size, batch=recipe.batch)
    kit = Adversaries(plain, replace(device, dtype=torch.float32, compiles=False), dogs)
    example = Example(plain, deepcopy(kit.generator), deepcopy(kit.discriminator))
    seen: list[Tensor] = []  # by the kit's networks: reals by the one, latents by the other
    for network in (kit.discriminator, kit.generator):
        network.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].detach()))
    ours = dict(zip(kit.statistics, kit.step().tolist(), strict=True))
    latents = next(tensor for tensor in seen if tensor.ndim == 2)
    reals = next(tensor for tensor in seen if tensor.ndim == 4)
    theirs = example.step(reals, latents)
    pairs = list(zip(("D", "G"), (ours["loss_d"], ours["loss_g"]), theirs, strict=False))
    said = ", ".join(f"{name} {a:.6f} and {b:.6f}" for name, a, b in pairs)
    if any(abs(a - b) > EQUAL * abs(b) for _, a, b in pairs):
        raise WorkError(f"the losses of one batch differ: {said}")
    return f"losses of one step on one batch in float32, this kit's and the example's: {said}"
