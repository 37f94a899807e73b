"""Convolutions beside a change of side: the same as the two steps that they stand for."""

import pytest
import torch
from torch.nn.functional import avg_pool2d, conv2d, interpolate

from local.nets.resampled import conv_of_doubled, halved_conv


def two_steps_up(x, weight, bias):
    return conv2d(interpolate(x, scale_factor=2), weight, bias, padding=1)


def two_steps_down(x, weight, bias):
    return avg_pool2d(conv2d(x, weight, bias, padding=1), 2)


@pytest.mark.parametrize(
    ("one_step", "two_steps"), [(conv_of_doubled, two_steps_up), (halved_conv, two_steps_down)]
)
class TestOneStep:
    def made(self):
        random = torch.Generator().manual_seed(0)
        return tuple(
            torch.randn(shape, dtype=torch.float64, generator=random).requires_grad_()
            for shape in ((2, 5, 6, 8), (7, 5, 3, 3), (7,))  # planes, weight, bias
        )

    def test_gives_the_same_planes_to_the_edge(self, one_step, two_steps):
        given = self.made()
        torch.testing.assert_close(one_step(*given), two_steps(*given))

    def test_has_the_same_gradients(self, one_step, two_steps):
        given = self.made()
        ways = [
            torch.autograd.grad(step(*given).square().sum(), given)
            for step in (one_step, two_steps)
        ]
        torch.testing.assert_close(*ways)

    def test_has_gradients_of_gradients(self, one_step, two_steps):
        """Which a penalty on the slope needs."""
        x, weight, bias = self.made()
        ways = []
        for step in (one_step, two_steps):
            (slope,) = torch.autograd.grad(
                step(x, weight, bias).square().sum(), x, create_graph=True
            )
            ways.append(torch.autograd.grad(slope.square().sum(), (x, weight)))
        torch.testing.assert_close(*ways)
