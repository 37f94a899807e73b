"""`python -m bench limits`: how near a training step comes to the device's limit, and its profile.

The limit is measured too: the rate of a large matrix product in the step's precision, and the
bytes that a copy moves. The step's operations are counted by torch (products and convolutions,
forward and backward); what else it does moves memory, and its time stands in the profile.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from bench.form import Measured, carry_out, command
from bench.sides import Side
from bench.train import add_step, noise, recipe_of, sync_of, times
from local.train import devices
from local.train.adversaries import Adversaries
from local.train.devices import Device

LISTED = 8  # operations of the profile


class Counter(TorchDispatchMode):
    """Counts operations by torch's own formulas, an addition and a multiplication as two.

    torch's FlopCounterMode follows modules too, which fails on gradients of gradients.
    """

    def __init__(self) -> None:
        super().__init__()
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Calls the operation and adds what it counts."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        if formula := flop_registry.get(func._overloadpacket):
            self.operations += formula(*args, **kwargs, out_val=result)
        return result


def run(words: Sequence[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = command("limits", __doc__, 5, "--recipe best-dcgan --batch 128")
    add_step(parser, steps=3)
    return carry_out("limits", parser, words, _measure)


def _measure(options: argparse.Namespace) -> Measured:
    device = devices.choose(options.device)
    recipe = recipe_of(options)
    model = Adversaries(recipe, device, noise(recipe, device.device))
    cycle = recipe.penalty_every if recipe.penalty else 1  # steps until all has been done once
    with Counter() as counter:
        times(cycle, model.step)
    operations = counter.operations / cycle
    rates: dict[str, list[float]] = {"matrix product": [], "copy": [], "training step": []}
    product, moved = _product(device), _copy(device)
    for _ in range(options.rounds):
        rates["matrix product"].append(_a_second(device, *product) / 1e9)
        rates["copy"].append(_a_second(device, *moved) / 1e9)
        step = _a_second(
            device, partial(times, options.steps, model.step), operations * options.steps
        )
        rates["training step"].append(step / 1e9)
    sides = [Side(name, found) for name, found in rates.items()]
    share = sides[2].median / sides[0].median
    said = f"{operations / recipe.batch / 1e9:.2f} G operations a picture; the step reaches"
    said = f"{said} {share:.0%} of the matrix product's rate (copy: GB/s)"
    about = f"{recipe.name}, {recipe.size}x{recipe.size}, batch {recipe.batch}, {device.name}"
    notes = [said, *_profile(model, device, options.steps)]
    more = {"operations": operations, "share": share}
    about = f"{about} in {device.dtype}"
    return Measured(about, sides, "G/s", compared=False, more=more, notes=notes)


def _product(device: Device) -> tuple[Callable[[], object], float]:
    """A matrix product as large as the device likes, and its operations."""
    side = 8192 if device.device.type == "cuda" else 2048
    a, b = (torch.randn(side, side, device=device.device, dtype=device.dtype) for _ in range(2))
    return lambda: a @ b, 2.0 * side**3


def _copy(device: Device) -> tuple[Callable[[], object], float]:
    """A copy too large for a cache, and the bytes that it reads and writes."""
    source = torch.ones(2**28 if device.device.type == "cuda" else 2**26, device=device.device)
    target = torch.empty_like(source)
    return lambda: target.copy_(source), 2.0 * 4 * len(source)


def _a_second(device: Device, work: Callable[[], object], amount: float) -> float:
    """What the work does a second: the best of three calls, as a limit is meant."""
    best, sync = float("inf"), sync_of(device)
    for _ in range(3):
        sync()
        start = time.perf_counter()
        work()
        sync()
        best = min(best, time.perf_counter() - start)
    return amount / best


def _profile(model: Adversaries, device: Device, steps: int) -> list[str]:
    """The operations that take most of a step's time; on a GPU how busy it was, too."""
    on_gpu = device.device.type == "cuda"
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    start = time.perf_counter()
    with profile(activities=activities) as profiled:
        times(steps, model.step)
        sync_of(device)()
    seconds = time.perf_counter() - start
    name = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    events = sorted(profiled.key_averages(), key=lambda event: -getattr(event, name))
    whole = sum(getattr(event, name) for event in events)
    lines = [f"busy {whole / 1e6 / seconds:.0%} of the time"] if on_gpu else []
    lines.append("self time, operation by operation:")
    for event in events[:LISTED]:
        share = getattr(event, name) / whole
        lines.append(f"  {share:6.1%}  {event.key} ({event.count // steps} a step)")
    return lines
