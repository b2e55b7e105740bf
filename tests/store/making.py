"""Small true values for tests of the store: a catalog, sources, entries, polls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from ketfeed.model import (
    Catalog,
    Entry,
    FeedInfo,
    FeedQuery,
    NormalisedFeed,
    Outcome,
    Poll,
    Reason,
    Site,
    Source,
    SourceState,
    Tagging,
    TopicMatch,
    Validators,
    entry_id,
)
from ketfeed.store.db import Store
from ketfeed.store.ready import prepare
from ketfeed.store.records import PollCounts, PollWrite

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ALL = FeedQuery()


def source(name: str = "news", **more: Any) -> Source:  # noqa: ANN401  # whatever the value has
    values: dict[str, Any] = {
        "id": name,
        "url": f"https://{name}.example/feed",
        "title": name.title(),
        "relevance": "all",
    }
    return Source(**(values | more))


def catalog(*sources: Source, backfill: int = 20) -> Catalog:
    return Catalog(sources=sources, site=Site(backfill=backfill))


def invented(seed: str, words: int = 12) -> str:
    """Words that no other seed has, so that only what a test says makes two entries alike."""
    digest = sha256(seed.encode()).hexdigest() * 2
    return " ".join(digest[at : at + 6].translate(_LETTERS) for at in range(0, words * 6, 6))


_LETTERS = str.maketrans("0123456789", "ghijklmnop")


def entry(number: int = 1, of: str = "news", **more: Any) -> Entry:  # noqa: ANN401  # whatever the value has
    """An entry published ``number`` hours before NOW."""
    raw_id = more.get("raw_id", f"tag:{of}.example,2026:{number}")
    values: dict[str, Any] = {
        "id": entry_id(of, raw_id),
        "source_id": of,
        "raw_id": raw_id,
        "title": f"Title {number} of {of}" if number >= 0 else f"Title minus{-number} of {of}",
        "link": f"https://{of}.example/{number}",
        "canonical_link": f"{of}.example/{number}",
        "summary": f"<p>{invented(f'{of} {number}')}</p>",
        "excerpt": invented(f"{of} {number}"),
        "content": f"<p>Words of content {number}</p>",
        "text": f"Words of content {number}",
        "published": NOW - number * HOUR,
    }
    return Entry(**(values | more))


def tags(*topics: str, relevant: bool = True, **more: Any) -> Tagging:  # noqa: ANN401  # whatever the value has
    matches = tuple(
        TopicMatch(topic=topic, reasons=(Reason(topic, "title", 0, topic.upper()),), score=1.0) for topic in topics
    )
    return Tagging(matches=matches, relevant=relevant, **more)


def write(
    entries: Sequence[Entry] | None,
    taggings: Sequence[Tagging] | None = None,
    of: Source | None = None,
    at: datetime = NOW,
    outcome: Outcome = "ok",
    **state: Any,  # noqa: ANN401  # whatever a state has
) -> PollWrite:
    """A poll's outcome; entries None: nothing new to read."""
    of = of or source()
    feed = None
    if entries is not None:
        said = tuple(taggings) if taggings is not None else tuple(tags() for _ in entries)
        read = NormalisedFeed(info=FeedInfo(format="rss2.0"), entries=tuple(entries), taggings=said)
        feed = prepare(read, of, at)
    values: dict[str, Any] = {
        "validators": Validators(of.url, f'"{at.isoformat()}"'),
        "body_hash": f"hash of {at.isoformat()}",
        "next_poll_at": at + HOUR,
        "last_poll_at": at,
        "last_outcome": outcome,
    }
    return PollWrite(
        poll=Poll(source_id=of.id, url=of.url, started_at=at, outcome=outcome, bytes=100, seconds=0.5),
        state=SourceState(source_id=of.id, url=of.url, **(values | state)),
        source=of,
        feed=feed,
    )


def save(store: Store, *writes: PollWrite) -> list[PollCounts]:
    return store.entries.save_polls(writes)


def titles(store: Store, query: FeedQuery = ALL, **more: Any) -> list[str]:  # noqa: ANN401  # whatever the value has
    return [one.entry.title for one in store.entries.select(query, **more)]


def retitled(one: Entry, title: str) -> Entry:
    return replace(one, title=title)
