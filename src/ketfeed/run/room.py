"""Where documents wait to be read, and then to be written: a bounded number of them, so that they never pile up.

A body that turns out to be large waits for a place while most of it is still at the server (net.client asks for it),
and keeps the place until it has been read: fifty bodies of 10 MiB at once would be half a gigabyte.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

LARGE_PLACES = 2


class ReadingRoom:
    """``places`` documents at a time, of which two may be large (net.client.LARGE)."""

    def __init__(self, places: int) -> None:
        self.places = asyncio.Semaphore(places)
        self.large = asyncio.Semaphore(min(places, LARGE_PLACES))

    def seat(self) -> Seat:
        """What one poll has of the room: nothing yet. ``Seat.leave`` must follow."""
        return Seat(self)


class Seat:
    """The places of one poll."""

    def __init__(self, room: ReadingRoom) -> None:
        self._room = room
        self._held: list[asyncio.Semaphore] = []

    async def take_large(self) -> None:
        """Wait for a place for a large body."""
        await self._take(self._room.large)

    async def take(self) -> None:
        """Wait for a place for a document."""
        await self._take(self._room.places)

    def leave(self) -> None:
        """Give back what was taken, if anything."""
        while self._held:
            self._held.pop().release()

    async def _take(self, places: asyncio.Semaphore) -> None:
        if places not in self._held:
            await places.acquire()
            self._held.append(places)


class Shelf:
    """Room for documents that have been read, by their weight in bytes; who comes first is served first.

    strength: of all that may stand on it. A document heavier than that gets it for itself.
    """

    def __init__(self, strength: int) -> None:
        self._strength = strength
        self._taken = 0
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def place(self, weight: int) -> AsyncIterator[None]:
        """Hold room for this weight, once there is."""
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((weight, waiter))
        self._serve()
        try:
            await waiter
            yield
        finally:
            if waiter.done() and not waiter.cancelled():
                self._taken -= weight
            self._serve()

    def _serve(self) -> None:
        while self._waiting:
            weight, waiter = self._waiting[0]
            if not waiter.done():
                if self._taken and self._taken + weight > self._strength:
                    return
                self._taken += weight
                waiter.set_result(None)
            self._waiting.popleft()
