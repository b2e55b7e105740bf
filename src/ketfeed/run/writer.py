"""One thread writes: polls that end while it is busy share the next transaction.

A commit costs a disk flush (``synchronous=FULL``), a poll's rows a fraction of a millisecond; so batches form by
themselves, the larger the busier the poller is. Everything else the poller asks of the store goes through the same
thread, so nothing of it ever waits for a lock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import NamedTuple, Protocol, TypeVar

import structlog

from ketfeed.errors import StorageFailed, StoreError
from ketfeed.run.lines import one_line
from ketfeed.run.memory import give_back_what_is_free
from ketfeed.run.room import Shelf
from ketfeed.store.records import PollCounts, PollWrite

log: structlog.stdlib.BoundLogger = structlog.get_logger()

T = TypeVar("T")

GATHER = 30  # documents that are worth a transaction of their own
ENOUGH = 6_000_000  # bytes of documents that are: some twenty usual feeds
LINGER = 0.2  # seconds a document waits for others
BATCH = 256  # polls of one transaction
WAITING = 512  # polls that may wait for the writer; above it the poller slows down
QUIET = 0.5  # seconds without a poll under way before the search index is put together
LOOSE = 250  # transactions with documents after which it is put together nevertheless, a little with each
SHELF = ENOUGH * 3 // 2  # bytes of documents that may wait or be written; more of them wait to be read


class SavePolls(Protocol):
    def __call__(self, batch: Sequence[PollWrite]) -> Sequence[PollCounts]: ...


class _Waiting(NamedTuple):
    """A poll that waits to be written."""

    write: PollWrite
    weight: int  # of its document, bytes
    counts: asyncio.Future[PollCounts]


class Writer:
    """Takes PollWrites, answers with their PollCounts once they are committed."""

    def __init__(
        self,
        save_polls: SavePolls,
        under_way: Callable[[], int] = lambda: 0,
        join_index: Callable[[], bool] = lambda: False,
    ) -> None:
        """``under_way``: polls begun and not stored, those that wait here included; 0: nobody knows.

        join_index: brings the search index a little further towards one piece; False: it needs nothing.
        """
        self._save_polls = save_polls
        self._under_way = under_way
        self._join_index = join_index
        self._loose = 0  # transactions with documents since the index was whole
        self._quiet: asyncio.TimerHandle | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._pending: list[_Waiting] = []
        self._flush: asyncio.Task[None] | None = None
        self._room = asyncio.Semaphore(WAITING)
        self._shelf = Shelf(SHELF)
        self._enough = asyncio.Event()
        self._closing = False

    async def run(self, work: Callable[[], T]) -> T:
        """Do something else with the store, in the writer's thread."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def save(self, write: PollWrite, taken: Callable[[], None] = lambda: None) -> PollCounts:
        """Store one poll; returns after the commit. ``taken`` is called as soon as there is room for it here.

        Raises StoreError when its whole batch could not be committed (disk full, locked for too long): nothing of it
        was kept. A poll that alone could not be stored has ``error`` in its counts and is recorded as a failure.
        """
        weight = 0 if write.feed is None else write.feed.weight
        async with self._room if write.feed is None else self._shelf.place(weight):
            taken()
            future: asyncio.Future[PollCounts] = asyncio.get_running_loop().create_future()
            self._pending.append(_Waiting(write, weight, future))
            if self._is_enough():
                self._enough.set()
            if self._flush is None:
                self._flush = asyncio.create_task(self._flush_all())
            return await future

    async def _flush_all(self) -> None:
        try:
            while self._pending:
                await self._gather()
                before = self._loose
                await self._flush_some()
                if self._loose > max(LOOSE, before):  # there were documents
                    await self._join_some()
        finally:
            self._flush = None
        self._wait_for_quiet()

    def _wait_for_quiet(self) -> None:
        if self._loose and self._quiet is None and not self._closing:
            self._quiet = asyncio.get_running_loop().call_later(QUIET, self._is_quiet)

    def _is_quiet(self) -> None:
        """Nothing came for a while: if nothing is on its way either, it is time to put the index together."""
        self._quiet = None
        if self._flush is None and self._under_way() > 0:
            self._wait_for_quiet()
        elif self._flush is None:
            self._flush = asyncio.create_task(self._join_all())

    async def _join_all(self) -> None:
        while self._loose and not self._pending and not self._closing:
            await self._join_some()
        await self._flush_all()

    async def _join_some(self) -> None:
        try:
            more = await self.run(self._join_index)
        except Exception as error:  # noqa: BLE001  # nothing is lost; what ails the store, its next batch says
            log.warning("search index not joined", error=one_line(str(error)))
            more = False
        if not more:
            self._loose = 0

    async def _flush_some(self) -> None:
        """Write one batch and tell its polls; nothing of it is held afterwards."""
        batch, self._pending = self._pending[:BATCH], self._pending[BATCH:]
        writes = [one.write for one in batch]
        self._loose += any(write.feed is not None for write in writes)
        try:
            counts = await self.run(lambda: self._save(writes))
        except Exception as error:  # noqa: BLE001  # a bug in the store fails its batch, not the service
            failure = _refused(error)
            for one in batch:
                if not one.counts.done():
                    one.counts.set_exception(failure)
            return
        for one, count in zip(batch, counts, strict=True):
            if not one.counts.done():
                one.counts.set_result(count)

    def _save(self, writes: Sequence[PollWrite]) -> Sequence[PollCounts]:
        """Save a batch, in the writer's thread."""
        if any(write.feed is not None for write in writes):
            give_back_what_is_free()  # the documents of the batch before
        return self._save_polls(writes)

    async def _gather(self) -> None:
        """Let more documents come: storing two together costs 4.0 ms a feed, twenty 2.5 ms, sixty 2.1 ms."""
        if self._closing or self._is_enough() or all(one.write.feed is None for one in self._pending):
            return
        self._enough.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER):
                await self._enough.wait()

    def _is_enough(self) -> bool:
        """Whether waiting longer brings nothing: a full batch, or all polls under way are here."""
        count = len(self._pending)
        if count >= GATHER or count == self._under_way():
            return True
        return sum([one.weight for one in self._pending]) >= ENOUGH

    async def close(self) -> None:
        """Write what is waiting and end the thread."""
        self._closing = True
        self._enough.set()
        if self._quiet is not None:
            self._quiet.cancel()
        while self._flush is not None:
            await self._flush
        self._thread.shutdown(wait=True)


def _refused(error: Exception) -> StoreError:
    """What save_polls raised, as the one error of the store."""
    known = isinstance(error, StoreError | StorageFailed)
    refused = StoreError(str(error) if known else f"A bug in the store: {type(error).__name__}: {error}")
    refused.__cause__ = error
    return refused
