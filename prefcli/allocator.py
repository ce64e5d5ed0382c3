"""The C library's allocator, told to keep what is freed.

Each step of a training on a CPU frees hundreds of megabytes of activations and asks for them again.
glibc hands large blocks back to the kernel in between, which clears every page of them anew: about
a quarter of a step's time on two cores.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress

# `mallopt` parameters (malloc.h).
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3


def keep_freed_memory() -> None:
    """Keep freed memory in this process for the allocations to come; glibc only."""
    with suppress(OSError, AttributeError, TypeError):  # another C library, or Windows
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_THRESHOLD, 1 << 30)
        mallopt(_TRIM_THRESHOLD, (1 << 31) - 1)
        mallopt(_TOP_PAD, 64 << 20)
