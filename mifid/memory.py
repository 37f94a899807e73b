"""The memory that a process holds on to after its use."""

import ctypes
import gc
import sys


def hand_back() -> None:
    """Free what only cycles hold, and give freed memory back to the system.

    The latter where the C library can (glibc).
    """
    gc.collect()
    if sys.platform == "linux" and hasattr(library := ctypes.CDLL(None), "malloc_trim"):
        library.malloc_trim(0)
