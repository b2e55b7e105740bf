"""One visit to a source: from the first packet to what was learned.

    see ─▶ fetch ─▶ same body? ─▶ read in a child ─▶ own output? same entries? ─▶ follow up ─▶ Seen
           (slot)    not_modified   (room)            self_loop    not_modified

Every exception becomes one word of the closed list of outcomes; ``internal`` is a bug and is logged with its traceback.
What is decided is decided in visit.py, which is pure.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

import structlog

from ketfeed.errors import HttpFailed, PollError, RateLimited, SelfLoop, StoreError
from ketfeed.model import Entry, FetchResult, Source, SourceState, Tagging
from ketfeed.net.client import outcome_error
from ketfeed.run import alternatives, articles, visit
from ketfeed.run.follow import Fetcher, Follow, Reader, document_of
from ketfeed.run.hosts import Hosts, Turns, host_of
from ketfeed.run.lines import one_line
from ketfeed.run.room import Seat
from ketfeed.run.visit import Seen
from ketfeed.store.ready import ReadyFeed

log = structlog.get_logger()

T = TypeVar("T")

NO_CACHE = (("cache-control", "no-cache"),)


class Memory(Protocol):
    """What the poller needs of the store beside ``save_polls``; called in the writer's thread."""

    def hold(self, host: str, until: datetime) -> object: ...

    def knows(self, entry_ids: Sequence[str]) -> bool: ...

    def stored(self, entry_ids: Sequence[str]) -> dict[str, tuple[Entry, Tagging]]: ...

    def known(self, source_id: str) -> alternatives.Known: ...


class RunInStore(Protocol):
    """Does something with the store, in the writer's thread."""

    async def __call__(self, work: Callable[[], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """A reply, and whether it was asked for without condition."""

    result: FetchResult
    full: bool

    @property
    def in_room(self) -> bool:
        """Whether there is a document, which takes a place in the reading room."""
        return self.result.status != 304


class Visits:
    """Makes visits for a poller, within its hosts and slots.

    client and base_url may be replaced between two visits; ``fetching`` are the tasks that a stop may drop at once.
    """

    def __init__(
        self,
        *,
        client: Fetcher,
        reader: Reader,
        memory: Memory,
        run_in_store: RunInStore,
        hosts: Hosts[Any],
        slots: asyncio.Semaphore,
        base_url: str | None,
        clock: Callable[[], datetime],
        visit_articles: bool,
    ) -> None:
        self.client = client
        self.base_url = base_url
        self.fetching: set[asyncio.Task[object]] = set()
        self._reader = reader
        self._memory = memory
        self._run_in_store = run_in_store
        self._hosts = hosts
        self._slots = slots
        self._clock = clock
        self._visit_articles = visit_articles

    async def see(self, host: str, source: Source, state: SourceState, seat: Seat, now: datetime) -> Seen:
        """Fetch, read and follow up; whatever fails becomes an outcome. What comes back holds no body.

        The caller has entered ``host`` and taken a slot, which is given back here, and takes care of the seat.
        """
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
        self.fetching.add(task)
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
            self.fetching.discard(task)
            turns.close()
            self._slots.release()

    async def _fetch(self, source: Source, state: SourceState, turns: Turns[Any], seat: Seat, now: datetime) -> Fetched:
        if self.base_url and source.url.startswith(self.base_url.rstrip("/") + "/feeds/"):
            raise SelfLoop("The address is a feed of this site")
        request = visit.ask(source, state, now)
        get = partial(self.client.get, source.url, auth=source.auth, turn=turns, large=seat.take_large)
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
                    await self._run_in_store(lambda: self._memory.hold(host, until))
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
        feed = await self._reader.read(document_of(result), source, now, first=state.entries == 0)
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
        return await self._run_in_store(lambda: self._memory.knows(ids))

    def _has_more(self, source: Source, seen: Seen) -> bool:
        """Whether the document makes us ask for something else."""
        feed = seen.feed
        return feed is not None and bool(feed.more or feed.info.new_feed_url or source.type != "feed")

    async def _follow_up(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """Ask for what the document makes us ask for."""
        follow = Follow(
            self.client,
            self._reader,
            slots=self._slots,
            turn=self._turns,
        )
        seen = await follow.parts(source, state, seen)
        seen = await follow.announced(source, state, seen)
        listing = seen.feed.whole if seen.feed is not None else None
        if self._visit_articles and seen.outcome == "ok" and listing and articles.wants_articles(source, listing):
            ids = [entry.id for entry in listing.entries if articles.is_incomplete(entry)]
            stored = await self._run_in_store(lambda: self._memory.stored(ids))
            seen = await follow.articles(source, seen, stored)
        return seen

    async def search(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """Look for another feed of the site; whatever goes wrong, the poll is what it was."""
        try:
            known = await self._run_in_store(lambda: self._memory.known(source.id))
            found = await alternatives.search(
                source,
                replace(state, last_outcome=seen.outcome),
                known,
                alternatives.Visitor(
                    self.client, self._slots, self._turns, lambda result: self._remember_hold(result, seen.now)
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

    def _turns(self) -> Turns[Any]:
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
