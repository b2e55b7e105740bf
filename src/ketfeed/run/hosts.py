"""One host, one visitor: how many requests a host gets at a time, how far apart, and when it asked for none.

    add(host, job) ──▶ jobs per host ──▶ next() ──▶ (host, job) when the host is free
                                           ▲            │
                                           └── leave ◀──┘   free again after the interval

A waiting source never occupies one of the polls at a time: ``next`` hands out only what can start now. Redirects take
their turn too: ``Turns`` is given to the client, which enters it around every hop.

Belongs to one event loop; nothing here is thread-safe. Holds are remembered by the store, so they survive a restart;
the poller hands them in and is told of new ones.
"""

from __future__ import annotations

import asyncio
import heapq
import re
import time
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar
from urllib.parse import urlsplit

from ketfeed.run.cadence import HINT_MAX

J = TypeVar("J")

LONGEST_HOLD = timedelta(seconds=HINT_MAX)  # no Retry-After is taken for longer


_COMMON = re.compile(r"https?://([a-z0-9.\-]+)(?::[0-9]+)?(?:[/?#]|\Z)")


def host_of(url: str) -> str:
    """The host a request to ``url`` burdens, lower case; empty when the address has none (the guard refuses it)."""
    common = _COMMON.match(url)  # nearly always, at a fifth of the cost
    if common is not None:
        return common[1].rstrip(".")
    try:
        return (urlsplit(url).hostname or "").rstrip(".").lower()
    except ValueError:
        return ""


class Hosts(Generic[J]):
    """The queue of jobs, by host, and the state of every host that is or was just visited.

    connections: requests to one host at a time.
    interval: seconds between the end of one request and the start of the next to the same host.
    holds: host → the time before which it asked for no request; what the store remembers.
    monotonic: the clock of the intervals; passed in by tests.
    """

    def __init__(
        self,
        *,
        connections: int = 1,
        interval: float = 1.0,
        holds: Mapping[str, datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connections = connections
        self._interval = interval
        self._holds = dict(holds or {})
        self._monotonic = monotonic
        self._jobs: dict[str, deque[J]] = {}
        self._size = 0
        self._active: defaultdict[str, int] = defaultdict(int)
        self._free_at: OrderedDict[str, float] = OrderedDict()  # the next to be free first
        self._ready: deque[str] = deque()
        self._later: list[tuple[float, str]] = []
        self._changed = asyncio.Event()
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {}  # redirect hops that wait for their turn

    # -- holds

    def held_until(self, host: str, now: datetime) -> datetime | None:
        """The time before which the host wants no request; None when it may be visited."""
        until = self._holds.get(host)
        if until is None:
            return None
        if until <= now or until > now + LONGEST_HOLD:  # over, or written by a clock that was put back since
            del self._holds[host]
            return None
        return until

    def hold(self, host: str, until: datetime) -> bool:
        """Remember a Retry-After for the whole host; True when this is later than what was known."""
        known = self._holds.get(host)
        if known is not None and known >= until:
            return False
        self._holds[host] = until
        return True

    # -- the queue

    def __len__(self) -> int:
        """Jobs that wait for their start."""
        return self._size

    def add(self, host: str, job: J) -> None:
        """Queue a job behind the others of its host."""
        jobs = self._jobs.get(host)
        if jobs is None:
            jobs = self._jobs[host] = deque()
            self._offer(host)
        jobs.append(job)
        self._size += 1

    def drain(self) -> list[J]:
        """Take every waiting job out, in no particular order."""
        left = [job for jobs in self._jobs.values() for job in jobs]
        self._jobs.clear()
        self._size = 0
        return left

    async def next(self) -> tuple[str, J]:
        """Wait for a host that may be visited now, enter it, and return its first job. ``leave`` must follow."""
        while True:
            now = self._monotonic()
            while self._later and self._later[0][0] <= now:
                self._ready.append(heapq.heappop(self._later)[1])
            while self._ready:
                host = self._ready.popleft()
                if host in self._jobs and self._try_enter(host, now):
                    return host, self._take(host)
            self._changed.clear()
            pause = self._later[0][0] - now if self._later else None
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def leave(self, host: str) -> None:
        """The request to ``host`` has ended: start its interval."""
        self._active[host] -= 1
        if not self._active[host]:
            del self._active[host]
        if self._interval > 0:
            self._rest(host, self._monotonic())
        if self._waiting.get(host):
            self._call_later(host)
        elif host in self._jobs:
            self._offer(host)

    def _take(self, host: str) -> J:
        jobs = self._jobs[host]
        job = jobs.popleft()
        self._size -= 1
        if not jobs:
            del self._jobs[host]
        elif self._active[host] < self._connections:
            self._offer(host)
        return job

    def _offer(self, host: str) -> None:
        """Put a host with jobs where ``next`` will find it: now, or when its interval has passed."""
        free_at = self._free_at.get(host, 0.0)
        if free_at <= self._monotonic():
            self._ready.append(host)
        else:
            heapq.heappush(self._later, (free_at, host))
        self._changed.set()

    def _try_enter(self, host: str, now: float) -> bool:
        """Enter if the host is free; otherwise see to it that it is offered again (``leave`` does when it is busy)."""
        if self._active.get(host, 0) >= self._connections:
            return False
        free_at = self._free_at.get(host, 0.0)
        if free_at > now:
            # not _offer: it reads the clock anew and, when the interval has just passed, would hand the host back to
            # the loop in ``next`` that judges by its older reading, for ever
            heapq.heappush(self._later, (free_at, host))
            return False
        self._active[host] += 1
        if self._interval > 0 and self._connections > 1:
            self._rest(host, now)  # several at a time, but never started in the same second
        return True

    def _rest(self, host: str, now: float) -> None:
        """Begin the interval of a host, and forget those whose interval is over: as many as have come, in the end."""
        self._free_at[host] = now + self._interval
        self._free_at.move_to_end(host)
        while (oldest := next(iter(self._free_at))) != host and self._free_at[oldest] <= now:
            del self._free_at[oldest]

    # -- redirect hops

    async def enter(self, host: str) -> None:
        """Wait for a turn at ``host`` in the middle of a poll. ``leave`` must follow."""
        loop = asyncio.get_running_loop()
        while not self._try_enter_hop(host):
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.setdefault(host, deque()).append(waiter)
            if not self._active.get(host):
                self._call_later(host)
            try:
                await waiter
            finally:
                queue = self._waiting.get(host)
                if queue is not None:
                    if waiter in queue:
                        queue.remove(waiter)
                    if not queue:
                        del self._waiting[host]

    def _try_enter_hop(self, host: str) -> bool:
        busy = self._active.get(host, 0) >= self._connections
        if busy or self._free_at.get(host, 0.0) > self._monotonic():
            return False
        self._active[host] += 1
        return True

    def _call_later(self, host: str) -> None:
        """Wake the first hop that waits for ``host`` when its interval has passed."""
        delay = max(0.0, self._free_at.get(host, 0.0) - self._monotonic())
        asyncio.get_running_loop().call_later(delay, self._call, host)

    def _call(self, host: str) -> None:
        queue = self._waiting.get(host)
        if queue:
            waiter = queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
        elif host in self._jobs:
            self._offer(host)


class Turns(Generic[J]):
    """The turns of one poll: the first host was entered by ``Hosts.next``, later hops wait for theirs."""

    def __init__(
        self, hosts: Hosts[J], entered: str | None, refuse: Callable[[str], None] = lambda _host: None
    ) -> None:
        """``refuse`` raises when the host may not be visited now; it is asked before every hop."""
        self._hosts = hosts
        self._refuse = refuse
        self._entered = entered  # the host whose turn we have and nobody uses yet

    def __call__(self, host: str) -> Turn:
        """A turn at ``host`` for one request; the client enters it around every hop."""
        return Turn(self, host)

    async def take(self, host: str) -> None:
        """Wait for the turn. ``give_back`` must follow."""
        self._refuse(host)
        if self._entered != host:
            self.close()
            await self._hosts.enter(host)
        self._entered = None

    def give_back(self, host: str) -> None:
        """The request has ended."""
        self._hosts.leave(host)

    def close(self) -> None:
        """Give the first host's turn back if no request used it."""
        if self._entered is not None:
            self._hosts.leave(self._entered)
            self._entered = None


class Turn:
    """Holds one turn while it is entered."""

    __slots__ = ("_host", "_turns")

    def __init__(self, turns: Turns[Any], host: str) -> None:
        self._turns = turns
        self._host = host

    async def __aenter__(self) -> None:
        await self._turns.take(self._host)

    async def __aexit__(self, *_: object) -> None:
        self._turns.give_back(self._host)
