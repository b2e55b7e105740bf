"""The event loop of the poller: uvloop where it is installed, which halves the processor time of a fetch."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Coroutine
from typing import TypeVar

T = TypeVar("T")


def _factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:  # not on every platform
        return None
    return uvloop.new_event_loop


def settle() -> None:
    """Tell the garbage collector what kind of program this is: many short-lived objects, hardly a cycle.

    Everything imported is left out of its walks, and it walks less often. Measured on a first poll of 400 feeds: an
    eighth of the processor time of reading and storing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run_in_loop(work: Coroutine[object, object, T]) -> T:
    """Run a coroutine to its end in a loop of its own."""
    settle()
    with asyncio.Runner(loop_factory=_factory()) as runner:
        return runner.run(work)
