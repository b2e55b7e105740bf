"""What a document makes us ask for beside itself: parts of a sitemap, pages of articles, an announced new address.

    document read ─┬ sitemap index        ─▶ its newest sitemaps, joined
                   ├ itunes:new-feed-url  ─▶ is the same feed there? (once a day)
                   └ page or sitemap      ─▶ article pages of new entries that lack a date or a summary (once each)

Each request takes a slot and its turn at the host like any poll. None may fail the poll: what cannot be had is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from urllib.parse import urlsplit

from ketfeed.errors import PollError
from ketfeed.ingest.limits import Document
from ketfeed.ingest.survey import Kind, Links, Survey
from ketfeed.model import Auth, Entry, FetchResult, Source, SourceState, Tagging, Validators
from ketfeed.net.client import FEED_ACCEPT, PAGE_ACCEPT, outcome_error
from ketfeed.run import articles, visit
from ketfeed.run.visit import Seen
from ketfeed.store.ready import ReadyFeed, prepare

if TYPE_CHECKING:
    from ketfeed.ingest.child import Completed

SITEMAPS = 5  # parts of an index read in one poll, the newest

Turn = Callable[[str], AbstractAsyncContextManager[None]]
Stored = Mapping[str, tuple[Entry, Tagging]]


class Fetcher(Protocol):
    """What polls need of ketfeed.net.client.Client."""

    async def get(
        self,
        url: str,
        *,
        validators: Validators | None = None,
        headers: Sequence[tuple[str, str]] = (),
        auth: Auth | None = None,
        accept: str = FEED_ACCEPT,
        turn: Turn | None = None,
        large: Callable[[], Awaitable[None]] | None = None,
    ) -> FetchResult: ...


class Reader(Protocol):
    """What polls need of ketfeed.ingest.sandbox.Sandbox, whose children ``prepare`` what they read."""

    async def read(self, document: Document, source: Source, now: datetime, *, first: bool = False) -> ReadyFeed: ...

    async def complete(self, document: Document, entry: Entry, source: Source, now: datetime) -> Completed: ...

    async def survey(self, document: Document, kind: Kind, now: datetime) -> Survey: ...

    async def links(self, document: Document) -> Links: ...


def document_of(result: FetchResult) -> Document:
    """The body of a reply, with what is needed to read it."""
    return Document(
        body=result.body,
        content_type=result.header("content-type"),
        url=result.final_url,
        content_location=result.header("content-location"),
    )


class Follow:
    """Further requests of one poll.

    slots: the polls at a time. turn: makes the turns of one request. stored: entries known already, by id.
    """

    def __init__(
        self,
        client: Fetcher,
        reader: Reader,
        *,
        slots: asyncio.Semaphore,
        turn: Callable[[], Turn],
    ) -> None:
        self._client = client
        self._reader = reader
        self._slots = slots
        self._turn = turn

    async def parts(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """The newest sitemaps of an index, joined into the feed of this poll.

        An index says nothing about whether its parts changed, so neither its hash nor its validators are kept.
        """
        assert seen.feed is not None  # noqa: S101  # called for documents
        if not seen.feed.more:
            return seen
        feeds = [seen.feed.whole]
        for url in seen.feed.more[:SITEMAPS]:
            try:
                result = await self._get(url, source, FEED_ACCEPT)
                feeds.append((await self._reader.read(document_of(result), source, seen.now)).whole)
            except PollError:
                continue
        from ketfeed.ingest.normalise import joined  # rare, and brings the parser's libraries into this process

        feed = prepare(joined([one for one in feeds if one is not None]), source, seen.now, first=False)
        same = bool(feed.entries_hash) and feed.entries_hash == state.entries_hash
        return replace(seen, feed=feed, outcome="not_modified" if same else "ok", body_hash=None, keep_validators=False)

    async def announced(self, source: Source, state: SourceState, seen: Seen) -> Seen:
        """The feed's own new address, if it answers with the same feed."""
        assert seen.feed is not None  # noqa: S101  # called for documents
        target = seen.feed.info.new_feed_url
        if seen.moved_to is not None or target is None or target == source.url:
            return seen
        if target == state.moved_to and not visit.is_another_day(state, seen.now):
            return replace(seen, moved_to=target)
        try:
            result = await self._get(target, source, FEED_ACCEPT)
            other = await self._reader.read(document_of(result), source, seen.now)
        except PollError:
            return seen
        here, there = ({entry.raw_id for entry in feed.entries} for feed in (seen.feed, other))
        return replace(seen, moved_to=target) if here & there else seen

    async def articles(self, source: Source, seen: Seen, stored: Stored) -> Seen:
        """The feed with what article pages say, each visited once: entries in ``stored`` were."""
        assert seen.feed is not None  # noqa: S101  # called for documents
        listing = seen.feed.whole
        assert listing is not None  # noqa: S101  # of a page or sitemap
        visited: dict[str, tuple[Entry, Tagging | None]] = {}
        for entry in articles.to_visit(listing, stored):
            assert entry.link is not None  # noqa: S101  # an incomplete entry has one
            try:
                result = await self._get(entry.link, source, PAGE_ACCEPT)
                found = await self._reader.complete(document_of(result), entry, source, seen.now)
            except PollError:
                continue
            visited[entry.id] = (found.entry, found.tagging)
        whole = prepare(articles.completed(listing, stored, visited), source, seen.now, first=False)
        return replace(
            seen, feed=replace(whole, entries_hash=seen.feed.entries_hash)
        )  # the listing's, as asked next time

    async def _get(self, url: str, source: Source, accept: str) -> FetchResult:
        """One document; the source's own headers and credentials go to its own origin only. Raises PollError."""
        at_home = _origin(url) == _origin(source.url)
        headers, auth = (source.headers, source.auth) if at_home else ((), None)
        async with self._slots:
            result = await self._client.get(url, headers=headers, auth=auth, accept=accept, turn=self._turn())
        error = outcome_error(result)
        if error is not None:
            raise error
        return result


def _origin(url: str) -> tuple[str, str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return "", url
    return parts.scheme.lower(), parts.netloc.lower()
