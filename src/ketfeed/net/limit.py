"""Time limits for what tasks wait for, all of them kept by one timer.

    Alarm ── one timer of the event loop, for whichever limit is passed first
      └─ TimeLimit ── a block of one task, which ends with TimeoutError; its clock can be made to stand still

asyncio.timeout makes a timer for each block and another one whenever its end is moved, and a timer of uvloop is a
handle of libuv that has to be closed by its loop: three of them took 20 of the 89 µs of a small reply.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

TICK = 0.001  # seconds; the clock of an event loop may tell no less


class Alarm:
    """Rings for the limits of one event loop at a time."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._limits: set[TimeLimit] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    def loop(self) -> asyncio.AbstractEventLoop:
        """The running loop, which limits are kept for from now on."""
        loop = asyncio.get_running_loop()
        if loop is not self._loop:  # what belonged to another one has ended with it
            self._loop, self._timer, self._limits = loop, None, set()
        return loop

    def watch(self, limit: TimeLimit, ends_at: float) -> None:
        """Ring at ``ends_at`` if the limit is still watched then."""
        self._limits.add(limit)
        if self._timer is None or ends_at < self._rings_at:
            self._set(ends_at)

    def forget(self, limit: TimeLimit) -> None:
        """Watch a limit no more. The timer stays: it will look for itself who is left."""
        self._limits.discard(limit)

    def _set(self, at: float) -> None:
        assert self._loop is not None  # noqa: S101  # there is a limit
        if self._timer is not None:
            self._timer.cancel()
        self._rings_at = at
        self._timer = self._loop.call_at(at, self._ring)

    def _ring(self) -> None:
        assert self._loop is not None  # noqa: S101  # it rang
        self._timer = None
        now = self._loop.time()
        for limit in [limit for limit in self._limits if limit.ends_at <= now + TICK]:
            self._limits.discard(limit)
            limit.expire()
        if self._limits:
            self._set(min(limit.ends_at for limit in self._limits))


class TimeLimit:
    """Ends a block of the current task with TimeoutError when it has waited for ``seconds``."""

    __slots__ = ("_alarm", "_cancelling", "_loop", "_spent", "_started", "_task", "ends_at", "expired", "seconds")

    def __init__(self, alarm: Alarm, seconds: float) -> None:
        self.seconds = seconds
        self.expired = False
        self._alarm = alarm
        self._loop = loop = alarm.loop()
        self._started = loop.time()
        self.ends_at = self._started + seconds  # by the loop's clock
        self._spent: float | None = None  # while the clock stands still

    def __enter__(self) -> Self:
        task = asyncio.current_task(self._loop)
        if task is None:
            raise RuntimeError("A time limit needs a task to end")
        self._task = task
        self._cancelling = task.cancelling()
        self._alarm.watch(self, self.ends_at)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._alarm.forget(self)
        # as asyncio.timeout: a cancellation that somebody else asked for, too, stays one
        if self.expired and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def spent(self) -> float:
        """Seconds since the start, without those in which the clock stood still."""
        return self._loop.time() - self._started if self._spent is None else self._spent

    def stop(self) -> None:
        """Let the clock stand still: what is waited for now does not count."""
        self._spent = self.spent()
        self._alarm.forget(self)

    def go_on(self) -> None:
        """Let it run again from where it stood."""
        spent = self.spent()
        self._spent = None
        self._started = self._loop.time() - spent
        self.ends_at = self._started + self.seconds
        if not self.expired:
            self._alarm.watch(self, self.ends_at)

    def expire(self) -> None:
        """End what the task waits for."""
        self.expired = True
        self._task.cancel()
