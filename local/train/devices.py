"""Which device trains, and in which precision."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec

import torch
from torch import nn

from local.errors import InputError, reason
from local.train.clock import Budget

# Compiling takes minutes, which a shorter run would miss.
COMPILES_FROM_SECONDS = 1800.0
COMPILES_FROM_STEPS = 20_000  # for a run that counts steps: about as long, at ten a second


@dataclass(frozen=True)
class Device:
    """A device that has proved to work, and the precision that it has natively."""

    device: torch.device
    name: str  # for people
    dtype: torch.dtype  # of autocast; float32 means none
    compiles: bool = False  # whether networks are compiled for it

    @property
    def scaled(self) -> bool:
        """Whether gradients need loss scaling, or they underflow."""
        return self.dtype == torch.float16

    def for_budget(self, budget: Budget) -> "Device":
        """The device for a run of that length, which compiles only where it has the time."""
        long = (budget.seconds is None or budget.seconds >= COMPILES_FROM_SECONDS) and (
            budget.steps is None or budget.steps >= COMPILES_FROM_STEPS
        )
        return replace(self, compiles=self.compiles and long)

    def place(self, network: nn.Module) -> nn.Module:
        """The network on the device, its weights in the order of memory that is fastest there.

        One order everywhere: another would sum in another order, and round other pixels.
        """
        return network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        reduced = self.dtype != torch.float32
        dtype = self.dtype if reduced else None
        return torch.autocast(self.device.type, dtype=dtype, enabled=reduced)

    def settle(self) -> None:
        """Sets this process up to train on it; each process of a team has settings of its own."""
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # where events are recorded
            torch.backends.cudnn.benchmark = True  # shapes never change
            torch.backends.cudnn.allow_tf32 = True
            torch.backends.cuda.matmul.allow_tf32 = True


def choose(wanted: str = "auto") -> Device:
    """The first GPU that is there and works, else the CPU.

    Args:
        wanted: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: a device named outright is not usable.
    """
    if wanted == "cpu":
        return _cpu()
    if wanted == "auto":
        return next(_working_gpus(), None) or _cpu()
    try:
        return _cuda(torch.device(wanted))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise InputError(f"device {wanted}: not usable ({reason(error)}); try cpu") from None


def choose_all() -> list[Device]:
    """Every GPU that works and is of the first one's kind, so that none waits; else the CPU."""
    gpus = list(_working_gpus())
    return [gpu for gpu in gpus if gpu.name == gpus[0].name] or [_cpu()]


def out_of_memory(error: Exception) -> bool:
    """Whether an error says that memory ran out, of whatever device.

    Only torch's own allocator on a GPU has a class for it; CUDA's libraries and the CPU's
    allocator say it in words.
    """
    words = ("out of memory", "ALLOC_FAILED", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(part in str(error) for part in words)
    )


def precision(capability: tuple[int, int]) -> torch.dtype:
    """The fastest type that a GPU of a compute capability has natively.

    `is_bf16_supported()` says True for a T4 (7.5), which only emulates it, four times slower.
    """
    if capability >= (8, 0):
        return torch.bfloat16
    return torch.float16 if capability >= (7, 0) else torch.float32


def _working_gpus() -> Iterator[Device]:
    if not torch.cuda.is_available():
        return
    for index in range(torch.cuda.device_count()):
        try:
            yield _cuda(torch.device("cuda", index))
        except (RuntimeError, AssertionError) as error:
            left_out = f"GPU {index} is present but not usable ({reason(error)})"
            print(f"{left_out}; going on without it", file=sys.stderr, flush=True)


def _cuda(device: torch.device) -> Device:
    # is_available() is True even where the installed torch has no kernels for the card,
    # so a real operation runs first.
    torch.nn.functional.conv2d(
        torch.ones(1, 3, 8, 8, device=device), torch.ones(4, 3, 3, 3, device=device)
    ).sum().item()
    capability = torch.cuda.get_device_capability(device)
    # Triton, which compiled code needs, starts with the T4's generation.
    compiles = capability >= (7, 0) and find_spec("triton") is not None
    return Device(device, torch.cuda.get_device_name(device), precision(capability), compiles)


def _cpu() -> Device:
    # Without the instruction, bf16 is emulated and slower than float32. (AMX machines have it too.)
    native = torch.cpu._is_avx512_bf16_supported()
    name = f"CPU, {torch.get_num_threads()} threads"
    return Device(torch.device("cpu"), name, torch.bfloat16 if native else torch.float32)
