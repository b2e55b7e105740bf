"""Where documents wait to be read: a bounded number of them, and few large ones, so that bodies never pile up.

A body that turns out to be large waits for a place while most of it is still at the server (net.client asks for it),
and keeps the place until it has been read: fifty bodies of 10 MiB at once would be half a gigabyte.
"""

from __future__ import annotations

import asyncio

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
