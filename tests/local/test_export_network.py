"""ONNX: every kind of network draws the same pictures there, whatever their number."""

import numpy as np
import pytest
import torch
from helpers import ROOT
from made_runs import awake

from local import nets
from local.app.sampler import Sampler
from local.data.classes import Classes
from local.export import network
from local.recipes import Recipe
from local.recipes.networks import NETWORKS
from local.sampling import draw
from mifid.errors import WorkError

BREEDS = Classes(("beagle", "pug", "boxer"), (6, 3, 1))
KINDS = {name: {"network": name, "loss": kind.losses[0]} for name, kind in NETWORKS.items()}
KINDS["dcgan with breeds"] = {"network": "dcgan", "conditional": True}
KINDS["uniform latents"] = {"network": "basic", "latents": "uniform"}


def dogs(**changes):
    recipe = Recipe(size=32, g_width=4, d_width=4, latent=12, **changes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = awake(nets.generator(recipe, len(BREEDS)))
        generator.train()
        with torch.no_grad():  # statistics of its own, as after training
            generator(*draw(recipe, BREEDS, 32, seed=1).on(torch.device("cpu")))
    placed = generator.eval().to(memory_format=torch.channels_last)
    return Sampler(recipe, BREEDS, placed, torch.device("cpu"))


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_same_pictures(kind, tmp_path):
    onnxruntime = pytest.importorskip("onnxruntime")
    of = dogs(**KINDS[kind])
    before = {name: value.clone() for name, value in of.generator.state_dict().items()}
    assert network.write(of, tmp_path / "generator.onnx") <= network.TOLERANCE
    assert [p.name for p in tmp_path.iterdir()] == ["generator.onnx"]  # the weights within
    session = onnxruntime.InferenceSession(tmp_path / "generator.onnx")
    inputs = [(i.name, i.shape[1:], i.type) for i in session.get_inputs()]
    expected_inputs = [("latents", [12], "tensor(float)"), ("labels", [], "tensor(int64)")]
    assert inputs == expected_inputs[: 1 + of.recipe.by_breed]
    for count in (1, 3, 10):
        draws = draw(of.recipe, BREEDS, count, seed=count + 50)
        fed = {"latents": draws.latents.numpy(), "labels": draws.labels.numpy()}
        (found,) = session.run(["pictures"], {name: fed[name] for name, *_ in inputs})
        with torch.inference_mode():
            expected = of.generator(draws.latents, draws.labels).numpy()
        assert 0.03 < expected.std() < 0.9  # with contrast, or anything would do
        np.testing.assert_allclose(found, expected, atol=1e-3, rtol=0)
    for name, value in of.generator.state_dict().items():
        assert torch.equal(value, before[name])  # spectral norm is still there, and the same
    assert str(ROOT).encode() not in (tmp_path / "generator.onnx").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["other weights", "no numbers"])
def test_other_pictures_are_refused(fault, tmp_path, monkeypatch):
    of, plain = dogs(network="basic"), network._plain

    def changed(given):
        copy = plain(given)
        with torch.no_grad():
            *_, bias = copy.parameters()  # of the last layer
            bias.add_(0.01 if fault == "other weights" else float("nan"))
        return copy

    monkeypatch.setattr(network, "_plain", changed)
    with pytest.raises(WorkError, match="draws other pictures than the run's weights"):
        network.write(of, tmp_path / "generator.onnx")
