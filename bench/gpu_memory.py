"""The peak of the GPUs' memory while something runs in other processes."""

import threading

import torch

EVERY = 0.05  # seconds; torch keeps what it has asked a GPU for, so that no peak is that short


class Peak:
    """Bytes in use on all GPUs, beyond those in use before; 0 where there is none.

    Read from the cards while the context lasts: what others use there counts, too.
    """

    def __init__(self) -> None:
        self.bytes = 0
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, args=(_used(),), daemon=True)

    def __enter__(self) -> "Peak":
        if torch.cuda.is_available():
            self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._watcher.is_alive():
            self._watcher.join()

    def _watch(self, before: int) -> None:
        while not self._ended.wait(EVERY):
            self.bytes = max(self.bytes, _used() - before)


def _used() -> int:
    told = [torch.cuda.mem_get_info(i) for i in range(torch.cuda.device_count())]
    return sum(whole - free for free, whole in told)
