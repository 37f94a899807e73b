"""Numbers of a step, some steps later."""

import torch

from local.train.pace import Pace


def test_a_cpu_has_nothing_waiting():
    pace = Pace(torch.device("cpu"))
    assert pace.lag == 0
    assert pace.push(torch.tensor([1.0, 2.0])) == [1.0, 2.0]
    assert pace.rest() == []


def test_numbers_come_in_order_as_many_steps_later_as_the_device_lags():
    pace = Pace(torch.device("cpu"))
    pace.lag = 2
    pushed = [pace.push(torch.tensor([float(n)])) for n in range(5)]
    assert pushed == [None, None, [0.0], [1.0], [2.0]]
    assert pace.peek() == pace.peek() == [[3.0], [4.0]]
    assert pace.rest() == [[3.0], [4.0]]
    assert pace.push(torch.tensor([5.0])) is None
