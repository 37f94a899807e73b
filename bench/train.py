"""`python -m bench train`: images a second of a DCGAN training step.

One side is this kit's step (`local.train.adversaries`). The other is the loop of PyTorch's DCGAN
example, written anew: float32, eager, the usual memory order, one optimiser step a side, four
numbers read back a step. It gets its batches ready in memory, so its loader is not measured.
Both have the same networks, batch size and pictures.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from bench.sides import alternate, machine
from local import nets, recipes
from local.data.prepared import TrainingSet
from local.recipes import Recipe
from local.train import devices
from local.train.adversaries import Adversaries


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    command = argparse.ArgumentParser(prog="python -m bench train", description=__doc__)
    command.add_argument("--batch", type=int, default=128)
    command.add_argument("--steps", type=int, default=4, help="a round (4)")
    command.add_argument("--rounds", type=int, default=7)
    command.add_argument("--device", default="auto")
    command.add_argument("--json", action="store_true")
    options = command.parse_args(words)
    device = devices.choose(options.device)
    recipe = replace(recipes.get("best-dcgan"), batch=options.batch)
    shape = (2000, 3, recipe.size, recipe.size)
    pictures = torch.randint(0, 256, shape, dtype=torch.uint8).to(device.device)
    dogs = TrainingSet(pictures, torch.zeros(len(pictures), dtype=torch.long), ["dog"])

    sides = {
        "plain float32 loop": _plain(recipe, pictures, options.steps),
        "this kit": _kit(recipe, device, dogs, options.steps),
    }
    cuda = device.device.type == "cuda"
    sync = torch.cuda.synchronize if cuda else lambda: None
    plain, kit = alternate(sides, options.steps * recipe.batch, options.rounds, sync)
    ratio = kit.median / plain.median
    best = max(kit.rounds) / max(plain.rounds)  # what is left where other work disturbs
    if options.json:
        print(
            json.dumps(
                {"plain": plain.rounds, "kit": kit.rounds, "ratio": ratio, "ratio_best": best}
            )
        )
        return 0
    print(f"{machine()}\n{device.name}, kit in {device.dtype}, batch {recipe.batch}, 64x64")
    print(f"{plain}\n{kit}\nratio {ratio:.2f} of the medians, {best:.2f} of the best rounds")
    return 0


def _kit(
    recipe: Recipe, device: devices.Device, dogs: TrainingSet, steps: int
) -> Callable[[], None]:
    adversaries = Adversaries(recipe, device, dogs)

    def work() -> None:
        for _ in range(steps):
            adversaries.step()

    return work


def _plain(recipe: Recipe, dogs: Tensor, steps: int) -> Callable[[], None]:
    """The example's loop: real and fake pass, two backward calls for D, one for G."""
    generator = nets.generator(recipe, 1).to(dogs.device)
    discriminator = nn.Sequential(nets.discriminator(recipe, 1), nn.Sigmoid()).to(dogs.device)
    criterion = nn.BCELoss()
    betas = (recipe.beta1, recipe.beta2)
    d_optimiser = torch.optim.Adam(discriminator.parameters(), recipe.d_lr, betas)
    g_optimiser = torch.optim.Adam(generator.parameters(), recipe.g_lr, betas)
    ones = torch.ones(recipe.batch, device=dogs.device)
    zeros = torch.zeros(recipe.batch, device=dogs.device)
    reals = dogs[: recipe.batch].float() / 127.5 - 1

    def step() -> list[float]:
        discriminator.zero_grad()
        on_real = discriminator(reals)
        loss_real = criterion(on_real, ones)
        loss_real.backward()
        fakes = generator(torch.randn(recipe.batch, recipe.latent, device=dogs.device))
        on_fake = discriminator(fakes.detach())
        loss_fake = criterion(on_fake, zeros)
        loss_fake.backward()
        d_optimiser.step()
        generator.zero_grad()
        loss_g = criterion(discriminator(fakes), ones)
        loss_g.backward()
        g_optimiser.step()
        loss_d = loss_real + loss_fake
        return [loss_d.item(), loss_g.item(), on_real.mean().item(), on_fake.mean().item()]

    def work() -> None:
        for _ in range(steps):
            step()

    return work
