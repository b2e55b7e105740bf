"""One thread writes, in batches that form by themselves."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from tests.store import making

from ketfeed.errors import StorageFailed, StoreError
from ketfeed.model import FeedInfo, Poll, Source, SourceState
from ketfeed.run.writer import BATCH, ENOUGH, GATHER, LINGER, LOOSE, QUIET, SHELF, Writer
from ketfeed.store.ready import ReadyFeed
from ketfeed.store.records import PollCounts, PollWrite

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def write(number: int) -> PollWrite:
    name = f"s{number}"
    return PollWrite(
        poll=Poll(source_id=name, url="u", started_at=NOW, outcome="ok"),
        state=SourceState(source_id=name, url="u"),
        source=Source(id=name, url="u"),
    )


class Disk:
    """Counts in ``new`` which poll it was; waits for the gate before each batch; refuses batches with a bad poll."""

    def __init__(self, bad: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.bad = bad

    def save_polls(self, batch: Sequence[PollWrite]) -> list[PollCounts]:
        assert self.gate.wait(10)
        self.threads.add(threading.get_ident())
        self.batches.append([one.source.id for one in batch])
        if self.bad is not None and any(one.source.id == "s13" for one in batch):
            raise self.bad
        return [PollCounts(new=int(one.source.id[1:])) for one in batch]


def test_polls_that_end_while_the_writer_is_busy_share_the_next_transaction_and_each_gets_its_own_counts() -> None:
    async def scenario() -> None:
        disk = Disk()
        writer = Writer(disk.save_polls)
        first = asyncio.ensure_future(writer.save(write(0)))
        await asyncio.sleep(0)
        rest = [asyncio.ensure_future(writer.save(write(number))) for number in range(1, BATCH + 10)]
        await asyncio.sleep(0)
        disk.gate.set()
        counts = await asyncio.gather(first, *rest)
        assert [count.new for count in counts] == list(range(BATCH + 10))
        assert [len(batch) for batch in disk.batches] == [1, BATCH, 9]
        assert len(disk.threads) == 1
        await writer.close()

    asyncio.run(scenario())


@pytest.mark.parametrize("error", [StorageFailed("disk full"), ZeroDivisionError("bug")])
def test_a_batch_that_cannot_be_stored_fails_its_polls_and_no_others(error: Exception) -> None:
    async def scenario() -> None:
        disk = Disk(bad=error)
        disk.gate.set()
        writer = Writer(disk.save_polls)
        with pytest.raises(StoreError, match=r"disk full|A bug in the store: ZeroDivisionError"):
            await writer.save(write(13))
        assert (await writer.save(write(14))).new == 14
        await writer.close()

    asyncio.run(scenario())


def test_closing_writes_what_is_waiting() -> None:
    async def scenario() -> None:
        disk = Disk()
        writer = Writer(disk.save_polls)
        waiting = [asyncio.ensure_future(writer.save(write(number))) for number in range(3)]
        await asyncio.sleep(0)
        disk.gate.set()
        await writer.close()
        assert [len(batch) for batch in disk.batches] in ([3], [1, 2])
        assert [count.new for count in await asyncio.gather(*waiting)] == [0, 1, 2]

    asyncio.run(scenario())


def test_a_poll_that_is_given_up_while_it_waits_is_stored_all_the_same() -> None:
    async def scenario() -> None:
        disk = Disk()
        writer = Writer(disk.save_polls)
        waiting = asyncio.ensure_future(writer.save(write(1)))
        await asyncio.sleep(0)
        waiting.cancel()
        disk.gate.set()
        await writer.close()
        assert disk.batches == [["s1"]]

    asyncio.run(scenario())


def test_documents_wait_a_moment_for_others_and_share_a_transaction() -> None:
    async def scenario() -> None:
        disk = Disk()
        disk.gate.set()
        writer = Writer(disk.save_polls)
        saves = []
        for number in range(GATHER):
            saves.append(asyncio.ensure_future(writer.save(replace(write(number), feed=DOCUMENT))))
            await asyncio.sleep(0)
        await asyncio.gather(*saves)
        assert [len(batch) for batch in disk.batches] == [GATHER]
        lone = await writer.save(replace(write(7), feed=DOCUMENT))
        assert lone.new == 7
        alone = Writer(disk.save_polls, under_way=lambda: 1)
        begun = asyncio.get_running_loop().time()
        await alone.save(replace(write(8), feed=DOCUMENT))
        assert asyncio.get_running_loop().time() - begun < LINGER, "nobody else is under way"
        await alone.close()
        await writer.close()

    asyncio.run(scenario())


DOCUMENT = ReadyFeed(info=FeedInfo(format="rss2.0"), now=0, entries=(), entries_hash="")


class Index:
    """Needs joining ``steps`` times after each transaction with documents; each waits for the gate."""

    def __init__(self, steps: int) -> None:
        self.left = self.steps = steps
        self.joined = 0
        self.fails = False
        self.gate = threading.Event()
        self.gate.set()

    def join(self) -> bool:
        assert self.gate.wait(10)
        self.joined += 1
        if self.fails:
            raise StorageFailed("disk full")
        self.left -= 1
        return self.left > 0


def test_the_search_index_is_joined_once_nothing_is_under_way() -> None:
    async def scenario() -> None:
        disk, index, others = Disk(), Index(3), [1]
        disk.gate.set()
        writer = Writer(disk.save_polls, under_way=lambda: len(others), join_index=index.join)
        await writer.save(write(1))
        await asyncio.sleep(QUIET * 1.5)
        assert index.joined == 0, "no document was stored"
        await writer.save(replace(write(2), feed=DOCUMENT))
        await asyncio.sleep(QUIET * 2.5)
        assert index.joined == 0, "a poll is under way"
        others.clear()
        await asyncio.sleep(QUIET * 2.5)
        assert index.joined == 3
        await writer.close()

    asyncio.run(scenario())


def test_polls_do_not_wait_until_the_index_is_whole() -> None:
    async def scenario() -> None:
        disk, index = Disk(), Index(10**9)
        disk.gate.set()
        writer = Writer(disk.save_polls, join_index=index.join)
        await writer.save(replace(write(1), feed=DOCUMENT))
        await asyncio.sleep(QUIET * 1.5)
        assert index.joined > 1
        assert (await asyncio.wait_for(writer.save(write(2)), 5)).new == 2
        await asyncio.wait_for(writer.close(), 5)
        joined = index.joined
        await asyncio.sleep(QUIET * 1.5)
        assert index.joined == joined

    asyncio.run(scenario())


def test_after_very_many_transactions_the_index_is_joined_between_them() -> None:
    async def scenario() -> None:
        disk, index = Disk(), Index(2)
        disk.gate.set()
        writer = Writer(disk.save_polls, under_way=lambda: 1, join_index=index.join)
        for number in range(LOOSE + 3):
            assert index.joined == max(0, number - LOOSE)
            await writer.save(replace(write(number), feed=DOCUMENT))
            await writer.save(write(number))
        await writer.close()
        assert index.joined == 2
        assert len(disk.batches) == 2 * (LOOSE + 3)

    asyncio.run(scenario())


def test_an_index_that_cannot_be_joined_stops_nothing() -> None:
    async def scenario() -> None:
        disk, index = Disk(), Index(2)
        index.fails = True
        disk.gate.set()
        writer = Writer(disk.save_polls, join_index=index.join)
        await writer.save(replace(write(1), feed=DOCUMENT))
        await asyncio.sleep(QUIET * 1.5)
        assert index.joined == 1, "and not again before more is stored"
        assert (await writer.save(replace(write(2), feed=DOCUMENT))).new == 2
        await writer.close()

    asyncio.run(scenario())


def test_heavy_documents_go_in_smaller_transactions_and_only_so_many_wait() -> None:
    async def scenario() -> None:
        disk = Disk()
        writer = Writer(disk.save_polls)
        feed = making.write([making.entry(1, text="x" * (ENOUGH // 4))]).feed
        taken: list[int] = []
        saves = [
            asyncio.ensure_future(writer.save(replace(write(number), feed=feed), lambda: taken.append(1)))
            for number in range(20)
        ]
        for _ in range(100):
            await asyncio.sleep(0)
        assert len(taken) == SHELF // (ENOUGH // 4) - 1
        disk.gate.set()
        await asyncio.gather(*saves)
        assert max(map(len, disk.batches)) < GATHER
        assert [name for batch in disk.batches for name in batch] == [f"s{number}" for number in range(20)]
        await writer.close()

    asyncio.run(scenario())
