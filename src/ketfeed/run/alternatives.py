"""A source that is dead or silent: has its site another feed? Found, proved, remembered; never applied by itself.

    poll ─▶ is_wanted ─▶ homepage, else the site's root ─▶ discover ─▶ choose ─▶ Search, kept in the source's state
             (pure)       each request in its turn, like any poll       (pure)

A search is made once in some days, of few requests, and may not fail the poll it belongs to.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from ketfeed.catalog.address import address_key
from ketfeed.errors import PollError
from ketfeed.ingest.discover import Candidate, Reading, discover
from ketfeed.model import GOOD_OUTCOMES, FetchResult, Source, SourceState
from ketfeed.net.client import FEED_ACCEPT
from ketfeed.run.follow import Fetcher, Turn
from ketfeed.run.health import FAILING_AFTER, REFUSALS, is_quiet
from ketfeed.run.visit import Search, Seen

AGAIN_DEAD = timedelta(days=3)  # between two searches for a source that fails
AGAIN_QUIET = timedelta(days=14)  # and for one that answers but says nothing new
QUIET_FOR = timedelta(days=7)  # of our own visits: a feed that was old when it was added has not fallen silent on us
REQUESTS = 12  # addresses looked at on one site, beside its page
FRESH = timedelta(days=365)  # a feed without a known entry must have said something in this time

OURS = frozenset({"storage", "internal", "too_large", "parse_timeout", "self_loop", "unsupported_scheme", "bad_url"})
"""Outcomes that another address of the site would not mend."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the store knows that helps to judge a feed: marks of the source's newest entries, addresses followed."""

    marks: frozenset[str]
    followed: Collection[str]


def is_wanted(source: Source, state: SourceState, seen: Seen) -> bool:
    """Whether to look for another feed after this poll (``state`` is from before it).

    After 410 at once, because no poll follows. After three failures in a row, or when we have seen a week of silence
    longer than the source's pace explains, but not again for some days. Not where somebody refuses us.
    """
    if seen.held_until is not None or source.type != "feed":
        return False
    if seen.outcome in GOOD_OUTCOMES:
        if not _long_quiet(state, seen.now) or not _is_time(state, seen.now, AGAIN_QUIET):
            return False  # nearly always: what the document brought need not be looked at
        newest = max((date for date in seen.feed.dates if date <= seen.now), default=None) if seen.feed else None
        return is_quiet(replace(state, newest_at=newest or state.newest_at), seen.now)
    if seen.outcome in REFUSALS or seen.outcome in OURS:
        return False
    if seen.outcome == "gone":
        return True
    return state.failures + 1 >= FAILING_AFTER and _is_time(state, seen.now, AGAIN_DEAD)


def _long_quiet(state: SourceState, now: datetime) -> bool:
    since = state.health_since
    return state.health == "quiet" and since is not None and now - since >= QUIET_FOR


def _is_time(state: SourceState, now: datetime, pause: timedelta) -> bool:
    return state.searched_at is None or now - state.searched_at >= pause


def starts(source: Source) -> list[str]:
    """Where to look: the homepage, then the root of the site the feed is on."""
    root = "{0.scheme}://{0.netloc}/".format(urlsplit(source.url))
    return list(dict.fromkeys(url for url in (source.homepage, root) if url))


def choose(
    candidates: Sequence[Candidate], start: str, source: Source, state: SourceState, known: Known, now: datetime
) -> Search:
    """The best of what was found: a feed with entries we know, else one of the site that has said something lately.

    Of a source that still answers, only a feed with newer entries helps.
    """
    followed = {address_key(url) for url in (*known.followed, source.url)}
    feeds = [one for one in candidates if one.kind == "feed" and one.entries and address_key(one.url) not in followed]
    at_least = state.newest_at
    feeds = [one for one in feeds if at_least is None or (one.newest is not None and one.newest >= at_least)]
    if state.last_outcome in GOOD_OUTCOMES:
        feeds = [one for one in feeds if at_least is not None and one.newest is not None and one.newest > at_least]
    same = [one for one in feeds if one.marks & known.marks]
    fresh = [one for one in feeds if one.newest is not None and now - one.newest <= FRESH]
    for one in [*same, *fresh][:1]:
        shared = "has entries we know" if one in same else "no entry we know"
        newest = f", newest of {one.newest:%Y-%m-%d}" if one.newest else ""
        return Search(now, one.url, f"{one.found} {start}; “{one.title}”, {one.entries} entries{newest}, {shared}")
    return Search(now, None, "")


class Visitor:
    """The poller's client as discovery uses it: every request in a slot and in its turn at the host."""

    def __init__(
        self,
        client: Fetcher,
        slots: asyncio.Semaphore,
        turn: Callable[[], Turn],
        notice: Callable[[FetchResult], Awaitable[None]],
    ) -> None:
        """``notice`` is told of every reply: a Retry-After among them ends the search at that host."""
        self._client = client
        self._slots = slots
        self._turn = turn
        self._notice = notice

    async def get(self, url: str, *, accept: str = FEED_ACCEPT) -> FetchResult:
        """One document."""
        async with self._slots:
            result = await self._client.get(url, accept=accept, turn=self._turn())
        await self._notice(result)
        return result


async def search(
    source: Source, state: SourceState, known: Known, visitor: Visitor, reader: Reading, now: datetime
) -> Search:
    """Look at the source's site for another feed."""
    for start in starts(source):
        try:
            found = await discover(start, visitor, reader, now, pause=0, at_most=REQUESTS)
        except PollError:
            continue
        chosen = choose(found, start, source, state, known, now)
        if chosen.url is not None:
            return chosen
    return Search(now, None, "")
