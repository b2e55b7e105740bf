"""select: the entries of a feed, one per story, newest first, capped per source.

Feeds are read from ``listing``, where only what is public has a place and where each feed lies in its own order: a feed
of 50 entries reads about 50 places, however many entries are stored. A query over several feeds walks them side by
side like a merge; what else it asks (kind, source, language, words) is checked while walking.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

from sqlalchemy import Connection, Row, Select, select

from ketfeed.model import FeedQuery
from ketfeed.store import fulltext
from ketfeed.store.listing import ALL, PINNED, UNTAGGED, kind_feed, source_feed, topic_feed
from ketfeed.store.records import Standing
from ketfeed.store.schema import ENTRY, LISTING, SOURCE
from ketfeed.store.times import to_us

STEP = 200  # places read at a time
FARTHEST = 20_000
"""Places looked at before a query gives up: one that asks for what hardly exists must not read the whole store."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How a query is answered: which feeds to walk, and what to check on the way."""

    walk: tuple[str, ...]  # feeds whose places are candidates; merged, newest first
    also: tuple[str, ...] = ()  # feeds the story must stand in, too
    kinds: frozenset[str] = frozenset()
    sources: frozenset[int] = frozenset()
    not_sources: frozenset[int] = frozenset()
    languages: tuple[str, ...] = ()
    words: str | None = None

    @property
    def single(self) -> str | None:
        """The one feed that answers the query without any check, if that is so."""
        plain = not (self.also or self.kinds or self.sources or self.not_sources or self.languages or self.words)
        return self.walk[0] if plain and len(self.walk) == 1 else None


def plan(query: FeedQuery, numbers: dict[str, int]) -> Plan:
    """Decide how to answer a query. Pure; ``numbers`` are the source numbers by id. Unknown sources match nothing."""
    topics = tuple(topic_feed(topic) for topic in query.topics)
    kinds = tuple(kind_feed(kind) for kind in query.kinds)
    sources = tuple(source_feed(numbers.get(one, -1)) for one in query.sources)
    marks = tuple(mark for mark, asked in ((PINNED, query.pinned), (UNTAGGED, query.untagged)) if asked)
    also: list[str] = []
    checks: dict[str, Any] = {
        "not_sources": frozenset(numbers[one] for one in query.not_sources if one in numbers),
        "languages": tuple(language.lower() for language in query.languages),
        "words": query.words,
    }
    walk: tuple[str, ...]
    if topics and (query.match == "all" or len(topics) == 1):
        walk, also = topics[:1], list(topics[1:])
    elif topics:
        walk = topics
    elif marks:
        walk, marks = marks[:1], marks[1:]
    elif sources:
        walk, sources = sources, ()
    elif kinds:
        walk, kinds = kinds, ()
    else:
        walk = (ALL,)
    if kinds:
        checks["kinds"] = frozenset(query.kinds)
    if sources:
        checks["sources"] = frozenset(numbers.get(one, -1) for one in query.sources)
    return Plan(walk=walk, also=(*also, *marks), **checks)


def select_numbers(
    connection: Connection,
    query: FeedQuery,
    *,
    max_per_source: int | None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[int]:
    """Entry numbers of a feed, newest first.

    ``since`` and ``until`` bound the sort date (from, inclusive; to, exclusive). ``max_per_source`` None: no cap.
    """
    how = plan(query, source_numbers(connection))
    taken: list[int] = []
    stories: set[int] = set()
    per_source: Counter[int] = Counter()
    looked = 0
    for place in _walk(connection, how, since, until):
        looked += 1
        if looked > FARTHEST:
            break
        if place.story in stories or (max_per_source is not None and per_source[place.source] >= max_per_source):
            continue
        if not _fits(place, how) or not _elsewhere(connection, place, how):
            continue
        stories.add(place.story)
        per_source[place.source] += 1
        taken.append(place.entry)
        if len(taken) >= query.limit:
            break
    return taken


def source_numbers(connection: Connection) -> dict[str, int]:
    """Numbers of sources by id."""
    return dict(connection.execute(select(SOURCE.c.id, SOURCE.c.number)).all())


def _walk(connection: Connection, how: Plan, since: datetime | None, until: datetime | None) -> Iterator[Row[Any]]:
    if how.words is not None:
        words = fulltext.understand(how.words)
        numbers = None if words.empty else fulltext.few(connection, words)
        if numbers is not None:
            return iter(_places_of(connection, how.walk, numbers, since, until))
    walks = [_places(connection, feed, since, until) for feed in how.walk]
    return walks[0] if len(walks) == 1 else merge(*walks, key=lambda place: (-place.sort_at, -place.entry))


def _places(connection: Connection, feed: str, since: datetime | None, until: datetime | None) -> Iterator[Row[Any]]:
    """The places of one feed, newest first, read a step at a time."""
    last: tuple[int, int] | None = None
    while True:
        question = newest(feed, STEP, last, since, until)
        rows = connection.execute(question).all()
        yield from rows
        if len(rows) < STEP:
            return
        last = (rows[-1].sort_at, rows[-1].entry)


def _places_of(
    connection: Connection, feeds: Sequence[str], numbers: Sequence[int], since: datetime | None, until: datetime | None
) -> list[Row[Any]]:
    """The places some entries have in some feeds, newest first: the shorter way when words leave few entries."""
    found: list[Row[Any]] = []
    for start in range(0, len(numbers), STEP):
        part = numbers[start : start + STEP]
        question = (
            select(LISTING)
            .join(ENTRY, (ENTRY.c.number == LISTING.c.entry) & (ENTRY.c.story == LISTING.c.story))
            .where(ENTRY.c.number.in_(part), LISTING.c.feed.in_(feeds))
        )
        found += connection.execute(_between(question, since, until))
    return sorted(found, key=lambda place: (-place.sort_at, -place.entry))


def _between(question: Select[Any], since: datetime | None, until: datetime | None) -> Select[Any]:
    if since is not None:
        question = question.where(LISTING.c.sort_at >= to_us(since))
    if until is not None:
        question = question.where(LISTING.c.sort_at < to_us(until))
    return question


def newest(
    feed: str,
    limit: int,
    after: tuple[int, int] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Select[Any]:
    """The hot question: a feed's places, newest first, from ``after`` (sort_at, entry) on."""
    question = select(LISTING).where(LISTING.c.feed == feed)
    if after is not None:
        at, entry = after
        question = question.where(LISTING.c.sort_at <= at, (LISTING.c.sort_at < at) | (LISTING.c.entry < entry))
    question = _between(question, since, until)
    return question.order_by(LISTING.c.sort_at.desc(), LISTING.c.entry.desc()).limit(limit)


def _fits(place: Row[Any], how: Plan) -> bool:
    if how.kinds and place.kind not in how.kinds:
        return False
    if how.sources and place.source not in how.sources:
        return False
    if place.source in how.not_sources:
        return False
    return not how.languages or speaks(place.language, how.languages)


def speaks(language: str | None, wanted: Sequence[str]) -> bool:
    """Basic filtering of RFC 4647: ``en`` takes ``en`` and ``en-GB``."""
    if language is None:
        return False
    said = language.lower()
    return any(said == one or said.startswith(f"{one}-") for one in wanted)


def _elsewhere(connection: Connection, place: Row[Any], how: Plan) -> bool:
    """What the place itself does not say: the story's other feeds, and the words."""
    if how.also:
        feeds = set(connection.execute(select(LISTING.c.feed).where(LISTING.c.story == place.story)).scalars())
        if not feeds.issuperset(how.also):
            return False
    return how.words is None or fulltext.says(connection, place.entry, how.words)


COUNTED = 1000  # places counted before a standing


def standings(connection: Connection, story: int) -> list[Standing]:
    """Where a story stands, feed by feed."""
    places = connection.execute(select(LISTING).where(LISTING.c.story == story).order_by(LISTING.c.feed)).all()
    names = {number: name for name, number in source_numbers(connection).items()}
    found = []
    for place in places:
        newer = (
            select(LISTING.c.source)
            .where(
                LISTING.c.feed == place.feed,
                LISTING.c.sort_at >= place.sort_at,
                (LISTING.c.sort_at > place.sort_at) | (LISTING.c.entry > place.entry),
            )
            .limit(COUNTED)
        )
        sources = list(connection.execute(newer).scalars())
        shown = connection.execute(select(ENTRY.c.id).where(ENTRY.c.number == place.entry)).scalar_one()
        feed = f"s:{names[int(place.feed[2:])]}" if place.feed.startswith("s:") else place.feed
        found.append(
            Standing(feed=feed, entry_id=shown, rank=len(sources) + 1, source_rank=sources.count(place.source) + 1)
        )
    return found
