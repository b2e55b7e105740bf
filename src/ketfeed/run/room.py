"""Where documents wait to be read: a bounded number of them, and few large ones, so that bodies never pile up."""

from __future__ import annotations

import asyncio

LARGE = 1024 * 1024  # bytes; feeds are a fiftieth of it
LARGE_PLACES = 2


class ReadingRoom:
    """``places`` documents at a time, of which two may be larger than 1 MiB."""

    def __init__(self, places: int) -> None:
        self._places = asyncio.Semaphore(places)
        self._large = asyncio.Semaphore(min(places, LARGE_PLACES))

    async def enter(self, size: int) -> None:
        """Wait for a place for a document of ``size`` bytes; ``leave`` with the same size must follow."""
        if size > LARGE:
            await self._large.acquire()
        try:
            await self._places.acquire()
        except BaseException:
            if size > LARGE:
                self._large.release()
            raise

    def leave(self, size: int) -> None:
        """Give the place back."""
        self._places.release()
        if size > LARGE:
            self._large.release()
