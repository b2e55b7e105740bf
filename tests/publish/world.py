"""A small real store with entries of our own, for tests of publish/ and web/."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ketfeed.model import (
    Catalog,
    Entry,
    FeedInfo,
    FeedQuery,
    NormalisedFeed,
    Person,
    Poll,
    Reason,
    RuleSet,
    Site,
    Source,
    SourceState,
    Tagging,
    TopicMatch,
    TopicRule,
    entry_id,
)
from ketfeed.publish.document import Format
from ketfeed.publish.feeds import Publisher
from ketfeed.publish.select import find
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import FeedVersion, PollWrite, SourceFacts, StoredEntry

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
BASE = "https://feeds.example.org"

TOPICS = (
    TopicRule(id="depression", title="Depression", description="Depressive disorders and their treatment."),
    TopicRule(id="ptsd", title="PTSD", description="Post-traumatic stress."),
    TopicRule(id="pain", title="Pain", description="Relief of pain."),
)
SOURCES = (
    Source(id="alpha", url="https://alpha.example/feed", title="Alpha News", homepage="https://alpha.example/",
           publish="full", relevance="all", language="en"),
    Source(id="beta", url="https://beta.example/rss", title="Beta & Sons", homepage="https://beta.example/",
           publish="summary", relevance="all"),
    Source(id="gamma", url="https://gamma.example/page", type="page", title="Gamma", publish="link", relevance="all"),
)  # fmt: skip


def catalog(**site: Any) -> Catalog:  # noqa: ANN401  # any field of it
    """Three topics and three sources, one for each way of publishing."""
    return Catalog(
        site=Site(title="Ketamine feeds", description="News and research, each story once.", base_url=BASE, **site),
        sources=SOURCES,
        rules=RuleSet(topics=TOPICS, digest="r1"),
        digest=f"c1{sorted(site.items())}",
    )


def entry(raw_id: str, source: str = "alpha", **fields: Any) -> Entry:  # noqa: ANN401  # any field of it
    """An entry with everything a test does not care about filled in; no two are alike enough to be one story."""
    said = unlike(f"{source} {raw_id}")
    fields.setdefault("title", f"Entry {raw_id}: {said}")
    fields.setdefault("link", f"https://{source}.example/{raw_id}")
    fields.setdefault("excerpt", f"What {said} says in one sentence.")
    fields.setdefault("content", f"<p>What <em>{said}</em> says at length.</p>")
    fields.setdefault("text", f"What {said} says at length.")
    fields.setdefault("published", NOW - timedelta(hours=1))
    fields.setdefault("authors", (Person("Ann Author"),))
    return Entry(id=entry_id(source, raw_id), source_id=source, raw_id=raw_id, **fields)


def unlike(seed: str) -> str:
    """Eight made-up words that no other seed has."""
    letters = hashlib.sha256(seed.encode()).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))
    return " ".join(letters[start : start + 7] for start in range(0, 56, 7))


def about(*topics: str, **fields: Any) -> Tagging:  # noqa: ANN401  # any field of it
    """A tagging that gives these topics for a word in the title."""
    fields.setdefault("relevant", True)
    matches = tuple(TopicMatch(one, (Reason(one, "title", 0, one.upper(), 1.0),), 1.0) for one in topics)
    return Tagging(matches=matches, **fields)


def poll(
    store: Store,
    source: Source,
    told: Sequence[tuple[Entry, Tagging]],
    now: datetime = NOW,
) -> None:
    """Save one poll of a source, as the poller would."""
    state = SourceState(source_id=source.id, url=source.url, last_poll_at=now, last_ok_at=now, last_outcome="ok")
    feed = NormalisedFeed(
        info=FeedInfo(format="rss2.0"),
        entries=tuple(one for one, _ in told),
        taggings=tuple(tagging for _, tagging in told),
    )
    row = Poll(source_id=source.id, url=source.url, started_at=now, outcome="ok", http_status=200)
    (counts,) = store.entries.save_polls(
        [PollWrite(poll=row, state=state, source=source, feed=prepare(feed, source, now))]
    )
    assert counts.error is None, counts.error


def open_store(folder: Path, made: Catalog | None = None) -> Store:
    """An empty store that knows the catalog's sources."""
    store = Store.open(f"sqlite:///{folder / 'ketfeed.db'}")
    store.sources.sync(made or catalog(), NOW - timedelta(days=30))
    return store


FACTS = {
    one.id: SourceFacts(
        id=one.id, title=one.title, homepage=one.homepage, url=one.url, publish=one.publish, language=one.language,
        licence=one.licence, priority=one.priority, active=True,
    )
    for one in SOURCES
}  # fmt: skip


def stored(one: Entry, tagging: Tagging | None = None, **fields: Any) -> StoredEntry:  # noqa: ANN401  # any field of it
    """An entry as the store would hand it out, without a store."""
    tagging = tagging or about("ptsd")
    first_seen = fields.setdefault("first_seen", NOW)
    fields.setdefault("source", FACTS[one.source_id])
    fields.setdefault("sort_at", min(one.published or first_seen, first_seen))
    fields.setdefault("changed_at", first_seen)
    return StoredEntry(
        number=fields.pop("number", 1),
        entry=one,
        tagging=tagging,
        rule_tagging=tagging,
        announced=True,
        hidden=False,
        pinned=fields.pop("pinned", False),
        visible=True,
        story_id=fields.pop("story_id", one.id),
        primary=fields.pop("primary", True),
        **fields,
    )


class Shelf:  # its methods have the store's arguments, needed or not
    """A store of fixed entries, for tests of rendering alone."""

    def __init__(self, entries: Sequence[StoredEntry], version: int = 1) -> None:
        self.entries = self
        self._entries = list(entries)
        self._version = version

    def version(self) -> int:
        return self._version

    def select(
        self,
        query: FeedQuery,
        *,
        max_per_source: int | None = 15,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> list[StoredEntry]:
        return [
            one
            for one in self._entries
            if (since is None or one.sort_at >= since) and (until is None or one.sort_at < until)
        ][: query.limit]

    def story(self, story: str) -> list[StoredEntry]:
        return [one for one in self._entries if one.story_id == story]

    def find(self, entry_id: str) -> StoredEntry | None:
        return next((one for one in self._entries if one.entry.id == entry_id), None)

    def search(self, words: str, limit: int = 20, *, public: bool = False) -> list[StoredEntry]:
        return [one for one in self._entries if words in one.entry.title][:limit]

    def counts(self) -> dict[str, dict[str, int]]:
        return {"all": {"": len(self._entries)}}

    def feed_version(self, query: FeedQuery) -> FeedVersion | None:
        return None

    def archive(self, query: FeedQuery) -> tuple[int, int]:
        return 0, 0

    def archive_page(self, query: FeedQuery, page: int) -> list[StoredEntry]:
        return []


def rendered(entries: Sequence[StoredEntry], form: Format, made: Catalog | None = None) -> bytes:
    """The bytes of the feed ``all`` of fixed entries."""
    publisher = Publisher(Shelf(entries), made or catalog(), BASE)
    feed = find(publisher.catalog, "all")
    assert feed is not None
    return publisher.render(feed, form, NOW).body
