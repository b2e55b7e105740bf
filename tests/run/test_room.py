"""Where documents wait to be read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.store.making import entry, write

from ketfeed.ingest.limits import Document
from ketfeed.model import FetchResult, Source, SourceState
from ketfeed.run.poll import Poller
from ketfeed.run.room import LARGE_PLACES, ReadingRoom, Shelf
from ketfeed.run.writer import ENOUGH, SHELF
from ketfeed.settings import load_settings
from ketfeed.store.ready import ReadyFeed
from ketfeed.store.records import PollCounts, PollWrite

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
PLACES = 5


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


def test_a_shelf_holds_so_many_bytes_and_serves_in_order() -> None:
    async def scenario() -> None:
        shelf, order = Shelf(10), list[int]()
        leave = asyncio.Event()

        async def stand(weight: int) -> None:
            async with shelf.place(weight):
                order.append(weight)
                await leave.wait()

        tasks = [asyncio.ensure_future(stand(weight)) for weight in (6, 99, 3)]
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == [6], "the second is too heavy and the third came later"
        tasks[1].cancel()
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == [6, 3], "whoever gives up keeps nobody waiting"
        tasks.append(asyncio.ensure_future(stand(100)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert order == [6, 3]
        leave.set()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert order == [6, 3, 100], "alone, the heaviest stands, too"

    asyncio.run(scenario())


HEAVY = ENOUGH // 5


class Quick:
    """A web, a parser and a store: the first two answer at once, the store when its gate is open."""

    def __init__(self) -> None:
        self.read_so_far = 0
        self.gate = threading.Event()

    async def get(self, url: str, **_: object) -> FetchResult:
        body = url.encode()
        return FetchResult(url=url, final_url=url, status=200, headers=(), body=body, wire_bytes=len(body), seconds=0.0)

    async def read(self, document: Document, source: Source, now: datetime, *, first: bool = False) -> ReadyFeed:
        self.read_so_far += 1
        feed = write([entry(1, text="x" * HEAVY)]).feed
        assert feed is not None
        return replace(feed, entries_hash=source.id)

    def save_polls(self, batch: Sequence[PollWrite]) -> list[PollCounts]:
        assert self.gate.wait(10)
        return [PollCounts() for _ in batch]


def test_readers_that_are_faster_than_the_store_wait_for_it() -> None:
    """Else whatever is due, thousands of documents, would be in memory at once."""

    async def scenario() -> None:
        quick = Quick()
        poller = Poller(
            settings=load_settings(concurrency=PLACES),
            client=quick,  # as much of it as is needed
            reader=quick,  # type: ignore[arg-type]
            save_polls=quick.save_polls,
            memory=quick,  # type: ignore[arg-type]
            clock=lambda: NOW,
        )
        most = PLACES + SHELF // HEAVY
        count = most + 50
        sources = [Source(id=f"s{number}", url=f"http://h{number}.example/feed") for number in range(count)]
        states = [SourceState(source_id=one.id, url=one.url, last_ok_at=NOW - timedelta(days=1)) for one in sources]
        polls = asyncio.ensure_future(poller.poll(zip(sources, states, strict=True)))
        before = -1
        while before != quick.read_so_far:  # until nothing moves any more
            before = quick.read_so_far
            for _ in range(1000):
                await asyncio.sleep(0)
        assert PLACES < quick.read_so_far <= most
        quick.gate.set()
        assert [poll.outcome for poll in await polls] == ["ok"] * count
        await poller.stop()

    asyncio.run(scenario())
