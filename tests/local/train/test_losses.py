"""Losses against PyTorch's own cross-entropy."""

import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from local.train.losses import bce_d, bce_g


def test_cross_entropy():
    torch.manual_seed(0)
    real, fake = torch.randn(50) * 5, torch.randn(50) * 5
    ones, zeros = torch.ones(50), torch.zeros(50)
    torch.testing.assert_close(bce_d(real, fake), bce(real, ones) + bce(fake, zeros))
    torch.testing.assert_close(bce_g(fake), bce(fake, ones))


def test_half_precision_logits_do_not_overflow():
    logits = torch.tensor([-60000.0, 60000.0], dtype=torch.float16)
    assert bce_d(logits, logits).isfinite()
    assert bce_d(logits, logits).dtype == torch.float32
