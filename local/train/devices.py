"""Which device trains, and in which precision."""

import sys
from dataclasses import dataclass

import torch

from local.errors import InputError


@dataclass(frozen=True)
class Device:
    """A device that has proved to work, and the precision that it has natively."""

    device: torch.device
    name: str  # for people
    dtype: torch.dtype  # of autocast; float32 means none

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
    """The GPU if one is there and works, else the CPU.

    Args:
        wanted: `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        InputError: a device named outright is not usable.
    """
    if wanted == "cpu" or (wanted == "auto" and not torch.cuda.is_available()):
        return _cpu()
    try:
        return _cuda(torch.device("cuda" if wanted == "auto" else wanted))
    except (RuntimeError, AssertionError, ValueError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        if wanted != "auto":
            raise InputError(f"device {wanted}: not usable ({reason}); try cpu") from None
        print(f"GPU present but not usable ({reason}); going on with the CPU", file=sys.stderr)
        return _cpu()


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
    return Device(device, torch.cuda.get_device_name(device), dtype)


def _cpu() -> Device:
    # Without the instruction, bf16 is emulated and slower than float32. (AMX machines have it too.)
    native = torch.cpu._is_avx512_bf16_supported()
    name = f"CPU, {torch.get_num_threads()} threads"
    return Device(torch.device("cpu"), name, torch.bfloat16 if native else torch.float32)
