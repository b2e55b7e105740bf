"""A time limit for what one task waits for."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class TimeLimit:
    """Ends the block with TimeoutError when it has waited for ``seconds``; the clock can be made to stand still.

    What asyncio.timeout does, for a block that is entered ten thousand times: no coroutine to enter or leave it, and
    one timer, which is not touched while the clock stands still but looks, when it rings, at how much time is left.
    Entered and stopped once: 1.4 µs instead of 4.5.
    """

    __slots__ = ("_cancelling", "_loop", "_spent", "_started", "_task", "_timer", "expired", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._loop = asyncio.get_running_loop()
        self._started = self._loop.time()
        self._spent: float | None = None  # while the clock stands still

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A time limit needs a task to end")
        self._task = task
        self._cancelling = task.cancelling()
        self._timer: asyncio.TimerHandle | None = self._loop.call_later(self.seconds, self._ring)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # as asyncio.timeout: a cancellation that somebody else asked for, too, stays one
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def spent(self) -> float:
        """Seconds since the start, without those in which the clock stood still."""
        return self._loop.time() - self._started if self._spent is None else self._spent

    def stop(self) -> None:
        """Let the clock stand still: what is waited for now does not count."""
        self._spent = self.spent()

    def go_on(self) -> None:
        """Let it run again from where it stood."""
        spent = self.spent()
        self._spent = None
        self._started = self._loop.time() - spent
        if self._timer is None and not self.expired:
            self._timer = self._loop.call_later(max(0.0, self.seconds - spent), self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._spent is not None:
            return
        left = self.seconds - self.spent()
        if left > 0.001:  # the clock of an event loop may tell milliseconds only
            self._timer = self._loop.call_later(left, self._ring)
        else:
            self.expired = True
            self._task.cancel()
