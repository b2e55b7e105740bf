"""Where documents wait to be read."""

from __future__ import annotations

import asyncio

from ketfeed.run.room import LARGE, ReadingRoom


def test_large_documents_have_few_places_and_small_ones_do_not_wait_for_them() -> None:
    async def scenario() -> None:
        room = ReadingRoom(4)
        await room.enter(LARGE + 1)
        await room.enter(LARGE + 1)
        third = asyncio.ensure_future(room.enter(LARGE + 1))
        await asyncio.sleep(0)
        assert not third.done()
        await room.enter(10)
        await room.enter(LARGE)
        fifth = asyncio.ensure_future(room.enter(10))
        await asyncio.sleep(0)
        assert not fifth.done()
        room.leave(10)
        await fifth
        room.leave(LARGE + 1)
        await third

    asyncio.run(scenario())


def test_giving_up_while_waiting_keeps_no_place() -> None:
    async def scenario() -> None:
        room = ReadingRoom(1)
        await room.enter(LARGE + 1)
        waiting = asyncio.ensure_future(room.enter(10))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        room.leave(LARGE + 1)
        async with asyncio.timeout(5):
            await room.enter(LARGE + 1)

    asyncio.run(scenario())
