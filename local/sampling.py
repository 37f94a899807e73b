"""Pictures from a trained generator."""

import statistics
import time
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from local.pictures import to_bytes
from local.train.devices import out_of_memory

BATCH = 250  # large enough for a GPU, small enough for the cache of a CPU
MEASURED_BATCHES = 3


def draw_latents(count: int, length: int, seed: int, truncation: float | None = None) -> Tensor:
    """Latents (count, length) float32 on the CPU, from N(0, 1).

    Drawn on the CPU and at once, so that neither device nor batch size changes a picture.

    Args:
        count: number of latents.
        length: of each.
        seed: of the random numbers.
        truncation: values beyond it are drawn again (Brock et al. 2018, arXiv 1809.11096):
            fewer odd pictures, less variety; None draws from the whole normal.
    """
    random = torch.Generator().manual_seed(seed)
    latents = torch.empty(count, length)
    if truncation is None:
        return latents.normal_(generator=random)
    return nn.init.trunc_normal_(latents, a=-truncation, b=truncation, generator=random)


@torch.inference_mode()
def sample(
    generator: nn.Module, latents: Tensor, device: torch.device, batch: int = BATCH
) -> Iterator[np.ndarray]:
    """Pictures of the latents in batches (N, H, W, 3) uint8, in float32 for repeatable bytes.

    The generator must be in eval mode: with batch statistics a picture would depend on those
    beside it. Where memory runs out, batches become smaller.
    """
    done = 0
    while done < len(latents):
        try:
            pictures = to_bytes(generator(latents[done : done + batch].to(device)))
        except RuntimeError as error:
            if not out_of_memory(error) or batch == 1:
                raise
            batch //= 2
        else:
            yield pictures
            done += len(pictures)


def measure(generator: nn.Module, length: int, device: torch.device) -> float:
    """Seconds that one picture takes: the median of a few batches, after one to warm up.

    The generator must be in eval mode; its state does not change.
    """
    latents = draw_latents(BATCH, length, seed=0)
    seconds = []
    for _ in range(1 + MEASURED_BATCHES):
        start = time.perf_counter()
        next(sample(generator, latents, device))  # ends on the CPU: nothing is left to wait for
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds[1:]) / BATCH
