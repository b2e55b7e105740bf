"""How the C library keeps memory that was freed: little of it, so that fifty large bodies do not stay for ever."""

from __future__ import annotations

import ctypes
from contextlib import suppress
from functools import cache

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # glibc, malloc.h
LARGE_BLOCK = 128 * 1024  # bytes; from here a block is the kernel's again as soon as it is freed
ARENAS = 2  # the event loop, and all threads together


def give_back_freed_memory() -> None:
    """Tell glibc's malloc once and for all; elsewhere nothing happens.

    By itself glibc takes the largest block freed so far (up to 32 MiB) as the size below which blocks stay in the heap,
    and has an arena for every thread: after the hostile table 71 MiB of 120 were freed and not given back.
    """
    with suppress(OSError, AttributeError):  # another C library
        mallopt = _library().mallopt
        mallopt(M_ARENA_MAX, ARENAS)
        mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)
        mallopt(M_TRIM_THRESHOLD, LARGE_BLOCK)


def give_back_what_is_free() -> None:
    """Hand whole free pages back, also those between others in use; a millisecond or two, elsewhere nothing happens.

    Texts of documents are freed between strings that stay. After each batch of a first poll this kept 10 MiB of 150.
    """
    with suppress(OSError, AttributeError):
        _library().malloc_trim(0)


@cache
def _library() -> ctypes.CDLL:
    """The C library this process runs on; calls into it let other threads go on."""
    return ctypes.CDLL(None)
