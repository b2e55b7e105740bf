"""How the C library keeps memory that was freed: little of it, so that fifty large bodies do not stay for ever."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc, malloc.h
LARGE_BLOCK = 128 * 1024  # bytes; from here a block is the kernel's again as soon as it is freed
ARENAS = 2  # the event loop, and all threads together


def give_back_freed_memory() -> None:
    """Tell glibc's malloc once and for all; elsewhere nothing happens.

    By itself glibc takes the largest block freed so far (up to 32 MiB) as the size below which blocks stay in the heap,
    and has an arena for every thread: after the hostile table 71 MiB of 120 were freed and not given back.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK)
