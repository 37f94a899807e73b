"""The autoencoder: the density of its latents against the closed form, and what it looks at."""

import itertools
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from local import recipes
from local.data.prepared import TrainingSet
from local.nets.autoencoder import Decoder, Generator
from local.pictures import to_bytes
from local.sampling import draw
from local.train import reconstruction
from local.train.augment import to_floats
from local.train.reconstruction import Reconstruction
from local.train.watchers import RunFolder

TINY = replace(recipes.get("autoencoder"), size=16, g_width=4, d_width=4, latent=4, batch=4)


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
    pictures = torch.arange(13, dtype=torch.uint8).view(13, 1, 1, 1).expand(13, 3, 16, 16)
    model = Reconstruction(TINY, device, TrainingSet(pictures, torch.zeros(13).long(), ["x"]))
    seen = []
    monkeypatch.setattr(
        model, "_encode", lambda p: seen.append(p[:, 0, 0, 0]) or torch.ones(8, 16, 8, 8)
    )
    model.recalibrate()
    assert seen[0][0] == 0 and seen[0][-1] == 12 and len(seen[0]) == 8


@pytest.fixture
def trained(device):
    """An autoencoder of few pictures, which differ, after so few steps that it learned little."""

    def train(count=13):
        random = torch.Generator().manual_seed(0)
        pictures = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8, generator=random)
        data = TrainingSet(pictures, torch.zeros(count).long(), ["x"])
        model = Reconstruction(TINY, device, data)
        for _ in range(3):
            model.step()
        return model

    return train


def test_the_density_is_of_latents_as_single_pictures_have_them(trained):
    """In a batch of training, a picture's latent depends on those beside it."""
    model = trained()
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    model.recalibrate()
    assert model.encoder.training  # as the next step needs it
    for key, value in model.encoder.state_dict().items():
        assert torch.equal(value, before[key]), key
    encoder, reals = deepcopy(model.encoder), to_floats(model.data.pictures)
    alone = torch.cat([encoder.eval()(real[None]).flatten(1) for real in reals])
    torch.testing.assert_close(model.average.mean, alone.mean(dim=0), atol=1e-5, rtol=1e-4)
    widest = torch.linalg.svdvals(alone - alone.mean(dim=0)).square() / (len(alone) - 1)
    widths = model.average.directions.square().sum(dim=1)
    torch.testing.assert_close(widths, widest[: TINY.latent], atol=1e-5, rtol=1e-3)
    together = encoder.train()(reals).flatten(1)
    assert (model.average.mean - together.mean(dim=0)).abs().max() > 0.01


def test_with_little_memory_the_density_is_fitted_in_smaller_pieces(trained):
    whole, parts = trained(), trained()
    parts.splits = 2
    sizes = {"encoder": [], "decoder": []}
    for name, network in (("encoder", parts.encoder), ("decoder", parts.average.decoder)):
        network.register_forward_pre_hook(
            lambda _, inputs, name=name: sizes[name].append(len(inputs[0]))
        )
    whole.recalibrate()
    parts.recalibrate()
    assert sizes == {"encoder": [2] * 6 + [1], "decoder": [2] * 6}  # one has no statistics
    torch.testing.assert_close(parts.average.mean, whole.average.mean)


@pytest.mark.parametrize("count", [5, 40])
def test_each_real_picture_lies_above_what_is_given_back_of_it(count, trained, tmp_path):
    """On a sheet that is full, even of fewer pictures than it has places."""
    model = trained(count)
    model.recalibrate()
    pictures = model.views(draw(TINY, model.classes, 4, 0))["reconstructions"]
    RunFolder(tmp_path, 0).pictures({"step": 3}, "reconstructions", pictures)
    sheet = np.asarray(Image.open(tmp_path / "reconstructions" / "step-000000003.png"))
    assert sheet.shape == (8 * 18 - 2, 8 * 18 - 2, 3)  # four rows of eight pairs

    def at(row, column):
        return sheet[18 * row : 18 * row + 16, 18 * column : 18 * column + 16]

    encoder, shown = deepcopy(model.encoder).eval(), set()
    for row, column in itertools.product(range(0, 8, 2), range(8)):
        real = torch.from_numpy(at(row, column).copy()).permute(2, 0, 1)
        (number,) = (model.data.pictures == real).flatten(1).all(dim=1).nonzero()[:, 0].tolist()
        shown.add(number)
        (expected,) = to_bytes(model.average.decoder(encoder(to_floats(real[None]))))
        assert np.abs(at(row + 1, column).astype(int) - expected).max() <= 1
    assert len(shown) == min(count, 32) and {0, count - 1} <= shown
