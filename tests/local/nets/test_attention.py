"""Attention and conditional batch norm against plain loops over places, channels and labels."""

import math

import pytest
import torch

from local.nets.attention import SelfAttention
from local.nets.blocks import ConditionalNorm


def seeded(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def attention():
    """Of 16 channels, past the identity that it begins as; spectral norm's vectors at rest."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        made = SelfAttention(16).eval()
    made.gain.data.fill_(0.7)
    return made


def looked(attention, x):
    """What the class says, place by place, of one picture (C, H, W)."""
    layers = (attention.query, attention.key, attention.value, attention.out)
    query, key, value, out = (layer.weight[:, :, 0, 0] for layer in layers)
    _, height, width = x.shape
    blocks = [(top, left) for top in range(0, height, 2) for left in range(0, width, 2)]

    def largest(matrix, top, left):
        """Of the four places of a block, channel by channel."""
        four = [matrix @ x[:, top + i, left + j] for i in (0, 1) for j in (0, 1)]
        return torch.stack(four).amax(dim=0)

    keys = [largest(key, *block) for block in blocks]
    values = [largest(value, *block) for block in blocks]
    result = torch.empty_like(x)
    for row in range(height):
        for column in range(width):
            asks = query @ x[:, row, column]
            weights = [math.exp(float(asks @ key)) for key in keys]
            seen = sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights)
            result[:, row, column] = x[:, row, column] + attention.gain * (out @ seen)
    return result


@torch.no_grad()
def test_every_place_looks_at_all_others(attention):
    x = 3 * seeded(2, 16, 4, 6)  # a picture that is no square tells rows from columns
    expected = torch.stack([looked(attention, one) for one in x])
    assert (expected - x).abs().max() > 0.1
    torch.testing.assert_close(attention(x), expected, atol=1e-5, rtol=1e-5)


def test_attention_begins_as_the_identity():
    x = seeded(2, 8, 4, 4)
    assert torch.equal(SelfAttention(8)(x), x)


def test_attention_has_the_gradient_of_its_gradient(attention):
    """Which a penalty on the slope needs; against differences."""
    x = seeded(1, 16, 2, 4).double().requires_grad_(True)
    assert torch.autograd.gradgradcheck(attention.double(), x, fast_mode=True)


def normed(x, labels, scale, shift, eps=1e-5):
    """Batch norm (N, C, H, W), value by value, with the scale and the shift of each label."""
    result = torch.empty_like(x)
    for channel in range(x.shape[1]):
        values = x[:, channel].flatten().tolist()
        mean = sum(values) / len(values)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values) + eps)
        for i, label in enumerate(labels.tolist()):
            unit = (x[i, channel] - mean) / deviation
            result[i, channel] = unit * scale[label, channel] + shift[label, channel]
    return result


def by_label(channels):
    """Of three labels, 0 each to begin with."""
    table = torch.nn.Embedding(3, channels)
    torch.nn.init.zeros_(table.weight)
    return table


@torch.no_grad()
def test_conditional_norm_scales_and_shifts_by_the_label():
    """The mean is that of the whole batch, whatever the labels."""
    norm = ConditionalNorm(4, by_label)
    x, labels = 2 * seeded(5, 4, 3, 2) + 1, torch.tensor([2, 0, 2, 1, 0])
    plain = normed(x, labels, torch.ones(3, 4), torch.zeros(3, 4))
    torch.testing.assert_close(norm(x, labels), plain)  # as it begins
    scale, shift = seeded(3, 4, seed=1), seeded(3, 4, seed=2)
    norm.scale.weight.copy_(scale - 1)
    norm.shift.weight.copy_(shift)
    torch.testing.assert_close(norm(x, labels), normed(x, labels, scale, shift))


@torch.no_grad()
def test_sampling_conditional_norm_does_not_depend_on_the_other_pictures():
    norm = ConditionalNorm(4, by_label)
    norm.scale.weight.copy_(seeded(3, 4, seed=1))
    norm(seeded(8, 4, 3, 3), torch.zeros(8).long())  # has seen some
    norm.eval()
    x, labels = seeded(5, 4, 3, 2, seed=3), torch.tensor([2, 0, 2, 1, 0])
    alone = [norm(x[i : i + 1], labels[i : i + 1]) for i in range(5)]
    torch.testing.assert_close(norm(x, labels), torch.cat(alone))
