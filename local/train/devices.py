"""Which device trains, and in which precision."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import torch

from local.errors import InputError


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

    def autocast(self) -> torch.autocast:
        """The context of a forward pass."""
        reduced = self.dtype != torch.float32
        dtype = self.dtype if reduced else None
        return torch.autocast(self.device.type, dtype=dtype, enabled=reduced)


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
        raise InputError(f"device {wanted}: not usable ({_reason(error)}); try cpu") from None


def choose_all() -> list[Device]:
    """Every GPU that works and is of the first one's kind, so that none waits; else the CPU."""
    gpus = list(_working_gpus())
    return [gpu for gpu in gpus if gpu.name == gpus[0].name] or [_cpu()]


def _working_gpus() -> Iterator[Device]:
    if not torch.cuda.is_available():
        return
    for index in range(torch.cuda.device_count()):
        try:
            yield _cuda(torch.device("cuda", index))
        except (RuntimeError, AssertionError) as error:
            left_out = f"GPU {index} is present but not usable ({_reason(error)})"
            print(f"{left_out}; going on without it", file=sys.stderr, flush=True)


def _reason(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _cuda(device: torch.device) -> Device:
    # is_available() is True even where the installed torch has no kernels for the card,
    # so a real operation runs first.
    torch.nn.functional.conv2d(
        torch.ones(1, 3, 8, 8, device=device), torch.ones(4, 3, 3, 3, device=device)
    ).sum().item()
    torch.backends.cudnn.benchmark = True  # shapes never change
    torch.backends.cudnn.allow_tf32 = True
    torch.backends.cuda.matmul.allow_tf32 = True
    # is_bf16_supported() says True for a T4, which only emulates it, four times slower.
    capability = torch.cuda.get_device_capability(device)
    if capability >= (8, 0):
        dtype = torch.bfloat16
    elif capability >= (7, 0):
        dtype = torch.float16
    else:
        dtype = torch.float32
    # Triton, which compiled code needs, starts with the T4's generation.
    compiles = capability >= (7, 0) and find_spec("triton") is not None
    return Device(device, torch.cuda.get_device_name(device), dtype, compiles)


def _cpu() -> Device:
    # Without the instruction, bf16 is emulated and slower than float32. (AMX machines have it too.)
    native = torch.cpu._is_avx512_bf16_supported()
    name = f"CPU, {torch.get_num_threads()} threads"
    return Device(torch.device("cpu"), name, torch.bfloat16 if native else torch.float32)
