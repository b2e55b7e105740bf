"""Polls: from a due source to a committed row, many at a time.

    submit ─▶ Hosts ─▶ fetch ─▶ same body? ─▶ read in a child ─▶ own output? same entries? ─▶ writer ─▶ Poll
              (waits)  (slots)   not_modified   (room)             self_loop    not_modified   (batches)

A slot is held only while something is fetched; a document that waits for a child holds a place in the reading room, so
that slow parsing never keeps the network idle and never lets bodies pile up. Every exception becomes one word of the
closed list of outcomes; ``internal`` is a bug and is logged with its traceback.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Protocol

import structlog

from ketfeed.errors import HttpFailed, PollError, RateLimited, SelfLoop, StoreError
from ketfeed.model import Entry, FetchResult, Poll, Source, SourceState, Tagging
from ketfeed.net.client import outcome_error
from ketfeed.run import alternatives, articles, visit
from ketfeed.run.clock import utc_now
from ketfeed.run.follow import Fetcher, Follow, Reader, document_of
from ketfeed.run.hosts import Hosts, Turns, host_of
from ketfeed.run.logs import log_poll
from ketfeed.run.room import ReadingRoom, Seat
from ketfeed.run.visit import Seen, one_line
from ketfeed.run.writer import SavePolls, Writer
from ketfeed.settings import Settings
from ketfeed.store.ready import ReadyFeed
from ketfeed.store.records import PollCounts, PollWrite

log = structlog.get_logger()

SNOOZE = timedelta(minutes=5)  # after a poll that could not even be recorded; the row still says "due"
NO_CACHE = (("cache-control", "no-cache"),)


class Memory(Protocol):
    """What the poller needs of the store beside ``save_polls``; called in the writer's thread."""

    def hold(self, host: str, until: datetime) -> object: ...

    def knows(self, entry_ids: Sequence[str]) -> bool: ...

    def stored(self, entry_ids: Sequence[str]) -> dict[str, tuple[Entry, Tagging]]: ...

    def known(self, source_id: str) -> alternatives.Known: ...


@dataclass(slots=True, eq=False)
class Job:
    """A source on its way to a poll."""

    source: Source
    state: SourceState
    done: asyncio.Future[Poll]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reply, and whether it was asked for without condition."""

    result: FetchResult
    full: bool

    @property
    def in_room(self) -> bool:
        """Whether there is a document, which takes a place in the reading room."""
        return self.result.status != 304


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
        memory: Memory,
        holds: dict[str, datetime] | None = None,
        base_url: str | None = None,
        clock: Callable[[], datetime] = utc_now,
        dice: Callable[[], float] = random.random,
        visit_articles: bool = True,
        on_stored: Callable[[SourceState, PollWrite, PollCounts], None] | None = None,
    ) -> None:
        self.writer = Writer(save_polls, under_way=lambda: len(self._jobs))
        self.base_url = base_url
        self._settings = settings
        self._client = client
        self._reader = reader
        self._memory = memory
        self._clock = clock
        self._dice = dice
        self._visit_articles = visit_articles
        self._on_stored = on_stored
        self._hosts: Hosts[Job] = Hosts(
            connections=settings.host_connections, interval=settings.host_interval, holds=holds
        )
        self._slots = asyncio.Semaphore(settings.concurrency)
        self._room = ReadingRoom(settings.concurrency)
        self._jobs: dict[str, Job] = {}  # by source: waiting or running
        self._tasks: set[asyncio.Task[None]] = set()
        self._fetching: set[asyncio.Task[None]] = set()  # those of them that a stop may drop at once
        self._snoozed: dict[str, datetime] = {}
        self._dispatcher: asyncio.Task[None] | None = None
        self._one_done = asyncio.Event()

    # -- from outside

    def use(self, *, client: Fetcher, base_url: str | None) -> None:
        """Take up a changed catalog: another client (it has the User-Agent) and another address of this site."""
        self._client = client
        self.base_url = base_url

    def start(self) -> None:
        """Begin to hand out jobs."""
        if self._dispatcher is None:
            self._dispatcher = asyncio.create_task(self._dispatch())

    def __len__(self) -> int:
        """Sources that wait for their poll or are being polled."""
        return len(self._jobs)

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
        for task in self._fetching:
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
            seen = await self._see(host, source, state, seat, self._clock())
            seconds = time.perf_counter() - begun
            if alternatives.is_wanted(source, state, seen):
                seat.leave()
                seen = await self._search(source, state, seen)
            return await self._store(source, state, seen, seconds, seat)
        finally:
            seat.leave()

    async def _see(self, host: str, source: Source, state: SourceState, seat: Seat, now: datetime) -> Seen:
        """Fetch, read and follow up; whatever fails becomes an outcome. What comes back holds no body."""
        fetched: Fetched | None = None
        try:
            fetched = await self._fetch_in_slot(host, source, state, seat, now)
            seen = await self._understand(source, state, fetched, now)
            if self._has_more(source, seen):
                seat.leave()
                seen = await self._follow_up(source, state, seen)
        except Exception as error:  # noqa: BLE001  # whatever it is becomes one word of the closed list
            seen = self._failed(source, error, fetched, now)
        return visit.without_body(seen)

    async def _fetch_in_slot(self, host: str, source: Source, state: SourceState, seat: Seat, now: datetime) -> Fetched:
        """Fetch and give the slot back, with a place in the reading room for a document. Raises PollError, Refused."""
        turns = Turns(self._hosts, host, self._refuse_held)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # polls run in tasks of their own
        self._fetching.add(task)
        try:
            fetched = await self._fetch(source, state, turns, seat, now)
            turns.close()
            await self._remember_hold(fetched.result, now)
            error = outcome_error(fetched.result)
            if error is not None:
                raise Refused(error, fetched)
            if fetched.in_room:
                await seat.take()
            return fetched
        finally:
            self._fetching.discard(task)
            turns.close()
            self._slots.release()

    async def _fetch(self, source: Source, state: SourceState, turns: Turns[Job], seat: Seat, now: datetime) -> Fetched:
        if self.base_url and source.url.startswith(self.base_url.rstrip("/") + "/feeds/"):
            raise SelfLoop("The address is a feed of this site")
        request = visit.ask(source, state, now)
        get = partial(self._client.get, source.url, auth=source.auth, turn=turns, large=seat.take_large)
        result = await get(validators=request.validators, headers=source.headers)
        if result.status != 304 or result.conditional:
            return Fetched(result, not result.conditional)
        # a 304 to a question without validators: a cache on the way is broken; ask once more past it
        again = await get(headers=(*source.headers, *NO_CACHE))
        if again.status == 304:
            sentence = "The server answered 304 Not Modified although nothing was asked to compare with"
            raise Refused(HttpFailed(sentence), Fetched(again, full=True))
        return Fetched(again, full=True)

    async def _remember_hold(self, result: FetchResult, now: datetime) -> None:
        seconds = visit.host_hold(result, now)
        if seconds is not None:
            host, until = host_of(result.final_url), now + timedelta(seconds=seconds)
            if self._hosts.hold(host, until):
                try:
                    await self.writer.run(lambda: self._memory.hold(host, until))
                except StoreError as error:
                    log.warning("hold not stored", host=host, until=until.isoformat(), error=str(error))

    def _refuse_held(self, host: str) -> None:
        """Raise Held when the host asked to be left alone; called before every hop."""
        until = self._hosts.held_until(host, self._clock())
        if until is not None:
            raise Held(f"{host} asked to be left alone until {until:%Y-%m-%d %H:%M:%S} UTC", until)

    async def _understand(self, source: Source, state: SourceState, fetched: Fetched, now: datetime) -> Seen:
        """Make sense of a good reply. Raises PollError for a document that is none."""
        result, full = fetched.result, fetched.full
        if result.status == 304:
            moved_to = visit.permanent_target(result.redirects)
            return Seen(now=now, outcome="not_modified", result=result, full=full, moved_to=moved_to)
        moved_to = visit.permanent_target(result.redirects)
        body_hash = visit.body_hash(source, result.body)
        if body_hash == state.body_hash:
            return Seen(
                now=now, outcome="not_modified", result=result, full=full, body_hash=body_hash, moved_to=moved_to
            )
        feed = await self._reader.read(document_of(result), source, now)
        if visit.is_own_output(feed.info, self.base_url):
            raise SelfLoop("The document is a feed made by ketfeed: following it would merge our output into itself")
        same = bool(feed.entries_hash) and feed.entries_hash == state.entries_hash
        if moved_to is not None and not (same or await self._has_known_entries(state, feed)):
            moved_to = None
        return Seen(
            now=now,
            outcome="not_modified" if same else "ok",
            result=result,
            full=full,
            feed=feed,
            body_hash=body_hash,
            moved_to=moved_to,
        )

    async def _has_known_entries(self, state: SourceState, feed: ReadyFeed) -> bool:
        """Whether a document at a new address has entries we know (a parked domain has none)."""
        if state.entries == 0:
            return True
        ids = [entry.id for entry in feed.entries]
        return await self.writer.run(lambda: self._memory.knows(ids))

    def _has_more(self, source: Source, seen: Seen) -> bool:
        """Whether the document makes us ask for something else."""
        feed = seen.feed
        return feed is not None and bool(feed.more or feed.info.new_feed_url or source.type != "feed")

    async def _follow_up(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """Ask for what the document makes us ask for."""
        follow = Follow(
            self._client,
            self._reader,
            slots=self._slots,
            turn=self._turns,
        )
        seen = await follow.parts(source, state, seen)
        seen = await follow.announced(source, state, seen)
        listing = seen.feed.whole if seen.feed is not None else None
        if self._visit_articles and seen.outcome == "ok" and listing and articles.wants_articles(source, listing):
            ids = [entry.id for entry in listing.entries if articles.is_incomplete(entry)]
            stored = await self.writer.run(lambda: self._memory.stored(ids))
            seen = await follow.articles(source, seen, stored)
        return seen

    async def _search(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """Look for another feed of the site; whatever goes wrong, the poll is what it was."""
        try:
            known = await self.writer.run(lambda: self._memory.known(source.id))
            found = await alternatives.search(
                source,
                replace(state, last_outcome=seen.outcome),
                known,
                alternatives.Visitor(
                    self._client, self._slots, self._turns, lambda result: self._remember_hold(result, seen.now)
                ),
                self._reader,
                seen.now,
            )
        except (PollError, StoreError) as error:
            log.warning("search failed", source=source.id, error=str(error))
            return seen
        if found.url is not None:
            log.info("alternative", source=source.id, url=found.url, how=found.how)
        return replace(seen, search=found)

    def _turns(self) -> Turns[Job]:
        """The turns of one further request of a poll."""
        return Turns(self._hosts, None, self._refuse_held)

    def _failed(self, source: Source, error: Exception, fetched: Fetched | None, now: datetime) -> Seen:
        """Name a failure with a word of the closed list and a sentence."""
        if isinstance(error, Refused):
            fetched, error = error.fetched, error.error
        result = fetched.result if fetched else None
        if isinstance(error, Held):
            return Seen(now=now, outcome=error.outcome, error=one_line(str(error)), held_until=error.until)
        if isinstance(error, StoreError):
            return Seen(now=now, outcome="storage", error=one_line(str(error)), result=result)
        if not isinstance(error, PollError):
            log.error("internal", source=source.id, url=source.url, exc_info=error)
            sentence = f"A bug in ketfeed: {type(error).__name__}: {error}"
            return Seen(now=now, outcome="internal", error=one_line(sentence), result=result)
        if error.outcome == "internal":
            log.error("internal", source=source.id, url=source.url, exc_info=error)
        return Seen(now=now, outcome=error.outcome, error=one_line(str(error)), result=result)

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


class Refused(Exception):
    """A reply that is an error, with the reply: its headers say when to come again."""

    def __init__(self, error: PollError, fetched: Fetched) -> None:
        self.error = error
        self.fetched = fetched
        super().__init__(str(error))


class Held(RateLimited):
    """No request was made: the host asked to be left alone until a time that has not come."""

    def __init__(self, sentence: str, until: datetime) -> None:
        self.until = until
        super().__init__(sentence)
