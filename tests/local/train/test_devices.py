"""Which device trains, in which precision; on machines with GPUs that are only pretended."""

from dataclasses import replace

import pytest
import torch

from local.train import devices
from local.train.clock import Budget
from local.train.devices import Device, choose, choose_all, out_of_memory, precision


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [
        ((9, 0), torch.bfloat16),  # H100
        ((8, 0), torch.bfloat16),  # A100
        ((8, 9), torch.bfloat16),  # L4
        ((7, 5), torch.float16),  # T4, which says that it supports bf16
        ((7, 0), torch.float16),  # V100
        ((6, 0), torch.float32),  # P100
        ((3, 7), torch.float32),
    ],
)
def test_the_precision_is_what_the_generation_has_natively(capability, dtype, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda *_: True)
    assert precision(capability) == dtype


def test_only_half_precision_needs_loss_scaling():
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        device = Device(torch.device("cpu"), "x", dtype)
        assert device.scaled == (dtype == torch.float16)
        with device.autocast():
            product = torch.nn.functional.linear(torch.ones(2, 2), torch.ones(2, 2))
        assert product.dtype == dtype


def pretend(monkeypatch, names):
    """GPUs of these names; one that is an error raises it at the first operation."""

    def cuda(device):
        name = names[device.index]
        if isinstance(name, Exception):
            raise name
        return Device(device, name, torch.float16)

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: len(names))
    monkeypatch.setattr(devices, "_cuda", cuda)


DEAD = RuntimeError("CUDA error: no kernel image is available\nCompile with TORCH_USE_CUDA_DSA")


@pytest.mark.parametrize(
    ("names", "taken"),
    [
        (["T4", "T4"], ["T4", "T4"]),
        ([DEAD, "T4", "T4"], ["T4", "T4"]),
        (["T4", DEAD], ["T4"]),
        (["T4", "P100"], ["T4"]),  # the slower one would hold the other back
    ],
)
def test_a_team_has_the_gpus_that_work_and_are_of_one_kind(names, taken, monkeypatch, capsys):
    pretend(monkeypatch, names)
    assert [device.name for device in choose_all()] == taken
    assert choose().name == taken[0]
    said = capsys.readouterr().err
    assert ("present but not usable (CUDA error: no kernel image is available)" in said) == (
        DEAD in names
    )
    assert "DSA" not in said


def test_without_a_gpu_that_works_the_cpu_trains(monkeypatch, capsys):
    pretend(monkeypatch, [DEAD, AssertionError("Torch not compiled with CUDA enabled")])
    assert [device.device.type for device in choose_all()] == ["cpu"]
    said = capsys.readouterr().err
    assert "GPU 0 is present" in said and "GPU 1 is present" in said


def test_a_process_works_on_the_device_that_it_was_given(monkeypatch):
    chosen = []
    monkeypatch.setattr(torch.cuda, "set_device", chosen.append)
    for flag in ("cudnn.benchmark", "cudnn.allow_tf32"):
        monkeypatch.setattr(f"torch.backends.{flag}", False)
    Device(torch.device("cpu"), "x", torch.float32).settle()
    assert chosen == [] and not torch.backends.cudnn.benchmark
    Device(torch.device("cuda", 1), "x", torch.float32).settle()
    assert chosen == [torch.device("cuda", 1)] and torch.backends.cudnn.benchmark


LONG = {
    Budget(seconds=9 * 3600): True,
    Budget(seconds=300): False,
    Budget(steps=165_000): True,
    Budget(steps=500): False,
    Budget(seconds=9 * 3600, steps=165_000): True,
    Budget(seconds=300, steps=165_000): False,  # the first that is spent ends the run
    Budget(seconds=9 * 3600, steps=500): False,
}


@pytest.mark.parametrize("budget", LONG)
def test_only_a_run_that_is_long_enough_is_compiled(budget):
    for able in (True, False):
        device = Device(torch.device("cuda", 1), "T4", torch.float16, compiles=able)
        assert device.for_budget(budget) == replace(device, compiles=able and LONG[budget])


def test_memory_that_runs_out_is_known_in_all_its_forms():
    with pytest.raises(RuntimeError) as error:
        torch.empty(10**15)
    assert out_of_memory(error.value)
    assert out_of_memory(torch.OutOfMemoryError("CUDA: tried to allocate 2 GiB"))
    assert out_of_memory(RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"))
    assert out_of_memory(RuntimeError("CUDA error: out of memory"))
    assert not out_of_memory(RuntimeError("CUDA error: illegal memory access"))
    assert not out_of_memory(ValueError("out of memory"))
