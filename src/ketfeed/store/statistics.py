"""Counts for editors: what a source brings, what the whole store holds. Read for pages and reports, never for feeds."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import combinations, pairwise

from sqlalchemy import Connection, func, select

from ketfeed.store.engine import Database
from ketfeed.store.reading import read_entries
from ketfeed.store.records import StoredEntry
from ketfeed.store.schema import ENTRY, LISTING, MATCH, SOURCE
from ketfeed.store.times import from_us, to_us

DAY_US = 86_400_000_000
HOUR_US = DAY_US // 24
WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatistics:
    """What one source brought in a time, by sort date."""

    entries: int
    relevant: int  # by the rules
    public: int  # stand in the source's feed
    first: int  # stories it was the first to bring, of those told by several sources
    shared: int  # stories it shares with other sources
    topics: dict[str, int]  # by the rules, most frequent first
    kinds: dict[str, int]
    newest: tuple[StoredEntry, ...]  # up to 10, newest first, public or not


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """What the whole store brought in a time, by sort date; every mapping most frequent first."""

    since: datetime
    until: datetime
    sources: dict[str, tuple[int, int]]  # source → (entries, relevant)
    topics: dict[str, int]  # stories in the topic's feed
    topics_by_week: dict[str, tuple[int, ...]]  # topic → stories per week, the oldest week first
    kinds: dict[str, int]  # stories
    hours: tuple[int, ...]  # 24 counts of entries by the hour of their publication, UTC
    weekdays: tuple[int, ...]  # 7 counts of entries by day, Monday first
    overlap: dict[tuple[str, str], int]  # pairs of sources → stories both told
    stories: tuple[tuple[StoredEntry, int], ...]  # most covered: (primary, number of sources), up to 20


class Statistics:
    """Part of Store."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def weekly(self, now: datetime, weeks: int = 12) -> dict[str, tuple[int, ...]]:
        """Entries per week of every source, the oldest week first, by sort date; for sparklines.

        The last number counts the seven days up to ``now``. Sources without any entry in the time are left out.
        """
        until = to_us(now)
        week_us = 7 * DAY_US
        since = until - weeks * week_us
        week = (ENTRY.c.sort_at - since) // week_us
        by = ENTRY.c.source + 0  # not a plain column: the index on dates is the shorter way to the answer
        counts: defaultdict[int, list[int]] = defaultdict(lambda: [0] * weeks)
        with self._database.read() as connection:
            rows = connection.execute(
                select(by.label("by"), week.label("week"), func.count())
                .where(ENTRY.c.sort_at > since, ENTRY.c.sort_at <= until)
                .group_by("by", "week")
            )
            for source, at, number in rows:
                counts[source][min(int(at), weeks - 1)] += number
            names = _names(connection)
        return {names[source]: tuple(numbers) for source, numbers in counts.items()}

    def source(self, source_id: str, now: datetime, days: int = 30) -> SourceStatistics | None:
        """What a source brought in the last ``days`` days; None when it was never there."""
        since = to_us(now) - days * DAY_US
        with self._database.read() as connection:
            number = connection.execute(select(SOURCE.c.number).where(SOURCE.c.id == source_id)).scalar_one_or_none()
            if number is None:
                return None
            mine = (ENTRY.c.source == number, ENTRY.c.sort_at > since)
            rows = connection.execute(
                select(ENTRY.c.number, ENTRY.c.story, ENTRY.c.relevant, ENTRY.c.kind).where(*mine)
            ).all()
            topics = connection.execute(
                select(MATCH.c.topic, func.count())
                .join(ENTRY, ENTRY.c.number == MATCH.c.entry)
                .where(*mine)
                .group_by(MATCH.c.topic)
            ).all()
            public = connection.execute(
                select(func.count()).where(LISTING.c.feed == f"s:{number}", LISTING.c.sort_at > since)
            ).scalar_one()
            others = _told_by_others(connection, {row.story for row in rows}, number)
            newest = (
                select(ENTRY.c.number)
                .where(ENTRY.c.source == number)
                .order_by(ENTRY.c.sort_at.desc(), ENTRY.c.number.desc())
                .limit(10)
            )
            entries = read_entries(connection, connection.execute(newest).scalars().all())
        return SourceStatistics(
            entries=len(rows),
            relevant=sum(row.relevant for row in rows),
            public=public,
            first=sum(row.number < others[row.story] for row in rows if row.story in others),
            shared=len(others),
            topics=_most_frequent(dict(topics)),
            kinds=_most_frequent(Counter(row.kind for row in rows)),
            newest=tuple(entries),
        )

    def overview(self, since: datetime, until: datetime) -> Overview:
        """What was brought between two times (from, inclusive; to, exclusive)."""
        first, last = to_us(since), to_us(until)
        weeks = max(1, -((first - last) // (7 * DAY_US)))
        names: dict[int, str]
        brought: Counter[int] = Counter()
        relevant: Counter[int] = Counter()
        hours, weekdays = [0] * 24, [0] * 7
        by_week: defaultdict[str, list[int]] = defaultdict(lambda: [0] * weeks)
        kinds: Counter[str] = Counter()
        tellers: defaultdict[int, set[int]] = defaultdict(set)
        with self._database.read() as connection:
            names = _names(connection)
            within = (ENTRY.c.sort_at >= first, ENTRY.c.sort_at < last)
            columns = (ENTRY.c.source, ENTRY.c.story, ENTRY.c.relevant, ENTRY.c.published)
            for source, story, is_relevant, published in connection.execute(select(*columns).where(*within)):
                brought[source] += 1
                relevant[source] += bool(is_relevant)
                if is_relevant:
                    tellers[story].add(source)
                if published is not None:
                    hours[published // HOUR_US % 24] += 1
                    weekdays[(published // DAY_US + 3) % 7] += 1  # 1 January 1970 was a Thursday
            places = select(LISTING.c.feed, LISTING.c.sort_at, LISTING.c.kind).where(
                LISTING.c.sort_at >= first,
                LISTING.c.sort_at < last,
                (LISTING.c.feed == "all") | LISTING.c.feed.like("t:%"),
            )
            for feed, sort_at, kind in connection.execute(places):
                if feed == "all":
                    kinds[kind] += 1
                else:
                    by_week[feed[2:]][min((sort_at - first) // (7 * DAY_US), weeks - 1)] += 1
            several = sorted(
                (story for story in tellers if len(tellers[story]) > 1), key=lambda one: -len(tellers[one])
            )
            stories = _primaries(connection, several[:20])
        overlap = Counter(pair for sources in tellers.values() for pair in combinations(sorted(sources), 2))
        return Overview(
            since=since,
            until=until,
            sources={names[one]: (number, relevant[one]) for one, number in brought.most_common()},
            topics=_most_frequent({topic: sum(numbers) for topic, numbers in by_week.items()}),
            topics_by_week={topic: tuple(numbers) for topic, numbers in sorted(by_week.items())},
            kinds=_most_frequent(kinds),
            hours=tuple(hours),
            weekdays=tuple(weekdays),
            overlap={(names[one], names[other]): number for (one, other), number in overlap.most_common()},
            stories=tuple((entry, len(tellers[story])) for story, entry in stories),
        )

    def gaps(self, source_id: str, limit: int = 50) -> list[float]:
        """Seconds between the newest entries of a source, by sort date, newest gap first."""
        question = (
            select(ENTRY.c.sort_at)
            .join(SOURCE, SOURCE.c.number == ENTRY.c.source)
            .where(SOURCE.c.id == source_id)
            .order_by(ENTRY.c.sort_at.desc())
            .limit(limit + 1)
        )
        with self._database.read() as connection:
            dates = [from_us(one) for one in connection.execute(question).scalars()]
        return [(later - earlier).total_seconds() for later, earlier in pairwise(dates)]


def _names(connection: Connection) -> dict[int, str]:
    return {row.number: row.id for row in connection.execute(select(SOURCE.c.number, SOURCE.c.id))}


def _told_by_others(connection: Connection, stories: set[int], source: int) -> dict[int, int]:
    """Story → the number of its first entry of another source."""
    found: dict[int, int] = {}
    ordered = sorted(stories)
    for start in range(0, len(ordered), 400):
        rows = connection.execute(
            select(ENTRY.c.story, func.min(ENTRY.c.number))
            .where(ENTRY.c.story.in_(ordered[start : start + 400]), ENTRY.c.source != source)
            .group_by(ENTRY.c.story)
        )
        found.update(dict(rows.all()))
    return found


def _primaries(connection: Connection, stories: Sequence[int]) -> list[tuple[int, StoredEntry]]:
    """The entry each story is shown by, for stories that stand in feeds, in the order given."""
    if not stories:
        return []
    rows = connection.execute(
        select(LISTING.c.story, LISTING.c.entry).where(LISTING.c.feed == "all", LISTING.c.story.in_(stories))
    )
    shown = dict(rows.all())
    entries = {one.number: one for one in read_entries(connection, list(shown.values()))}
    return [(story, entries[shown[story]]) for story in stories if story in shown]


def _most_frequent(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
