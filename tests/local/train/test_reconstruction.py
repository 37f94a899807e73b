"""The autoencoder: the density of its latents against the closed form, and what it looks at."""

from dataclasses import replace

import torch

from local import recipes
from local.data.prepared import TrainingSet
from local.nets.autoencoder import Decoder, Generator
from local.train import reconstruction
from local.train.reconstruction import Reconstruction


def fitted(codes, latent):
    generator = Generator(Decoder(4, 2, 1), (2, 3, 3), latent)
    generator.fit(codes)
    return generator


def test_the_density_has_the_latents_mean_and_covariance():
    codes = torch.randn(200, 2, 3, 3, generator=torch.Generator().manual_seed(0)) * 3 + 1
    generator = fitted(codes, 18)
    flat = codes.flatten(1)
    torch.testing.assert_close(generator.mean, flat.mean(0), atol=1e-5, rtol=1e-5)
    covariance = generator.directions.T @ generator.directions
    torch.testing.assert_close(covariance, torch.cov(flat.T), atol=1e-3, rtol=1e-3)


def test_fewer_directions_are_the_widest_ones_in_order():
    codes = torch.randn(200, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    whole, some = fitted(codes, 18).directions, fitted(codes, 5).directions
    widths = some.norm(dim=1)
    assert widths.tolist() == sorted(widths.tolist(), reverse=True)
    torch.testing.assert_close(widths, whole.norm(dim=1)[:5])


def test_fewer_pictures_than_directions_leave_the_rest_at_the_mean():
    codes = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(0))
    assert fitted(codes, 18).directions[4:].abs().max() == 0


def test_the_density_is_of_pictures_from_the_whole_set(device, monkeypatch):
    """Which is sorted by breed: the last pictures count as the first ones do."""
    monkeypatch.setattr(reconstruction, "FITTED", 8)
    recipe = replace(recipes.get("autoencoder"), size=16, g_width=4, d_width=4, latent=4, batch=4)
    pictures = torch.arange(13, dtype=torch.uint8).view(13, 1, 1, 1).expand(13, 3, 16, 16)
    model = Reconstruction(recipe, device, TrainingSet(pictures, torch.zeros(13).long(), ["x"]))
    seen = []
    monkeypatch.setattr(
        model, "_encode", lambda p: seen.append(p[:, 0, 0, 0]) or torch.ones(8, 16, 8, 8)
    )
    model.recalibrate()
    assert seen[0][0] == 0 and seen[0][-1] == 12 and len(seen[0]) == 8
