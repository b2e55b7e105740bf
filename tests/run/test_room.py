"""Where documents wait to be read."""

from __future__ import annotations

import asyncio

from ketfeed.run.room import LARGE_PLACES, ReadingRoom


def test_large_documents_have_few_places_and_small_ones_do_not_wait_for_them() -> None:
    async def scenario() -> None:
        room = ReadingRoom(4)
        seats = [room.seat() for _ in range(LARGE_PLACES)]
        for seat in seats:
            await seat.take_large()
            await seat.take()
        another = room.seat()
        waiting = asyncio.ensure_future(another.take_large())
        await asyncio.sleep(0)
        assert not waiting.done()
        for _ in range(2):
            await room.seat().take()
        full = asyncio.ensure_future(room.seat().take())
        await asyncio.sleep(0)
        assert not full.done()
        seats[0].leave()
        await waiting
        await full

    asyncio.run(scenario())


def test_a_seat_takes_each_place_once_and_gives_all_back() -> None:
    async def scenario() -> None:
        room = ReadingRoom(1)
        seat = room.seat()
        async with asyncio.timeout(5):
            for _ in range(2):  # a redirect's body was large, and the document again is
                await seat.take_large()
                await seat.take()
            seat.leave()
            seat.leave()
            other = room.seat()
            await other.take_large()
            await other.take()

    asyncio.run(scenario())


def test_giving_up_while_waiting_keeps_no_place() -> None:
    async def scenario() -> None:
        room = ReadingRoom(1)
        first, second = room.seat(), room.seat()
        await first.take()
        waiting = asyncio.ensure_future(second.take())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        second.leave()
        first.leave()
        async with asyncio.timeout(5):
            await room.seat().take()

    asyncio.run(scenario())
