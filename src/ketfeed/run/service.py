"""The composition root of polling, and the poller's process.

    ketfeed poller   due sources → fetch → read → store       (niced: readers come first)
    ketfeed web      store → feeds and pages                  (front.py)

``ketfeed serve`` watches over both (supervise.py, keep.py); each also runs alone. They meet only in the store.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import structlog

from ketfeed import __version__
from ketfeed.ingest.sandbox import Sandbox
from ketfeed.ingest.survey import marks_of
from ketfeed.model import Catalog, Entry, Poll, Source, SourceState, Tagging
from ketfeed.net.client import Client
from ketfeed.run.alternatives import Known
from ketfeed.run.cadence import HINT_MAX, HOUR
from ketfeed.run.clock import utc_now
from ketfeed.run.due import TICK, DuePolls
from ketfeed.run.keep import end_with_supervisor
from ketfeed.run.live import FILES, LiveCatalog
from ketfeed.run.loop import run_in_loop
from ketfeed.run.memory import give_back_freed_memory
from ketfeed.run.notify import Notifier, change_of
from ketfeed.run.poll import Poller
from ketfeed.run.retag import RetagWalk
from ketfeed.run.retag import begin as begin_tagging
from ketfeed.settings import Settings
from ketfeed.store.db import Store
from ketfeed.store.ready import ReadyFeed, prepare
from ketfeed.store.records import PollCounts, PollWrite

if TYPE_CHECKING:
    from ketfeed.publish.feeds import Publisher
    from ketfeed.publish.push import Push

log = structlog.get_logger()

NICE = 10  # the poller gives way to the web process
LOOK_FOR_CHANGES = 2.0  # seconds between two looks at whether hubs want to know something


def user_agent(catalog: Catalog, settings: Settings) -> str:
    """Who asks, where to find us, and what it is for: ``ketfeed/0.1.0 (+https://…; 14 topic feeds)``."""
    base = _base_url(settings, catalog)
    feeds = f"{len(catalog.rules.topics)} topic feeds"
    return f"ketfeed/{__version__} (+{base}; {feeds})" if base else f"ketfeed/{__version__} ({feeds})"


def _base_url(settings: Settings, catalog: Catalog) -> str | None:
    return settings.base_url or catalog.site.base_url


OnStored = Callable[[SourceState, PollWrite, PollCounts], None]


@dataclass(slots=True)
class Polling:
    """A poller with what it works with, and the way to take up a changed catalog."""

    settings: Settings
    poller: Poller
    sandbox: Sandbox[ReadyFeed]

    def take_up(self, catalog: Catalog) -> None:
        """From the next poll on: the catalog's rules, User-Agent and address."""
        self.sandbox.set_rules(catalog.rules)
        self.poller.use(
            client=Client(self.settings, user_agent=user_agent(catalog, self.settings)),
            base_url=_base_url(self.settings, catalog),
        )


@asynccontextmanager
async def polling(
    settings: Settings,
    catalog: Catalog,
    store: Store,
    clock: Callable[[], datetime] = utc_now,
    on_stored: OnStored | None = None,
) -> AsyncIterator[Polling]:
    """A poller with its client and its parser processes, which end with the block."""
    give_back_freed_memory()
    begin_tagging(store, catalog.rules)
    client = Client(settings, user_agent=user_agent(catalog, settings))
    sandbox = Sandbox(settings, catalog.rules, prepare)
    poller = Poller(
        settings=settings,
        client=client,
        reader=sandbox,
        save_polls=store.entries.save_polls,
        join_index=store.entries.join_index,
        memory=StoreMemory(store),
        holds=dict(store.sources.holds()),
        base_url=_base_url(settings, catalog),
        clock=clock,
        on_stored=on_stored,
    )
    try:
        yield Polling(settings, poller, sandbox)
    finally:
        await poller.stop()
        sandbox.close()
        await client.aclose()


class Notices:
    """What the poller tells others: health of sources as polls show it, feeds as the store's version shows them."""

    def __init__(self, settings: Settings, catalog: Catalog, store: Store) -> None:
        self._settings = settings
        self._store = store
        self._version = -1
        self._publisher: Publisher | None = None  # both are made when there is a hub to tell
        self._push: Push | None = None
        self._catalog = catalog
        self.notifier = Notifier(settings, self._client(catalog), catalog.site, self._changed_feeds)

    def stored(self, before: SourceState, write: PollWrite, counts: PollCounts) -> None:
        """Notice what a poll did to its source."""
        change = change_of(before, write.state, write.poll.started_at)
        if change is not None and counts.error is None:
            self.notifier.health_changed(change)

    async def look(self) -> None:
        """Notice whether any feed shows something else, by polls, rules or editors."""
        if self.notifier.site.hubs and _base_url(self._settings, self._catalog):  # a hub wants whole addresses
            version = await asyncio.to_thread(self._store.version)
            if self._version < 0:
                await self._changed_feeds()  # what is there at the start is no news
            elif version != self._version:
                self.notifier.feeds_changed()
            self._version = version

    def take_up(self, catalog: Catalog) -> None:
        """Tell by a changed catalog from now on."""
        self._catalog = catalog
        if self._publisher is not None:
            self._publisher.use(catalog)
        self.notifier.client = self._client(catalog)
        self.notifier.site = catalog.site

    async def _changed_feeds(self) -> list[str]:
        if self._push is None:
            from ketfeed.publish.feeds import Publisher
            from ketfeed.publish.push import Push

            base_url = _base_url(self._settings, self._catalog) or ""
            self._publisher = Publisher(self._store, self._catalog, base_url)
            self._push = Push(self._publisher)
        return await asyncio.to_thread(self._push.changed)

    def _client(self, catalog: Catalog) -> Client:
        return Client(self._settings, user_agent=user_agent(catalog, self._settings))


@dataclass(frozen=True, slots=True)
class StoreMemory:
    """The store as the poller sees it."""

    store: Store

    def hold(self, host: str, until: datetime) -> None:
        self.store.sources.hold(host, until)

    def stored(self, entry_ids: Sequence[str]) -> dict[str, tuple[Entry, Tagging]]:
        found = [self.store.entries.find(entry_id) for entry_id in entry_ids]
        return {one.entry.id: (one.entry, one.rule_tagging) for one in found if one is not None}

    def known(self, source_id: str) -> Known:
        counts = self.store.statistics.source(source_id, utc_now(), days=1)
        marks = marks_of(one.entry for one in counts.newest) if counts is not None else frozenset()
        return Known(marks, [state.url for state in self.store.sources.states()])

    def knows(self, entry_ids: Sequence[str]) -> bool:
        return any(self.store.entries.find(entry_id) is not None for entry_id in entry_ids[:20])


# ---------------------------------------------------------------- the poller process


async def run_poller(settings: Settings, live: LiveCatalog, store: Store, stop: asyncio.Event) -> None:
    """Poll what is due until ``stop`` is set; takes up changed files while it runs."""
    from ketfeed.run.schedule import Schedule  # here: a single poll needs none

    loop = asyncio.get_running_loop()
    await loop.run_in_executor(None, store.sources.sync, live.catalog, utc_now())
    await loop.run_in_executor(None, _recall, settings, store)
    notices = Notices(settings, live.catalog, store)
    async with polling(settings, live.catalog, store, on_stored=notices.stored) as kit:
        poller = kit.poller
        due = DuePolls(poller, store, _by_id(live.catalog))
        walk = RetagWalk(store)
        walk.go(live.catalog.rules)

        async def take_up_files() -> None:
            if await loop.run_in_executor(None, live.refresh):
                await poller.writer.run(lambda: store.sources.sync(live.catalog, utc_now()))
                due.sources = _by_id(live.catalog)
                kit.take_up(live.catalog)
                notices.take_up(live.catalog)
                await loop.run_in_executor(None, walk.go, live.catalog.rules)

        async def forget_old_polls() -> None:
            await poller.writer.run(lambda: store.sources.forget_polls(utc_now(), settings.keep_polls))
            await poller.writer.run(lambda: store.sources.release(utc_now()))
            await poller.writer.run(lambda: _recall(settings, store))

        schedule = Schedule()
        schedule.every(TICK, due.tick, "due sources")
        schedule.every(FILES, take_up_files, "changed files")
        schedule.every(LOOK_FOR_CHANGES, notices.look, "changed feeds")
        schedule.every(3600, forget_old_polls, "old polls")
        await notices.look()
        poller.start()
        schedule.start()
        log.info("polling", sources=len(live.catalog.sources), allow_networks=[str(n) for n in settings.allow_networks])
        await stop.wait()
        _come_forward()
        schedule.stop()
        log.info("stopping", waiting=len(poller))
        await notices.notifier.stop()
        await loop.run_in_executor(None, walk.halt)


def _recall(settings: Settings, store: Store) -> None:
    """Let no source rest for years because the clock was wrong when its next poll was decided."""
    now = utc_now()
    recalled = store.sources.recall(now, now + timedelta(seconds=max(settings.max_interval, HINT_MAX) + HOUR))
    if recalled:
        log.warning("recalled", sources=recalled, reason="their next polls were set by a wrong clock")


async def poll_now(
    settings: Settings,
    catalog: Catalog,
    store: Store,
    due: Sequence[tuple[Source, SourceState]],
    on_done: Callable[[Poll], None] | None = None,
) -> list[Poll]:
    """Poll these sources in this process and return their rows in the same order."""
    async with polling(settings, catalog, store) as kit:
        return await kit.poller.poll(due, on_done)


def _by_id(catalog: Catalog) -> dict[str, Source]:
    return {source.id: source for source in catalog.sources}


def poller(settings: Settings) -> None:
    """The poller process: until SIGTERM or Ctrl-C. Raises CatalogError, StoreError."""
    live = LiveCatalog(settings.config)
    store = Store.open(settings.database)
    try:
        lock = store.lock("poller")
        _give_way()
        try:
            run_in_loop(_until_signalled(lambda stop: run_poller(settings, live, store, stop)))
        finally:
            lock.release()
    finally:
        store.close()


def _give_way() -> None:
    """Run this process and its children when nobody else wants the processor: readers of the feeds come first.

    Measured on one core under a full poll: the p99 of a feed is 17 times that at rest with nice 10, 3 times so.
    """
    if hasattr(os, "SCHED_IDLE"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    with suppress(OSError):
        os.nice(NICE)


def _come_forward() -> None:
    """Take the usual priority again, to stop in time on a busy machine; without the right to, stop as we are."""
    if hasattr(os, "SCHED_OTHER"):
        with suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


async def _until_signalled(work: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    end_with_supervisor()
    await work(stop)
