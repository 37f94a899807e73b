"""Which device computes the features, and in full float32 on all of them."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from mifid.errors import InputError

CPU = torch.device("cpu")


def choose_device(name: str = "auto") -> torch.device:
    """Return ``cpu``, ``cuda`` or, for ``auto``, the GPU if one works.

    A GPU that this build of torch has no kernels for still reports itself as available: only an
    operation tells. Raises InputError when ``cuda`` is asked for and does not work.
    """
    if name == "cpu":
        return torch.device("cpu")
    why = "torch sees none"
    if torch.cuda.is_available():
        try:
            if "LOCAL_RANK" in os.environ:  # of several processes on a machine, each takes its own
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
            (torch.ones(8, device="cuda") * 2).sum().item()
        except RuntimeError as error:
            why = str(error).splitlines()[0]
        else:
            return torch.device("cuda")
    if name == "cuda":
        raise InputError(f"--device cuda: no GPU that works ({why}); use --device cpu")
    if torch.cuda.is_available():
        print(f"mifid: the GPU does not work ({why}); going on without it", file=sys.stderr)
    return torch.device("cpu")


def half_type(device: torch.device) -> torch.dtype | None:
    """Return the short type in which the device multiplies faster; None when it has none.

    Half precision on GPUs, all of which have it: it keeps 3 bits more than bfloat16, and the
    network's values are far from its limits. bfloat16 on processors that have it in hardware;
    the others imitate it, slowly.
    """
    if device.type == "cuda":
        return torch.float16
    # torch.cpu.get_capabilities says it in public, in newer releases.
    native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return torch.bfloat16 if native else None


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep GPUs from rounding float32 products to TF32's 10 bits, within the block only.

    TF32 moves features by about 1e-3, hundreds of times what the agreement with TensorFlow allows.
    """
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = matmul.allow_tf32, cudnn.allow_tf32
    matmul.allow_tf32 = cudnn.allow_tf32 = False
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
