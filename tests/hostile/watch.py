"""Watching a process from inside: how long its loop was blocked, how much memory it took, what it left open."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

BEAT = 0.01  # seconds


class Heart:
    """Beats in the event loop and remembers the longest pause that the loop itself caused.

    Time for which the thread was ready and the machine ran something else is not the loop's fault and is taken off.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self._waited = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._beat())

    async def stop(self) -> float:
        """The longest pause, seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        return self.longest

    async def _beat(self) -> None:
        while True:
            begun, waited = time.monotonic(), self._run_queue()
            await asyncio.sleep(BEAT)
            pause = time.monotonic() - begun - BEAT - (self._run_queue() - waited)
            self.longest = max(self.longest, pause)

    def _run_queue(self) -> float:
        """Seconds for which this thread has waited for a processor."""
        return int(self._waited.read_text(encoding="ascii").split()[1]) / 1e9


def memory() -> int:
    """Bytes of memory this process holds now."""
    return _status("VmRSS")


def memory_peak() -> int:
    """The most it has held since ``forget_peak``, bytes."""
    return _status("VmHWM")


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def descriptors() -> list[str]:
    """What the process has open, by name, without the pipes of its own machinery."""
    found = []
    for path in Path("/proc/self/fd").iterdir():
        try:
            found.append(str(path.readlink()))
        except OSError:
            continue  # the descriptor of the listing itself
    return sorted(found)


def children() -> list[int]:
    """Processes that this one started and that have not ended."""
    found: list[int] = []
    for path in Path("/proc/self/task").glob("*/children"):
        found += [int(number) for number in path.read_text(encoding="ascii").split()]
    return found


def _status(name: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0]) * 1024
    raise KeyError(name)
