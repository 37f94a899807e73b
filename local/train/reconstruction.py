"""An autoencoder's training: the two halves learn together to give a picture back."""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from local import nets
from local.nets.autoencoder import Generator
from local.pictures import to_bytes
from local.sampling import Draws
from local.train import ema
from local.train.augment import to_floats
from local.train.trainer import Batch, Trainer

FITTED = 2048  # training pictures, at most, to whose latents the density is fitted
SHOWN = 32  # pictures on the sheet of reconstructions
COLUMNS = 8


class Reconstruction(Trainer):
    """Decoder (in the generator) and encoder."""

    statistics = ("loss",)
    partner_name = "encoder"
    generator: Generator
    average: Generator

    @property
    def encoder(self) -> nn.Module:
        """What brings pictures down to latents."""
        return self.partner

    def _build_partner(self) -> nn.Module:
        return nets.encoder(self.recipe)

    def _compilable(self) -> list[nn.Module]:
        return [self.generator.decoder, self.encoder]

    def _learn(self, shared: Tensor) -> Tensor:
        batch = self._reals()
        optimisers = [self.g_optimiser, self.d_optimiser]
        loss = self._accumulate(self._loss, optimisers, self.g_scaler, batch)
        self._update(optimisers, self.g_scaler, [loss, shared])
        return loss

    def _loss(self, batch: Batch) -> Tensor:
        """Mean squared error of a pixel, levels of -1..1 (1,)."""
        with self.device.autocast():
            given_back = self.generator.decoder(self.encoder(batch["reals"]))
        return mse_loss(given_back.float(), batch["reals"])[None]

    def recalibrate(self) -> None:
        """Fits the density to the training pictures' latents, and measures batch norm on them."""
        codes = self._encode(self._some(min(FITTED, len(self.data))))
        self.average.fit(codes)
        parts = codes.split(self._fitting)
        ema.recalibrate(self.average.decoder, ((part,) for part in parts if len(part) > 1))
        self.average.eval()

    def _some(self, count: int) -> Tensor:
        """Training pictures (N, 3, S, S) uint8 from all of the set, which is sorted by breed.

        Some come again where there are fewer.
        """
        data = self.feed.data
        rows = torch.linspace(0, len(data) - 1, count).long()
        pictures = data.pictures[rows.to(data.labels.device)].to(self.device.device)
        off = self.recipe.random_crop // 2  # the middle of larger ones
        middle = slice(off, off + self.recipe.size)
        return pictures[:, :, middle, middle]

    @torch.no_grad()
    def _encode(self, pictures: Tensor) -> Tensor:
        """Latents of pictures (N, 3, S, S) uint8."""
        self.encoder.eval()
        parts = pictures.split(self._fitting)
        codes = torch.cat([self.encoder(to_floats(part)) for part in parts])
        self.encoder.train()
        return codes

    @torch.no_grad()
    def views(self, draws: Draws) -> dict[str, np.ndarray]:
        """Draws, and real pictures in rows, each row above what the network gives back of it."""
        pictures = self._some(SHOWN)
        reals = to_floats(pictures)
        given_back = self.average.decoder(self._encode(pictures))
        rows = zip(reals.split(COLUMNS), given_back.split(COLUMNS), strict=True)
        pairs = torch.cat([side for row in rows for side in row])
        return super().views(draws) | {"reconstructions": to_bytes(pairs)}
