"""What training asks of BigGAN's and R3GAN's networks: slopes of slopes, reduced precision, no
number that the host waits for."""

from functools import partial

import pytest
import torch
from torch import nn

from local.nets import biggan, r3gan
from local.nets.attention import SelfAttention

SMALL = {"base": 4, "doublings": 2, "breeds": 3}
GENERATORS = [partial(biggan.Generator, 8, 1), partial(r3gan.Generator, 8, 2)]
DISCRIMINATORS = [
    partial(biggan.Discriminator, 2),
    partial(biggan.Discriminator, 2, deviation=True),
    partial(r3gan.Discriminator, 2),
    partial(r3gan.Discriminator, 2, deviation=True),
]
generators = pytest.mark.parametrize("build", GENERATORS, ids=["biggan", "r3gan"])
discriminators = pytest.mark.parametrize(
    "build", DISCRIMINATORS, ids=["biggan", "biggan-deviation", "r3gan", "r3gan-deviation"]
)


def made(build):
    """A network past its beginning, where attention and R3GAN's blocks are the identity."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = build(**SMALL)
        for module in network.modules():
            if isinstance(module, SelfAttention):
                module.gain.data.fill_(0.5)
            if isinstance(module, r3gan.Block):
                nn.init.normal_(module.layers[-1].weight, 0, 0.3)
    return network


def seeded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


LABELS = torch.tensor([0, 1, 2, 0])


def penalty(network, dtype=torch.float32):
    """Half the mean of |slope|^2 (R1)."""
    pictures = seeded(4, 3, 16, 16, seed=1).to(dtype).requires_grad_(True)
    logits = network(pictures, LABELS)
    (slopes,) = torch.autograd.grad(logits.sum(), pictures, create_graph=True)
    return slopes.flatten(1).square().sum(dim=1).mean() / 2


@discriminators
def test_a_penalty_on_the_slope_reaches_every_weight(build):
    """Biases only move the bends of piecewise linear layers, which a slope does not see."""
    network = made(build)
    penalty(network).backward()
    for name, parameter in network.named_parameters():
        if parameter.ndim > 1:
            assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
        assert parameter.grad is None or parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("build", DISCRIMINATORS[::2], ids=["biggan", "r3gan"])
def test_the_penaltys_gradient_is_right(build):
    """Against differences along a random direction of all weights, in float64."""
    network = made(build).double().eval()
    weights = list(network.parameters())
    along = [seeded(w.numel(), seed=i).double().view_as(w) for i, w in enumerate(weights)]
    penalty(network, torch.float64).backward()
    pairs = zip(weights, along, strict=True)
    slope = sum((w.grad * a).sum() for w, a in pairs if w.grad is not None)
    step = 1e-7
    values = []
    for move in (step, -2 * step):  # there, and as far to the other side
        with torch.no_grad():
            torch._foreach_add_(weights, along, alpha=move)
        values.append(penalty(network, torch.float64).detach())
    torch.testing.assert_close(slope, (values[0] - values[1]) / (2 * step), rtol=1e-4, atol=1e-6)


@generators
def test_a_generator_in_reduced_precision(build):
    network = made(build)
    latents = seeded(4, 8)
    plain = network.eval()(latents, LABELS)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = network(latents, LABELS)
    assert reduced.dtype == torch.bfloat16
    assert (reduced.float() - plain).abs().mean() < 0.03


@discriminators
def test_a_discriminator_in_reduced_precision(build):
    network = made(build)
    pictures = seeded(4, 3, 16, 16)
    plain = network.eval()(pictures, LABELS)
    network.train()  # spectral norm's own steps run in reduced precision, too
    with torch.autocast("cpu", dtype=torch.bfloat16):
        reduced = network(pictures, LABELS)
        slope = penalty(network)
    assert (reduced.float() - plain).abs().max() < 0.05 * plain.abs().max() + 0.05
    slope.backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


@pytest.mark.parametrize("build", GENERATORS + DISCRIMINATORS)
def test_the_order_of_memory_changes_nothing(build):
    network = made(build).eval()
    drawing = build in GENERATORS
    given = seeded(4, 8) if drawing else seeded(4, 3, 16, 16)
    expected = network(given, LABELS)
    network = network.to(memory_format=torch.channels_last)
    given = given if drawing else given.contiguous(memory_format=torch.channels_last)
    result = network(given, LABELS)
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=1e-4)
    if drawing:
        assert result.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.slow
@pytest.mark.parametrize("build", GENERATORS + DISCRIMINATORS)
def test_a_pass_never_waits_for_a_number(build):
    """On a device that has shapes and no numbers, reading one is an error."""
    with torch.device("meta"):
        network = build(**SMALL).train()
        given = torch.empty(4, 8) if build in GENERATORS else torch.empty(4, 3, 16, 16)
        result = network(given, torch.empty(4, dtype=torch.long))
    result.sum().backward()
    assert len(result) == 4
