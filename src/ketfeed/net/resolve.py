"""One lookup of a host name, outside the event loop."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Protocol

from ketfeed.errors import DnsFailed

LOOKUPS = 64
"""Lookups at a time. One can hang for as long as the system's resolver waits (often 10 to 30 s)."""

IDLE = 5.0
"""Seconds a thread waits for another lookup: starting one takes three times as long as most lookups."""


class Resolver(Protocol):
    """Finds the addresses of a name."""

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        """Every address of ``host``, best first, in the spelling of ``ipaddress``. Raises DnsFailed."""
        ...


@dataclass(frozen=True, slots=True)
class _Lookup:
    """A question, and where its answer goes."""

    host: str
    port: int
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[list[str]]


class SystemResolver:
    """The system's resolver in daemon threads, one for each lookup under way.

    Not the loop's executor: uvloop shares four threads among all lookups, so four dead name servers would stop every
    poll; and the threads of an executor are joined at exit, so a hanging lookup would hold up a shutdown.
    """

    def __init__(self, lookups: int = LOOKUPS) -> None:
        self._waiting = asyncio.Semaphore(lookups)
        self._lookups: SimpleQueue[_Lookup] = SimpleQueue()
        self._lock = threading.Lock()
        self._idle = 0  # threads without a lookup, also none that is on its way to them

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        lookup = _Lookup(host, port, loop, loop.create_future())
        await self._waiting.acquire()
        try:
            self._begin(lookup)
        except RuntimeError as failure:
            self._waiting.release()
            raise DnsFailed(f"{host} could not be looked up: {failure}") from failure
        return await lookup.answer

    def _begin(self, lookup: _Lookup) -> None:
        """Give a lookup to a thread that has none. Raises RuntimeError when there can be no more threads."""
        with self._lock:
            is_one_idle = self._idle > 0
            self._idle -= is_one_idle
        if is_one_idle:
            self._lookups.put(lookup)
        else:
            threading.Thread(target=self._work, args=(lookup,), name="lookup", daemon=True).start()

    def _work(self, lookup: _Lookup | None) -> None:
        """A thread: look up until nothing has come for a while."""
        while lookup is not None:
            addresses, error = _look_up(lookup)
            with self._lock:
                self._idle += 1  # before the answer, which may bring the next lookup
            with suppress(RuntimeError):  # the loop has ended before the name server answered
                lookup.loop.call_soon_threadsafe(self._settle, lookup.answer, addresses, error)
            lookup = self._next()

    def _next(self) -> _Lookup | None:
        while True:
            try:
                return self._lookups.get(timeout=IDLE)
            except Empty:
                with self._lock:
                    if self._idle > 0:  # else the last idle one, this, has been given something just now
                        self._idle -= 1
                        return None

    def _settle(self, answer: asyncio.Future[list[str]], addresses: list[str], error: Exception | None) -> None:
        self._waiting.release()
        if answer.done():
            return
        if error is None:
            answer.set_result(addresses)
        else:
            answer.set_exception(error)


def _look_up(lookup: _Lookup) -> tuple[list[str], Exception | None]:
    """The addresses, or what to tell instead."""
    try:
        found = socket.getaddrinfo(lookup.host, lookup.port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(item[4][0]) for item in found)), None
    except (OSError, UnicodeError) as failure:
        return [], DnsFailed(f"{lookup.host} has no address ({_reason(failure)})")


def _reason(failure: Exception) -> str:
    return (failure.strerror or "no reason given") if isinstance(failure, OSError) else "not a host name"
