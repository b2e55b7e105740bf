"""Polls: from a due source to a committed row, many at a time.

    submit ─▶ Hosts ─▶ Visits.see ─▶ Seen ─▶ visit.remember ─▶ writer ─▶ Poll
              (waits)  (slots, room)          (pure)            (batches)

A slot is held only while something is fetched; a document holds a place in the reading room from its last byte until
the writer has room for it, so that slow parsing never keeps the network idle and documents never pile up.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ketfeed.errors import StoreError
from ketfeed.ingest.sandbox import AHEAD, EXTRA
from ketfeed.model import Poll, Source, SourceState
from ketfeed.run import alternatives, visit
from ketfeed.run.clock import utc_now
from ketfeed.run.follow import Fetcher, Reader
from ketfeed.run.hosts import Hosts, host_of
from ketfeed.run.lines import one_line
from ketfeed.run.logs import log_poll
from ketfeed.run.room import ReadingRoom, Seat
from ketfeed.run.seeing import Memory, Visits
from ketfeed.run.visit import Seen
from ketfeed.run.writer import SavePolls, Writer
from ketfeed.settings import Settings
from ketfeed.store.records import PollCounts, PollWrite

SNOOZE = timedelta(minutes=5)  # after a poll that could not even be recorded; the row still says "due"


@dataclass(slots=True, eq=False)
class Job:
    """A source on its way to a poll."""

    source: Source
    state: SourceState
    done: asyncio.Future[Poll]


class Poller:
    """Runs polls within the limits of the settings; between ``start`` and ``stop``.

    clock and dice are passed in by tests. base_url: the public address of this site, to recognise its own feeds.
    visit_articles: fetch the pages of new entries that lack a date or summary (pages and sitemaps only).
    on_stored: told of every stored poll: the state before, what was written, its counts (notices hang here).
    """

    def __init__(
        self,
        *,
        settings: Settings,
        client: Fetcher,
        reader: Reader,
        save_polls: SavePolls,
        join_index: Callable[[], bool] = lambda: False,
        memory: Memory,
        holds: dict[str, datetime] | None = None,
        base_url: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        dice: Callable[[], float] = random.random,
        visit_articles: bool = True,
        on_stored: Callable[[SourceState, PollWrite, PollCounts], None] | None = None,
    ) -> None:
        self.writer = Writer(save_polls, under_way=lambda: len(self._jobs), join_index=join_index)
        self._settings = settings
        self._clock = clock
        self._dice = dice
        self._on_stored = on_stored
        self._hosts: Hosts[Job] = Hosts(
            connections=settings.host_connections, interval=settings.host_interval, holds=holds
        )
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._room = ReadingRoom(min(settings.concurrency, AHEAD * settings.parse_processes + 2 * EXTRA))
        self._jobs: dict[str, Job] = {}  # by source: waiting or running
        self._tasks: set[asyncio.Task[None]] = set()
        self._snoozed: dict[str, datetime] = {}
        self._dispatcher: asyncio.Task[None] | None = None
        self._one_done = asyncio.Event()
        self._visits = Visits(
            client=client,
            reader=reader,
            memory=memory,
            run_in_store=self.writer.run,
            hosts=self._hosts,
            slots=self._slots,
            base_url=base_url,
            clock=clock,
            visit_articles=visit_articles,
        )

    # -- from outside

    def use(self, *, client: Fetcher, base_url: str | None) -> None:
        """Take up a changed catalog: another client (it has the User-Agent) and another address of this site."""
        self._visits.client = client
        self._visits.base_url = base_url

    def start(self) -> None:
        """Begin to hand out jobs."""
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch())

    def __len__(self) -> int:
        """Sources that wait for their poll or are being polled."""
        return len(self._jobs)

    @property
    def under_way(self) -> Collection[str]:
        """The ids of these sources, as they are whenever it is asked."""
        return self._jobs.keys()

    def submit(self, source: Source, state: SourceState) -> asyncio.Future[Poll]:
        """Queue a poll; a source already on its way is not queued twice."""
        job = self._jobs.get(source.id)
        if job is None:
            job = Job(source, state, asyncio.get_running_loop().create_future())
            self._jobs[source.id] = job
            self._hosts.add(host_of(source.url), job)
        return job.done

    def is_busy_with(self, source_id: str, now: datetime) -> bool:
        """Whether the source is on its way, or rests because its last poll could not be recorded."""
        until = self._snoozed.get(source_id)
        if until is not None and not now < until <= now + SNOOZE:
            del self._snoozed[source_id]
            until = None
        return until is not None or source_id in self._jobs

    async def poll(
        self, due: Iterable[tuple[Source, SourceState]], on_done: Callable[[Poll], None] | None = None
    ) -> list[Poll]:
        """Poll all of ``due`` and return their rows in the same order; ``on_done`` is called as each is ready."""
        self.start()
        waiting = [self.submit(source, state) for source, state in due]
        if on_done is not None:
            for future in waiting:
                future.add_done_callback(lambda done: None if done.cancelled() else on_done(done.result()))
        return list(await asyncio.gather(*waiting))

    async def until_fewer_than(self, count: int) -> None:
        """Wait until fewer than ``count`` sources wait or are being polled."""
        while len(self._jobs) >= count:
            self._one_done.clear()
            await self._one_done.wait()

    async def stop(self, grace: float = 3.0) -> None:
        """Stop: nothing new starts, fetches are dropped, documents already read are stored.

        grace: seconds that documents being read may still take.
        """
        if self._dispatcher is not None:
            self._dispatcher.cancel()
            await asyncio.gather(self._dispatcher, return_exceptions=True)
            self._dispatcher = None
        for job in self._hosts.drain():
            job.done.cancel()
        for task in self._visits.fetching:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=grace)
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._jobs.clear()
        await self.writer.close()

    # -- one poll

    async def _dispatch(self) -> None:
        while True:
            host, job = await self._hosts.next()
            try:
                await self._slots.acquire()
            except asyncio.CancelledError:
                self._hosts.leave(host)
                job.done.cancel()
                raise
            task = asyncio.create_task(self._run(host, job))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _run(self, host: str, job: Job) -> None:
        try:
            poll = await self._poll(host, job)
            if not job.done.done():
                job.done.set_result(poll)
        finally:
            self._jobs.pop(job.source.id, None)
            self._one_done.set()
            if not job.done.done():
                job.done.cancel()

    async def _poll(self, host: str, job: Job) -> Poll:
        """One poll from the first packet to the commit. The caller has entered ``host`` and taken a slot.

        A document keeps its place in the reading room until the writer has taken it, so that children which are faster
        than the store do not fill the memory.
        """
        source, state = job.source, job.state
        begun = time.perf_counter()
        seat = self._room.seat()
        try:
            seen = await self._visits.see(host, source, state, seat, self._clock())
            seconds = time.perf_counter() - begun
            if alternatives.is_wanted(source, state, seen):
                seat.leave()
                seen = await self._visits.search(source, state, seen)
            return await self._store(source, state, seen, seconds, seat)
        finally:
            seat.leave()

    async def _store(self, source: Source, state: SourceState, seen: Seen, seconds: float, seat: Seat) -> Poll:
        """Commit what the poll learned and return its row."""
        write = self._write_for(source, state, seen, seconds)
        try:
            counts = await self.writer.save(write, taken=seat.leave)
        except StoreError as error:
            # not even the failure is recorded, so the row still says "due": rest, or we would ask again at once
            self._snoozed[source.id] = seen.now + SNOOZE
            counts = PollCounts(error=str(error))
        if counts.error is not None:
            poll = replace(write.poll, outcome="storage", error=one_line(counts.error))
        elif write.feed is None:
            poll = write.poll
        else:
            poll = replace(write.poll, new=counts.new, updated=counts.updated, unchanged=counts.unchanged)
        log_poll(poll)
        if self._on_stored is not None:
            self._on_stored(state, write, counts)
        return poll

    def _write_for(self, source: Source, state: SourceState, seen: Seen, seconds: float) -> PollWrite:
        after = visit.remember(source, state, seen, settings=self._settings, jitter=self._dice(), seconds=seconds)
        result = seen.result
        poll = Poll(
            source_id=source.id,
            url=source.url,
            started_at=seen.now,
            outcome=seen.outcome,
            http_status=result.status if result else None,
            error=seen.error,
            bytes=result.wire_bytes if result else 0,
            seconds=round(seconds, 4),
        )
        return PollWrite(poll=poll, state=after, source=source, feed=seen.feed if seen.outcome == "ok" else None)
