"""Visit sources politely without storing anything: what ``ketfeed check --online`` reports.

The poller itself does the visiting, so a look keeps every rule of a poll; only its memory forgets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from ketfeed.ingest.sandbox import Sandbox
from ketfeed.model import GOOD_OUTCOMES, Catalog, Entry, Poll, Source, SourceState, Tagging
from ketfeed.net.client import Client
from ketfeed.run.alternatives import Known
from ketfeed.run.clock import utc_now
from ketfeed.run.health import FAILING_AFTER
from ketfeed.run.poll import Poller
from ketfeed.run.service import StoreMemory, user_agent
from ketfeed.settings import Settings
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import PollCounts, PollWrite


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What one visit found."""

    source: Source
    poll: Poll
    format: str | None = None  # of the document, None when there was none
    entries: int = 0
    newest: datetime | None = None
    moved_to: str | None = None  # a permanent redirect
    https: bool = False  # an http source whose https address answers with a feed
    alternative: str | None = None  # another feed of the site of a source that is dead
    alternative_how: str = ""  # where it was found and what speaks for it

    @property
    def good(self) -> bool:
        """Whether the source answered with what it should."""
        return self.poll.outcome in GOOD_OUTCOMES


class _Forgetful:
    """A store that keeps one look and nothing else; what helps to judge comes from the real one, where there is one."""

    def __init__(self, store: Store | None, catalog: Catalog) -> None:
        self.writes: dict[str, PollWrite] = {}
        self._store = StoreMemory(store) if store is not None else None
        self._followed = [source.url for source in catalog.sources]

    def save_polls(self, batch: Sequence[PollWrite]) -> list[PollCounts]:
        for write in batch:
            self.writes[write.source.id] = write
        return [PollCounts() for _ in batch]

    def hold(self, host: str, until: datetime) -> None:
        """Holds last as long as the look; the poller keeps them itself."""

    def knows(self, entry_ids: Sequence[str]) -> bool:
        return bool(entry_ids)

    def known(self, source_id: str) -> Known:
        marks = self._store.known(source_id).marks if self._store is not None else frozenset()
        return Known(marks, self._followed)

    def stored(self, _entry_ids: Sequence[str]) -> dict[str, tuple[Entry, Tagging]]:
        return {}


async def look_at(
    settings: Settings,
    catalog: Catalog,
    sources: Sequence[Source],
    on_done: Callable[[Poll], None],
    store: Store | None = None,
) -> list[Look]:
    """Visit every source once, and the https address of those with http; looks in the order of ``sources``.

    store: knows which hosts asked to be left alone, and entries by which another feed of a dead source is recognised.
    """
    client = Client(settings, user_agent=user_agent(catalog, settings))
    sandbox = Sandbox(settings, None, prepare)
    memory = _Forgetful(store, catalog)
    poller = Poller(
        settings=settings,
        client=client,
        reader=sandbox,
        save_polls=memory.save_polls,
        memory=memory,
        holds=store.sources.holds() if store is not None else None,
        visit_articles=False,
    )
    try:
        polls = await poller.poll([(one, _suspect(one)) for one in sources], on_done)
        looks = [_look(source, poll, memory.writes.get(source.id)) for source, poll in zip(sources, polls, strict=True)]
        plain = [look for look in looks if look.good and look.source.url.lower().startswith("http://")]
        twins = [replace(look.source, url=f"https{look.source.url[4:]}") for look in plain]
        answers = await poller.poll([(twin, _unknown(twin)) for twin in twins])
        secure = {poll.source_id for poll in answers if poll.outcome in GOOD_OUTCOMES}
        return [replace(look, https=look in plain and look.source.id in secure) for look in looks]
    finally:
        await poller.stop()
        sandbox.close()
        await client.aclose()


def _suspect(source: Source) -> SourceState:
    """As if it had failed before: who looks wants to know at once whether there is another feed."""
    return SourceState(source_id=source.id, url=source.url, failures=FAILING_AFTER)


def _unknown(source: Source) -> SourceState:
    """As if its site had just been searched."""
    return SourceState(source_id=source.id, url=source.url, searched_at=utc_now())


def _look(source: Source, poll: Poll, write: PollWrite | None) -> Look:
    feed = write.feed if write is not None else None
    dates = feed.dates if feed else []
    return Look(
        source=source,
        poll=poll,
        format=feed.info.format if feed else None,
        entries=len(feed.entries) if feed else 0,
        newest=max(dates, default=None),
        moved_to=write.state.moved_to if write is not None else None,
        alternative=write.state.alternative if write is not None else None,
        alternative_how=write.state.alternative_how if write is not None else "",
    )
