"""PyTorch's DCGAN example, its loop and its loader, written anew: what a step is held against."""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

from local.data.competition import write_kaggle_layout
from local.recipes import Recipe

WORKERS = 2  # the example's default


class Example:
    """The loop: float32, eager, the usual order of memory, one optimiser step a side.

    Args:
        recipe: gives batch, latents and rates.
        generator: of latents (B, Z), on the device; it is trained.
        discriminator: gives logits (B,), to which the example's sigmoid is added.
    """

    def __init__(self, recipe: Recipe, generator: nn.Module, discriminator: nn.Module) -> None:
        self.generator = generator.to(memory_format=torch.contiguous_format).train()
        discriminator.to(memory_format=torch.contiguous_format).train()
        self.discriminator = nn.Sequential(discriminator, nn.Sigmoid())
        self.criterion = nn.BCELoss()
        betas = (recipe.beta1, recipe.beta2)
        self.d_optimiser = torch.optim.Adam(discriminator.parameters(), recipe.d_lr, betas)
        self.g_optimiser = torch.optim.Adam(generator.parameters(), recipe.g_lr, betas)

    def step(self, reals: Tensor, latents: Tensor) -> list[float]:
        """Both losses, and the mean answers to real and to fake, read back as the example does.

        Args:
            reals: (B, 3, S, S) in -1..1, on the device.
            latents: (B, Z).
        """
        ones = torch.ones(len(reals), device=reals.device)
        self.discriminator.zero_grad()
        on_real = self.discriminator(reals)
        loss_real = self.criterion(on_real, ones)
        loss_real.backward()
        fakes = self.generator(latents)
        on_fake = self.discriminator(fakes.detach())
        loss_fake = self.criterion(on_fake, torch.zeros_like(ones))
        loss_fake.backward()
        self.d_optimiser.step()
        self.generator.zero_grad()
        loss_g = self.criterion(self.discriminator(fakes), ones)
        loss_g.backward()
        self.g_optimiser.step()
        loss_d = loss_real + loss_fake
        return [loss_d.item(), loss_g.item(), on_real.mean().item(), on_fake.mean().item()]


def loader(data: Path, unpacked: Path, recipe: Recipe) -> Iterator[Tensor]:
    """The example's batches without end: every picture is decoded again each time it is shown.

    Args:
        data: folder or archive of dogs.
        unpacked: an empty folder, for the pictures as files.
        recipe: gives batch and size.
    """
    write_kaggle_layout(data, unpacked)
    change = transforms.Compose(
        [
            transforms.Resize(recipe.size),
            transforms.CenterCrop(recipe.size),
            transforms.ToTensor(),
            transforms.Normalize((0.5,) * 3, (0.5,) * 3),
        ]
    )
    pictures = ImageFolder(unpacked / "all-dogs", change)
    batches = DataLoader(pictures, recipe.batch, shuffle=True, num_workers=WORKERS)
    while True:
        for reals, _ in batches:
            yield reals
